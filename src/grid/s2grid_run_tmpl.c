/* SPDX-License-Identifier: MIT */
/* Rows of a call: coefficients to samples of the caller's, or the reverse, lane tile by lane tile.
   Compiled once per tier and real; exports one const struct. */
#include "grid/s2grid.h"

#include "problem/packed.h"

#include "grid/grid_samples.h"

#define tiles E3TP_NAME(e3tp_tile_kernels)

/* Coefficients in blocks, or as one where all components of a channel are equally far apart. */
typedef struct memory {
    e3tp_tile_map map[E3TP_S2GRID_BANDS], samples;
    size_t start[E3TP_S2GRID_BANDS], n;
} memory;

typedef struct frame {
    const e3tp_s2grid *g;
    const e3tp_grid_transform *t;
    const memory *of;
    const real *in;
    real *out, *coefficients, *slots, *classes, *samples;
} frame;

static e3tp_tile_map map_of(const e3tp_s2grid *g, e3tp_layout layout, size_t d, size_t width,
                            size_t batch, size_t *start)
{
    return e3tp_layout_map(layout, g->channels, d, layout == E3TP_BATCH_LAST ? batch : width, batch,
                           NULL, start);
}

static void set_memory(memory *m, const e3tp_s2grid *g, size_t batch)
{
    const bool joined = g->nbands && (g->layout != E3TP_MUL_IR || g->channels == 1);
    const size_t all = (size_t)g->form.shape.n_theta * (size_t)g->form.shape.n_phi;
    size_t first = 0;
    m->n = joined ? 1 : g->nbands;
    for (size_t i = 0; i < m->n; i++) {
        const size_t d = joined ? g->components : 2 * (size_t)g->l[i] + 1;
        m->start[i] = first * g->channels;
        m->map[i] = map_of(g, g->layout, d, g->components * g->channels, batch, &m->start[i]);
        first += d;
    }
    size_t start = 0;
    m->samples = map_of(g, g->layout_samples, all, all * g->channels, batch, &start);
}

static void pack_coefficients(const frame *f, e3tp_tile_spot here)
{
    real *to = f->coefficients;
    for (size_t i = 0; i < f->of->n; i++) {
        size_t at = f->of->start[i];
        const e3tp_tile_map m = e3tp_tile_part(f->of->map[i], f->g->lanes, T, here, &at);
        tiles.pack(&m, f->g->lanes, f->in + at, to, f->g->components * T);
        to += m.d * T;
    }
}

static void unpack_coefficients(const frame *f, e3tp_tile_spot here)
{
    const real *from = f->coefficients;
    for (size_t i = 0; i < f->of->n; i++) {
        size_t at = f->of->start[i];
        const e3tp_tile_map m = e3tp_tile_part(f->of->map[i], f->g->lanes, T, here, &at);
        tiles.unpack(&m, f->g->lanes, from, f->g->components * T, f->out + at);
        from += m.d * T;
    }
}

/* Samples of `count` rings from `ring` on of one lane tile, as the caller holds them. */
static e3tp_tile_map rings_of(const frame *f, e3tp_tile_spot tile, size_t ring, size_t count,
                              size_t *at)
{
    const size_t n_phi = (size_t)f->g->form.shape.n_phi;
    *at = ring * n_phi * f->of->samples.component;
    e3tp_tile_map m = e3tp_tile_part(f->of->samples, f->g->lanes, T, tile, at);
    m.d = count * n_phi;
    return m;
}

/* Rings of a chunk and, of their images beyond the equator, those that are not rings of it: `count`
   from `ring` on. In scratch rings stand in their order, the images after them. */
typedef struct images {
    size_t ring, count;
} images;

static images images_of(const e3tp_grid_shape *s, size_t ring, size_t count)
{
    const size_t n = (size_t)s->n_theta, last = ring + count;
    return (images){n - last + (2 * last > n), count - (2 * last > n)};
}

static real *image_of(const frame *f, size_t count, images im, size_t ring, size_t k)
{
    const e3tp_grid_shape *s = &f->g->form.shape;
    const size_t image = (size_t)s->n_theta - 1 - (ring + k);
    return image == ring + k
               ? NULL
               : f->samples + (count + image - im.ring) * (size_t)s->n_phi * (size_t)T;
}

static void write_rings(const frame *f, e3tp_tile_spot tile, size_t ring, size_t count)
{
    const e3tp_grid_shape *s = &f->g->form.shape;
    const size_t line = (size_t)s->n_phi * T, points = (size_t)s->points;
    const images im = images_of(s, ring, count);
    for (size_t k = 0; k < count; k++)
        kernels.to_ring(f->classes + k * points * POINT, points, (const int32_t(*)[4])f->g->at,
                        f->samples + k * line, image_of(f, count, im, ring, k));
    size_t at;
    e3tp_tile_map m = rings_of(f, tile, ring, count, &at);
    tiles.unpack(&m, f->g->lanes, f->samples, 0, f->out + at);
    m = rings_of(f, tile, im.ring, im.count, &at);
    tiles.unpack(&m, f->g->lanes, f->samples + count * line, 0, f->out + at);
}

static void read_rings(const frame *f, e3tp_tile_spot tile, size_t ring, size_t count)
{
    const e3tp_grid_shape *s = &f->g->form.shape;
    const size_t line = (size_t)s->n_phi * T, points = (size_t)s->points;
    const images im = images_of(s, ring, count);
    size_t at;
    e3tp_tile_map m = rings_of(f, tile, ring, count, &at);
    tiles.pack(&m, f->g->lanes, f->in + at, f->samples, 0);
    m = rings_of(f, tile, im.ring, im.count, &at);
    tiles.pack(&m, f->g->lanes, f->in + at, f->samples + count * line, 0);
    for (size_t k = 0; k < count; k++)
        kernels.from_ring(f->samples + k * line, image_of(f, count, im, ring, k), points,
                          (const int32_t(*)[4])f->g->at, f->classes + k * points * POINT);
}

