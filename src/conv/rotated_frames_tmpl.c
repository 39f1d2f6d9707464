/* SPDX-License-Identifier: MIT */
/* Frames of edges, lanes over edges, compiled once per tier and real. */
#include "conv/rotated_frame.h"
#include "sh/sh_vectors.h"
#include "tile/tile.h"

#define tiling E3TP_NAME(e3tp_tile_kernels)

/* Below this rho^2 of a direction the azimuth has no digits, and the pole is as near as rounding.
 */
#if defined(E3TP_REAL_F64)
#define TINY 1e-280
#else
#define TINY 1e-30f
#endif

/* Lines m of cos m t and sin m t, by halving: errors of log2(m) roundings. */
V_INLINE void put_multiples(int lmax, v_real c, v_real s, real *cosines, real *sines)
{
    v_store(cosines, v_set1(1)), v_store(sines, v_zero());
    for (int m = 1; m <= lmax; m++) {
        const int h = m / 2, g = m - h;
        const v_real ch = v_load(cosines + h * T), sh = v_load(sines + h * T);
        const v_real cg = m == 1 ? c : v_load(cosines + g * T),
                     sg = m == 1 ? s : v_load(sines + g * T);
        v_store(cosines + m * T, v_fnma(sh, sg, ch * cg));
        v_store(sines + m * T, v_fma(sh, cg, ch * sg));
    }
}

/* Angles of V_LANES vectors: lines of a tile of frames from their lane on; those of beta for A. */
V_INLINE void put_angles(const e3tp_frame_map *m, const real *v, real *line, real *beta)
{
    const v_real parts[3] = {v_load(v), v_load(v + T), v_load(v + 2 * T)};
    const point p = direction(parts);
    const v_real square = v_fma(p.u[0], p.u[0], p.u[2] * p.u[2]), one = v_set1(1);
    const v_int polar = (v_int)(square < v_set1(TINY));
    const v_real rho = v_sqrt(square);
    const v_real ca = v_select(polar, one, p.u[2] / rho),
                 sa = v_select(polar, v_zero(), p.u[0] / rho);
    const v_real cb = v_select(p.there, p.u[1], one), sb = v_select(polar, v_zero(), rho);
    const size_t rest = m->rest * T;
    put_multiples(m->lmax, cb, sb, beta, beta + (m->lmax + 1) * T);
    put_multiples(m->lmax, ca, sa, line + m->cosines * T, line + m->sines * T);
    v_store(line + rest, cb), v_store(line + rest + T, sb);
    v_store(line + rest + 2 * T, p.inverse), v_store(line + rest + 3 * T, p.scale);
}

V_INLINE void put_elements(const e3tp_frame_map *m, const real *beta, real *line)
{
    const real *coeff = m->coeff;
    for (size_t e = 0; e < m->cosines; e++) {
        v_real sum = v_zero();
        for (uint32_t i = m->first[e]; i < m->first[e + 1]; i++)
            sum = v_fma(v_set1(coeff[i]), v_load(beta + m->line[i] * T), sum);
        v_store(line + e * T, sum);
    }
}

void E3TP_NAME(e3tp_frames)(const e3tp_frame_map *m, size_t n, const void *v, void *rows,
                            void *scratch)
{
    const e3tp_sh_vectors all = {n, v, NULL, NULL};
    real *line = scratch, *beta = line + m->width * T;
    _Alignas(64) real parts[3 * T];
    for (size_t at = 0; at < n; at += T) {
        const size_t left = n - at < T ? n - at : T;
        const e3tp_tile_map map = {m->width, 0, 1, NULL, left, 1, m->width};
        load_vectors(&all, at, left, parts);
        for (size_t lane = 0; lane < T; lane += V_LANES) {
            put_angles(m, parts + lane, line + lane, beta + lane);
            put_elements(m, beta + lane, line + lane);
        }
        tiling.unpack(&map, E3TP_LANES_ROWS, line, m->width * T, (real *)rows + at * m->width);
    }
}
