/* SPDX-License-Identifier: MIT */
#include "maker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convolution.h"

/* Of atoms, root mean square in each direction: angstrom. */
static const double displacement = 0.05;

static e3tp_isa tier_of(const e3tp_plan *p)
{
    for (int isa = E3TP_ISA_GENERIC; e3tp_isa_name((e3tp_isa)isa); isa++)
        if (!strcmp(e3tp_isa_name((e3tp_isa)isa), e3tp_plan_isa(p)))
            return (e3tp_isa)isa;
    return E3TP_ISA_AUTO;
}

int bench_maker_create(bench_maker *k, const e3tp_plan *p, double cutoff, int typed, int threads,
                       char *why, size_t cap)
{
    static const int ls[] = {0, 1, 2, 3};
    e3tp_sh_desc h = e3tp_sh_desc_init(ls, 4, 1, E3TP_SH_COMPONENT);
    e3tp_spline_desc b = e3tp_spline_desc_init(BENCH_KNOTS, cutoff, e3tp_plan_width(p, E3TP_W));
    *k = (bench_maker){.sh = NULL};
    h.threads = b.threads = threads;
    h.isa = b.isa = tier_of(p);
    if (e3tp_sh_create(&k->sh, &h, why, cap) || e3tp_spline_create(&k->spline, &b, why, cap))
        return 0;
    e3tp_conv_desc d = e3tp_conv_desc_init(p);
    d.w = typed ? E3TP_AT_TYPE : E3TP_AT_SHARED;
    d.sh = k->sh, d.spline = k->spline;
    return e3tp_conv_create(&k->conv, p, &d, why, cap) == E3TP_OK;
}

void bench_maker_destroy(bench_maker *k)
{
    e3tp_conv_destroy(k->conv);
    e3tp_spline_destroy(k->spline);
    e3tp_sh_destroy(k->sh);
}

int bench_fill_spline(const e3tp_spline *s, size_t tables, float *coefficients)
{
    const size_t rows = e3tp_spline_rows(s), width = e3tp_spline_width(s), n = tables * width;
    float *size = malloc(2 * n * sizeof *size);
    if (!size)
        return 0;
    bench_normal(E3TP_F32, size, 2 * n, 43);
    for (size_t i = 0; i < tables * rows; i++) {
        const double t = (double)(i % rows) / (double)(rows - 1), left = (1 - t) * (1 - t);
        const float *a = size + i / rows * width, *b = a + n;
        for (size_t w = 0; w < width; w++)
            coefficients[i * width + w] =
                (float)(left * ((double)a[w] * cos(4 * t) + (double)b[w] * sin(7 * t)));
    }
    free(size);
    return 1;
}

int bench_displace(const bench_crystal *c, float *vectors, float *lengths)
{
    float *moves = malloc(3 * c->atoms * sizeof *moves);
    if (!moves)
        return 0;
    bench_normal(E3TP_F32, moves, 3 * c->atoms, 71);
    for (size_t e = 0; e < c->edges; e++) {
        const float *to = moves + 3 * c->sender[e], *from = moves + 3 * c->receiver[e];
        double squares = 0;
        for (int d = 0; d < 3; d++) {
            const double v =
                c->vector[3 * e + (size_t)d] + displacement * ((double)to[d] - (double)from[d]);
            vectors[3 * e + (size_t)d] = (float)v;
            squares += v * v;
        }
        if (lengths)
            lengths[e] = (float)sqrt(squares);
    }
    free(moves);
    return 1;
}

double bench_vector_error(const bench_maker *k, size_t tables, const float *table, const float *v,
                          float r, const int32_t *type, const float *gy, const float *gw,
                          const float *gv)
{
    const size_t ny = e3tp_sh_dim(k->sh), nw = e3tp_spline_width(k->spline);
    const e3tp_sh_vectors one = {1, v, NULL, NULL};
    float *slope = malloc(nw * sizeof *slope), by_y[3];
    double size = 0, worst = 0;
    if (!slope || e3tp_sh_backward(k->sh, &one, gy, by_y) ||
        e3tp_spline_evaluate(k->spline, tables, table, &r, type, 1, NULL, slope, NULL)) {
        free(slope);
        return INFINITY;
    }
    const double along = bench_dot(gw, slope, nw, &size);
    bench_dot(gy, gy, ny, &size);
    for (int d = 0; d < 3; d++) {
        const double want = (double)by_y[d] + along * (double)v[d] / (double)r;
        worst = bench_worse(worst, fabs((double)gv[d] - want));
    }
    free(slope);
    return size > 0 ? worst / sqrt(size) : worst; /* 0 beyond the cutoff */
}
