/* SPDX-License-Identifier: MIT */
/* X Y and its twin with both factors transposed; z of natural parity from the mean for even degrees
   and half the difference for odd ones, z of the other parity the other way about. */
#include "matrix/matrix_ref.h"

#include <stdlib.h>
#include <string.h>

typedef struct matrices {
    size_t n;
    double *w;       /* W(h,h,l) [n][n][2l+1] */
    double *x, *y;   /* [n][n] */
    double *product; /* X Y */
    double *turned;  /* X' Y' */
} matrices;

static bool read_coupling(const matrices *m, int h, int l)
{
    return e3tp_wigner_3j(h, h, l, E3TP_SIGN_E3NN, m->w) == E3TP_OK;
}

static bool fill(const e3tp_problem *p, const matrices *m, int k, size_t u, const double *v,
                 double *matrix)
{
    memset(matrix, 0, m->n * m->n * sizeof *matrix);
    for (size_t b = 0; b < p->nblocks[k]; b++) {
        const size_t d = 2 * (size_t)p->blocks[k][b].l + 1;
        if (!read_coupling(m, p->spin, p->blocks[k][b].l))
            return false;
        for (size_t e = 0; e < m->n * m->n; e++)
            for (size_t i = 0; i < d; i++)
                matrix[e] += m->w[e * d + i] *
                             v[p->blocks[k][b].offset + e3tp_problem_channel(p, k, u) * d + i];
    }
    return true;
}

static void multiply(const matrices *m)
{
    const size_t n = m->n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double product = 0, turned = 0;
            for (size_t k = 0; k < n; k++) {
                product += m->x[i * n + k] * m->y[k * n + j];
                turned += m->x[k * n + i] * m->y[j * n + k];
            }
            m->product[i * n + j] = product, m->turned[i * n + j] = turned;
        }
}

static bool read_result(const e3tp_problem *p, const matrices *m, size_t u, double *z)
{
    for (size_t b = 0; b < p->nblocks[2]; b++) {
        const e3tp_block *block = &p->blocks[2][b];
        const size_t d = 2 * (size_t)block->l + 1;
        double *to = z + block->offset + u * d;
        if (!read_coupling(m, p->spin, block->l))
            return false;
        memset(to, 0, d * sizeof *to);
        for (size_t e = 0; e < m->n * m->n; e++)
            for (size_t i = 0; i < d; i++)
                to[i] += m->w[e * d + i] / 2 *
                         (block->parity > 0 ? m->product[e] + m->turned[e]
                                            : m->product[e] - m->turned[e]);
    }
    return true;
}

bool e3tp_matrix_ref(const e3tp_problem *p, const double *x, const double *y, double *z)
{
    const size_t n = 2 * (size_t)p->spin + 1, size = n * n;
    double *memory = malloc((4 + 49) * size * sizeof *memory);
    const matrices m = {
        n, memory + 4 * size, memory, memory + size, memory + 2 * size, memory + 3 * size};
    bool ok = memory != NULL;
    for (size_t u = 0; ok && u < p->channels; u++) {
        ok = fill(p, &m, 0, u, x, m.x) && fill(p, &m, 1, u, y, m.y);
        multiply(&m);
        ok = ok && read_result(p, &m, u, z);
    }
    free(memory);
    return ok;
}
