/* SPDX-License-Identifier: MIT */
/* arXiv 2401.10216, section 3.2, word for word: coefficients f[u,v] of exp(i (u theta + v phi)) of
   both functions, their convolution, and the integral of every term with every harmonic. */
#include "gaunt/gaunt_ref.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

#include "so3/legendre.h"
#include "so3/quadrature.h"

enum { NODES = 64, LMAX = 24 }; /* nodes: exact to degree 127 */
static const double pi = 3.14159265358979323846;

/* Coefficients |u|, |v| <= band at (u + band) (2 band + 1) + v + band. */
typedef struct series {
    int band;
    double complex *f;
} series;

static series make_series(int band)
{
    const size_t n = 2 * (size_t)band + 1;
    return (series){band, calloc(n * n, sizeof(double complex))};
}

static double complex *at(const series *s, int u, int v)
{
    return &s->f[(u + s->band) * (2 * s->band + 1) + v + s->band];
}

static int top_degree(const e3tp_gaunt_ref_operand *a)
{
    int top = 0;
    for (int i = 0; i < a->n; i++)
        top = a->l[i] > top ? a->l[i] : top;
    return top;
}

/* The part of order m in theta of the harmonics of degree l, continued to the whole circle: a
   factor sin(theta)^m that changes sign. */
static double polar(int l, int m, double theta)
{
    double P[E3TP_SO3_LEGENDRE_INDEX(LMAX, LMAX) + 1];
    e3tp_so3_legendre(l, cos(theta), P);
    const double sign = m % 2 && sin(theta) < 0 ? -1 : 1;
    return (m ? sqrt(2) : 1) * sign * P[E3TP_SO3_LEGENDRE_INDEX(l, m)];
}

/* One harmonic: (1/n) sum over n points of polar exp(-iu theta), n > 2l; cos(m phi) and sin(m phi)
   are two exponentials. */
static void add_harmonic(series *s, int l, int m, double value)
{
    const int n = 2 * l + 2, order = abs(m);
    for (int u = -l; u <= l; u++) {
        double complex c = 0;
        for (int j = 0; j < n; j++) {
            const double theta = 2 * pi * j / n;
            c += value * polar(l, order, theta) * cexp(-I * (u * theta)) / n;
        }
        if (m == 0) {
            *at(s, u, 0) += c;
        } else {
            *at(s, u, order) += m > 0 ? c / 2 : c / (2 * I);
            *at(s, u, -order) += m > 0 ? c / 2 : -c / (2 * I);
        }
    }
}

static void add_operand(series *s, const e3tp_gaunt_ref_operand *a)
{
    const double *v = a->v;
    for (int i = 0; i < a->n; i++)
        for (int m = -a->l[i]; m <= a->l[i]; m++, v++)
            if (*v != 0)
                add_harmonic(s, a->l[i], m, *v);
}

static void convolve(const series *f, const series *g, series *h)
{
    for (int u = -f->band; u <= f->band; u++)
        for (int v = -f->band; v <= f->band; v++)
            for (int p = -g->band; p <= g->band; p++)
                for (int q = -g->band; q <= g->band; q++)
                    *at(h, u + p, v + q) += *at(f, u, v) * *at(g, p, q);
}

/* int over the sphere of Re(sum over u, +-m of h exp(i (u theta + v phi))) Y_lm. The two v make
   twice the real part of one; phi gives 2 pi (m = 0) or pi cos, -pi sin; theta by quadrature, which
   is exact for the sum over u, a polynomial in cos(theta) together with Y. */
static double project(const series *h, int l, int m, const double *x, const double *w)
{
    const int order = abs(m);
    double sum = 0;
    for (int k = 0; k < NODES; k++) {
        const double theta = acos(x[k]);
        double complex value = 0;
        for (int u = -h->band; u <= h->band; u++)
            value += *at(h, u, order) * cexp(I * (u * theta));
        sum += w[k] * polar(l, order, theta) * (m < 0 ? -cimag(value) : creal(value));
    }
    return 2 * pi * sum;
}

bool e3tp_gaunt_ref(const e3tp_gaunt_ref_operand *x, const e3tp_gaunt_ref_operand *y,
                    const e3tp_gaunt_ref_operand *z)
{
    double nodes[NODES], weights[NODES], *out = z->v;
    series f = make_series(top_degree(x)), g = make_series(top_degree(y)),
           h = make_series(f.band + g.band);
    const bool ok = f.f && g.f && h.f;
    if (ok) {
        add_operand(&f, x);
        add_operand(&g, y);
        convolve(&f, &g, &h);
        e3tp_so3_gauss_legendre(NODES, nodes, weights);
        for (int i = 0; i < z->n; i++)
            for (int m = -z->l[i]; m <= z->l[i]; m++)
                *out++ = abs(m) <= h.band ? project(&h, z->l[i], m, nodes, weights) : 0;
    }
    free(f.f);
    free(g.f);
    free(h.f);
    return ok;
}
