/* SPDX-License-Identifier: MIT */
/* Tables of frames and of generators. */
#include <math.h>
#include <stdlib.h>

#include "conv/rotated.h"
#include "core/table.h"
#include "so3/wigner.h"

enum { N = 2 * E3TP_ROTATED_LMAX + 1 };

/* ---- frames ---- */

/* J, the image of the exchange (x,y,z) -> (-y,-x,z): a turn about x is J Z(beta) J. */
static void exchange(int l, double *J)
{
    static const double M[9] = {0, -1, 0, -1, 0, 0, 0, 0, 1};
    e3tp_wigner_D_from_matrix(l, l % 2 ? -1 : 1, M, J);
}

/* Terms of the element a, b of J Z(beta)' J, counted from order 0; coeff, line NULL: to count. */
static size_t element_terms(int l, const double *J, int a, int b, int lmax, double *coeff,
                            uint16_t *line)
{
    const int n = 2 * l + 1;
    const double *A = J + (l + a) * n + l, *B = J + (l + b) * n + l;
    size_t count = 0;
    for (int k = 0; k <= 2 * l; k++) {
        const int m = k <= l ? k : k - l;
        const double c = m == 0   ? A[0] * B[0]
                         : k <= l ? A[-m] * B[-m] + A[m] * B[m]
                                  : A[m] * B[-m] - A[-m] * B[m];
        if (fabs(c) < 1e-13)
            continue;
        if (coeff) {
            coeff[count] = c;
            line[count] = (uint16_t)(k <= l ? m : lmax + 1 + m);
        }
        count++;
    }
    return count;
}

/* Terms of all elements, in the order of the blocks; NULL tables: to count. */
static size_t list_terms(e3tp_frame_map *m, e3tp_dtype t)
{
    double J[N * N], c[N];
    size_t element = 0, terms = 0;
    for (int l = 0; l <= m->lmax; l++) {
        exchange(l, J);
        for (int odd = 0; odd < 2; odd++)
            for (int a = odd; a <= l; a++)
                for (int b = odd; b <= l; b++) {
                    const int side = odd ? -1 : 1;
                    uint16_t *line = m->line ? m->line + terms : NULL;
                    const size_t n =
                        element_terms(l, J, side * a, side * b, m->lmax, line ? c : NULL, line);
                    for (size_t i = 0; i < n && line; i++)
                        e3tp_put(t, m->coeff, terms + i, c[i]);
                    if (m->first)
                        m->first[element] = (uint32_t)terms;
                    element++, terms += n;
                }
    }
    if (m->first)
        m->first[element] = (uint32_t)terms;
    return terms;
}

static void measure_frames(e3tp_frame_map *m, int lmax)
{
    m->lmax = lmax;
    for (int l = 0; l <= lmax; l++)
        m->turn[l + 1] = m->turn[l] + (size_t)((l + 1) * (l + 1) + l * l);
    m->cosines = m->turn[lmax + 1];
    m->sines = m->cosines + (size_t)lmax + 1;
    m->rest = m->sines + (size_t)lmax + 1;
    m->width = m->rest + 4;
}

bool e3tp_rotated_make_frames(e3tp_rotated *p, int lmax)
{
    e3tp_frame_map *m = &p->frames;
    measure_frames(m, lmax);
    const size_t terms = list_terms(m, p->problem->dtype);
    m->first = e3tp_alloc(&p->allocator, m->turn[m->lmax + 1] + 1, sizeof *m->first);
    m->line = e3tp_alloc(&p->allocator, terms, sizeof *m->line);
    m->coeff = e3tp_alloc(&p->allocator, terms, e3tp_dtype_size(p->problem->dtype));
    if (!m->first || !m->line || !m->coeff)
        return false;
    list_terms(m, p->problem->dtype);
    return true;
}

/* ---- generators ---- */

/* The order of a line: 0, -1, 1, -2, 2, .. */
static int order_of(int line)
{
    return line % 2 ? -(line + 1) / 2 : line / 2;
}

/* W(l,l,1) is the generators times a number, which that of turns about the pole tells: it has m at
   -m, m. NULL tables: to count. */
static size_t list_generators(int lmax, e3tp_dtype t, e3tp_rotated_generators *g)
{
    enum { MOST = 2 * N * 3 };
    e3tp_coupling_entry w[MOST];
    size_t count = 0;
    for (int l = 0; l <= lmax; l++) {
        const size_t n = l ? e3tp_so3_coupling_sparse(l, l, 1, E3TP_SIGN_E3NN, w, MOST) : 0;
        double unit = 0;
        for (size_t e = 0; e < n; e++)
            if (w[e].m1 == 0 && w[e].m2 == 2 * l && w[e].m3 == 1)
                unit = l / w[e].value;
        for (int part = 0; part < 2 * (2 * l + 1); part++) {
            if (g->first)
                g->first[2 * l * l + part] = (uint32_t)count;
            for (size_t e = 0; e < n; e++) {
                const int m = w[e].m2 - l;
                if (w[e].m1 - l != order_of(part / 2) || w[e].m3 != 2 * (part % 2))
                    continue;
                if (g->line) {
                    g->line[count] = (uint8_t)(m >= 0 ? 2 * m : -2 * m - 1);
                    e3tp_put(t, g->coeff, count, unit * w[e].value);
                }
                count++;
            }
        }
    }
    if (g->first)
        g->first[2 * (lmax + 1) * (lmax + 1)] = (uint32_t)count;
    return count;
}

/* Appends those of degree l whose line of the lesser order is of one from `least` on, below `end`.
 */
static size_t append_pairs(e3tp_rotated_generators *g, int l, size_t least, size_t end, size_t n)
{
    for (int part = 0; part < 2 * (2 * l + 1); part++) {
        const size_t i = (size_t)part / 2, order = (i + 1) / 2;
        const uint32_t *first = g->first + 2 * l * l + part;
        for (uint32_t e = first[0]; e < first[1] && order >= least && order < end; e++)
            if (g->line[e] > i)
                g->pair[n++] =
                    (struct e3tp_rotated_pair){(uint8_t)i, g->line[e], (uint8_t)(part % 2), e};
    }
    return n;
}

static void list_pairs(e3tp_rotated *p)
{
    e3tp_rotated_generators *g = &p->generators;
    for (int l = 0; l <= p->frames.lmax; l++) {
        g->coupled[l] = append_pairs(g, l, 0, p->orders, g->pairs[l]);
        g->pairs[l + 1] = append_pairs(g, l, p->orders, p->orders + 1, g->coupled[l]);
    }
}

bool e3tp_rotated_make_generators(e3tp_rotated *p)
{
    e3tp_rotated_generators *g = &p->generators;
    const e3tp_dtype t = p->problem->dtype;
    const size_t d = (size_t)p->frames.lmax + 1, n = list_generators(p->frames.lmax, t, g);
    g->first = e3tp_alloc(&p->allocator, 2 * d * d + 1, sizeof *g->first);
    g->line = e3tp_alloc(&p->allocator, n, sizeof *g->line);
    g->coeff = e3tp_alloc(&p->allocator, n, e3tp_dtype_size(t));
    g->pair = e3tp_alloc(&p->allocator, n / 2, sizeof *g->pair);
    if (!g->first || !g->line || !g->coeff || !g->pair)
        return false;
    list_generators(p->frames.lmax, t, g);
    list_pairs(p);
    return true;
}
