/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "grid/grid_shape.h"
#include "grid/s2grid_error.h"

enum { MOST = UINT16_MAX };

static bool is_degree(int l)
{
    return l >= 0 && l <= MOST;
}

e3tp_status e3tp_grid_size(const int *lmax, size_t n, int lmax_out, e3tp_quadrature q, int *n_theta,
                           int *n_phi)
{
    if (!n_theta || !n_phi)
        return E3TP_E_INVALID;
    *n_theta = *n_phi = 0;
    if (!lmax || n == 0 || n > MOST / 4 || !is_degree(lmax_out) ||
        (q != E3TP_GAUSS_LEGENDRE && q != E3TP_EQUIANGULAR))
        return E3TP_E_INVALID;
    int64_t sum = lmax_out;
    for (size_t i = 0; i < n; i++) {
        if (!is_degree(lmax[i]))
            return E3TP_E_INVALID;
        sum += lmax[i];
    }
    int64_t meet = e3tp_grid_meets(lmax_out, sum);
    for (size_t i = 0; i < n; i++)
        meet += e3tp_grid_meets(lmax[i], sum);
    *n_theta = e3tp_grid_least_theta(q, (int)meet);
    *n_phi = e3tp_grid_least_phi((int)meet);
    return E3TP_OK;
}

static bool is_pointwise(e3tp_pointwise_fn phi, double sigma, int lmax, int lmax_out,
                         e3tp_quadrature q)
{
    return phi && sigma > 0 && isfinite(sigma) && lmax >= 0 && lmax <= E3TP_S2GRID_LMAX &&
           lmax_out >= 0 && lmax_out <= E3TP_S2GRID_LMAX &&
           (q == E3TP_GAUSS_LEGENDRE || q == E3TP_EQUIANGULAR);
}

e3tp_status e3tp_s2grid_error_pointwise(e3tp_pointwise_fn phi, void *ctx, double sigma, int lmax,
                                        int lmax_out, e3tp_quadrature q, int n_theta, int n_phi,
                                        double *error)
{
    if (!error)
        return E3TP_E_INVALID;
    *error = 0;
    if (!is_pointwise(phi, sigma, lmax, lmax_out, q) || n_theta < 1 || n_theta > E3TP_S2GRID_MOST ||
        n_phi < 1 || n_phi > E3TP_S2GRID_MOST)
        return E3TP_E_INVALID;
    e3tp_s2grid_spectrum s;
    E3TP_TRY(e3tp_s2grid_spectrum_create(&s, phi, ctx, sigma, lmax, lmax_out));
    const e3tp_status status = e3tp_s2grid_spectrum_error(&s, q, n_theta, n_phi, error);
    e3tp_s2grid_spectrum_destroy(&s);
    return status;
}

/* The error of the smallest grid that is exact to a degree. */
static e3tp_status error_at(const e3tp_s2grid_spectrum *s, e3tp_quadrature q, int degree,
                            double *error)
{
    return e3tp_s2grid_spectrum_error(s, q, e3tp_grid_least_theta(q, degree),
                                      e3tp_grid_least_phi(degree), error);
}

/* The smallest degree that meets the tolerance where the one before does not: doubled until it
   does, then halved. */
static e3tp_status search(const e3tp_s2grid_spectrum *s, e3tp_quadrature q, int least, int most,
                          double tolerance, int *degree, double *error)
{
    int fails = least - 1, meets = least;
    for (;;) {
        E3TP_TRY(error_at(s, q, meets, error));
        if (*error <= tolerance)
            break;
        if (meets == most)
            return E3TP_E_UNSUPPORTED;
        fails = meets;
        meets = 2 * meets + 2 < most ? 2 * meets + 2 : most;
    }
    while (meets - fails > 1) {
        const int between = fails + (meets - fails) / 2;
        double e;
        E3TP_TRY(error_at(s, q, between, &e));
        if (e <= tolerance)
            meets = between, *error = e;
        else
            fails = between;
    }
    *degree = meets;
    return E3TP_OK;
}

/* Takes rings, then samples of rings away while the tolerance is met. */
static e3tp_status trim(const e3tp_s2grid_spectrum *s, e3tp_quadrature q, double tolerance,
                        int size[2], double *error)
{
    for (int k = 0; k < 2; k++)
        while (size[k] > 1) {
            double e;
            size[k]--;
            E3TP_TRY(e3tp_s2grid_spectrum_error(s, q, size[0], size[1], &e));
            if (!(e <= tolerance)) {
                size[k]++;
                break;
            }
            *error = e;
        }
    return E3TP_OK;
}

e3tp_status e3tp_s2grid_size_pointwise(e3tp_pointwise_fn phi, void *ctx, double sigma, int lmax,
                                       int lmax_out, e3tp_quadrature q, double tolerance,
                                       int *n_theta, int *n_phi, double *error)
{
    double ignored;
    error = error ? error : &ignored;
    *error = 0;
    if (!n_theta || !n_phi)
        return E3TP_E_INVALID;
    *n_theta = *n_phi = 0;
    if (!is_pointwise(phi, sigma, lmax, lmax_out, q) || !(tolerance >= 1e-5 && tolerance <= 1))
        return E3TP_E_INVALID;
    e3tp_s2grid_spectrum s;
    E3TP_TRY(e3tp_s2grid_spectrum_create(&s, phi, ctx, sigma, lmax, lmax_out));
    int degree = 0;
    e3tp_status status =
        search(&s, q, lmax_out, 16 * (lmax + 1) + lmax_out, tolerance, &degree, error);
    int size[2] = {e3tp_grid_least_theta(q, degree), e3tp_grid_least_phi(degree)};
    if (status == E3TP_OK)
        status = trim(&s, q, tolerance, size, error);
    e3tp_s2grid_spectrum_destroy(&s);
    if (status == E3TP_OK)
        *n_theta = size[0], *n_phi = size[1];
    else
        *error = 0;
    return status;
}