/* Lebedev's points, all at once. */
static real *beyond(const frame *f, size_t spot)
{
    return f->g->south[spot] ? f->samples + f->g->south[spot] : NULL;
}

static void write_spots(const frame *f, e3tp_tile_spot tile)
{
    const size_t n = (size_t)f->g->form.shape.rings;
    const int32_t(*at)[4] = (const int32_t(*)[4])f->g->at;
    size_t first = 0;
    for (size_t k = 0; k < n; k++)
        kernels.to_ring(f->classes + k * POINT, 1, at + k, f->samples, beyond(f, k));
    const e3tp_tile_map m = e3tp_tile_part(f->of->samples, f->g->lanes, T, tile, &first);
    tiles.unpack(&m, f->g->lanes, f->samples, 0, f->out + first);
}

static void read_spots(const frame *f, e3tp_tile_spot tile)
{
    const size_t n = (size_t)f->g->form.shape.rings;
    const int32_t(*at)[4] = (const int32_t(*)[4])f->g->at;
    size_t first = 0;
    const e3tp_tile_map m = e3tp_tile_part(f->of->samples, f->g->lanes, T, tile, &first);
    tiles.pack(&m, f->g->lanes, f->in + first, f->samples, 0);
    for (size_t k = 0; k < n; k++)
        kernels.from_ring(f->samples, beyond(f, k), 1, at + k, f->classes + k * POINT);
}

/* Rings of a chunk that begins at `ring`. */
static size_t chunk_at(const e3tp_s2grid *g, size_t ring)
{
    const size_t left = (size_t)g->form.shape.rings - ring;
    return left < g->chunk ? left : g->chunk;
}

static void synthesise_tile(const frame *f, e3tp_tile_spot tile, const real *in)
{
    const e3tp_grid_form *form = &f->g->form;
    const source from = to_slots(form, f->t, 1, (source){in, 0}, f->slots, 0);
    if (!form->separable)
        for (size_t run = 0; run < form->rings; run++)
            to_points(form, f->t, 1, from, run, 1, f->classes + ring_at(form, run), 0);
    if (e3tp_s2grid_spots(f->g)) {
        write_spots(f, tile);
        return;
    }
    for (size_t ring = 0; ring < (size_t)form->shape.rings; ring += f->g->chunk) {
        const size_t count = chunk_at(f->g, ring);
        if (form->separable)
            to_points(form, f->t, 1, from, ring, count, f->classes, 0);
        write_rings(f, tile, ring, count);
    }
}

static void analyse_tile(const frame *f, e3tp_tile_spot tile, real *out)
{
    const e3tp_grid_form *form = &f->g->form;
    const size_t rings = e3tp_s2grid_spots(f->g) ? 0 : (size_t)form->shape.rings;
    if (!rings)
        read_spots(f, tile);
    for (size_t ring = 0; ring < rings; ring += f->g->chunk) {
        const size_t count = chunk_at(f->g, ring);
        read_rings(f, tile, ring, count);
        if (form->separable)
            rings_to_slots(form, f->t, f->classes, ring, count, f->slots);
    }
    to_coefficients(form, f->t, 1, (source){form->separable ? f->slots : f->classes, 0}, out, 0,
                    false);
}

/* Tiles whose coefficients are packed together. */
static void run_tiles(const frame *f, bool synthesis, e3tp_tile_spot here)
{
    const e3tp_s2grid *g = f->g;
    if (synthesis)
        pack_coefficients(f, here);
    for (size_t r = 0, i = 0; r < here.n; r += g->row_step)
        for (size_t d = 0; d < here.nd; d++, i++) {
            const size_t left = here.n - r;
            const e3tp_tile_spot tile = {here.row + r, left < g->row_step ? left : g->row_step,
                                         here.d + d, 1};
            real *coefficients = f->coefficients + i * g->components * T;
            if (synthesis)
                synthesise_tile(f, tile, coefficients);
            else
                analyse_tile(f, tile, coefficients);
        }
    if (!synthesis)
        unpack_coefficients(f, here);
}

static void run(const e3tp_s2grid *g, e3tp_s2grid_map map, bool synthesis,
                const e3tp_s2grid_rows *rows, const void *in, void *out, void *scratch)
{
    memory of;
    real *base = scratch;
    const frame f = {.g = g,
                     .t = &g->of[map],
                     .of = &of,
                     .in = in,
                     .out = out,
                     .coefficients = base + g->scratch.coefficients,
                     .slots = base + g->scratch.slots,
                     .classes = base + g->scratch.classes,
                     .samples = base + g->scratch.samples};
    const size_t nd = g->together < g->group_tiles ? g->together : g->group_tiles;
    set_memory(&of, g, rows->batch);
    if (!nd)
        return;
    const size_t step = g->together / nd * g->row_step;
    for (size_t row = rows->first; row < rows->last; row += step)
        for (size_t d = 0; d < g->group_tiles; d += nd) {
            const size_t n = rows->last - row, left = g->group_tiles - d;
            run_tiles(&f, synthesis,
                      (e3tp_tile_spot){row, n < step ? n : step, d, left < nd ? left : nd});
        }
}

const e3tp_s2grid_runner E3TP_NAME(e3tp_s2grid_runner) = {run};
