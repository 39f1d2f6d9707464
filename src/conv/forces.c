/* SPDX-License-Identifier: MIT */
/* From gradients by edge vectors to those by positions and strain: receivers first, each summed in
   double, then senders, in the order of places. */
#include <string.h>

#include "conv/graph.h"
#include "core/checked.h"
#include "problem/problem.h"

#define FORCES(real)                                                                          \
    static void forces_##real(const e3tp_graph *g, const real *gv, real *f)                   \
    {                                                                                         \
        memset(f, 0, 3 * g->num_senders * sizeof *f);                                         \
        for (size_t r = 0; r < g->num_nodes; r++) {                                           \
            double sum[3] = {0};                                                              \
            for (size_t p = g->start[r]; p < g->start[r + 1]; p++)                            \
                for (int d = 0; d < 3; d++)                                                   \
                    sum[d] += (double)gv[3 * g->edge[p] + d];                                 \
            for (int d = 0; d < 3; d++)                                                       \
                f[3 * r + (size_t)d] = (real)sum[d];                                          \
        }                                                                                     \
        for (size_t p = 0; p < g->num_edges; p++)                                             \
            for (int d = 0; d < 3; d++)                                                       \
                f[3 * (size_t)g->sender[p] + (size_t)d] -= gv[3 * g->edge[p] + d];            \
    }                                                                                         \
    static void strain_##real(const e3tp_graph *g, const real *v, const real *gv, double *to) \
    {                                                                                         \
        memset(to, 0, 9 * sizeof *to);                                                        \
        for (size_t p = 0; p < g->num_edges; p++)                                             \
            for (int a = 0; a < 3; a++)                                                       \
                for (int b = 0; b < 3; b++)                                                   \
                    to[3 * a + b] +=                                                          \
                        (double)v[3 * g->edge[p] + a] * (double)gv[3 * g->edge[p] + b];       \
    }
FORCES(float)
FORCES(double)

e3tp_status e3tp_graph_forces(const e3tp_graph *g, e3tp_dtype dtype, const void *v, const void *gv,
                              void *forces, double *strain)
{
    if (!g || (dtype != E3TP_F32 && dtype != E3TP_F64) ||
        (g->num_edges && (forces || strain) && !gv) || (g->num_edges && strain && !v) ||
        (forces && g->num_senders < g->num_nodes))
        return E3TP_E_INVALID;
    const size_t three = 3 * e3tp_dtype_size(dtype);
    const e3tp_array arrays[] = {{v, three * g->num_edges},
                                 {gv, three * g->num_edges},
                                 {forces, three * g->num_senders},
                                 {strain, 9 * sizeof *strain}};
    if (e3tp_outputs_overlap(arrays, 2, 4))
        return E3TP_E_INVALID;
    if (forces && dtype == E3TP_F64)
        forces_double(g, gv, forces);
    else if (forces)
        forces_float(g, gv, forces);
    if (strain && dtype == E3TP_F64)
        strain_double(g, v, gv, strain);
    else if (strain)
        strain_float(g, v, gv, strain);
    return E3TP_OK;
}
