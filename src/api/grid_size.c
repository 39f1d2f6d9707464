/* SPDX-License-Identifier: MIT */
#include "e3tp/e3tp.h"
#include "grid/grid_shape.h"

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
