/* SPDX-License-Identifier: MIT */
/* Grids for callers, below the API: coefficients to samples and back by the transforms of the
   folded grid; what is folded is unfolded, and every image is a sample of the caller's. */
#ifndef E3TP_S2GRID_ROOM_H
#define E3TP_S2GRID_ROOM_H

#include "core/parallel.h"
#include "e3tp/grid.h"
#include "grid/grid_form.h"
#include "tile/tile.h"

enum { E3TP_S2GRID_BANDS = E3TP_S2GRID_LMAX + 1 };

/* The linear maps between coefficients and samples, each in both directions. */
typedef enum e3tp_s2grid_map { E3TP_S2GRID_TO = 0, E3TP_S2GRID_FROM = 1 } e3tp_s2grid_map;

/* A worker's scratch, in elements. */
typedef struct e3tp_s2grid_layout {
    size_t coefficients; /* of `together` lane tiles */
    size_t slots;
    size_t classes, samples; /* of `chunk` rings: folded; and of them and their images */
} e3tp_s2grid_layout;

/* Rows of a call that one worker takes: first .. last - 1 of `batch`. */
typedef struct e3tp_s2grid_rows {
    size_t batch, first, last;
} e3tp_s2grid_rows;

/* One per template object. synthesis: coefficients to samples, else samples to coefficients. */
typedef struct e3tp_s2grid_runner {
    void (*run)(const e3tp_s2grid *g, e3tp_s2grid_map map, bool synthesis,
                const e3tp_s2grid_rows *rows, const void *in, void *out, void *scratch);
} e3tp_s2grid_runner;

struct e3tp_s2grid {
    e3tp_grid_form form;
    e3tp_grid_transform of[2]; /* by map */
    const e3tp_s2grid_runner *runner;
    e3tp_dtype dtype;
    e3tp_tier tier;
    e3tp_layout layout, layout_samples;
    size_t nbands, components; /* of a channel */
    int l[E3TP_S2GRID_BANDS];
    double scale[2][E3TP_GRID_LMAX + 1]; /* by map and degree */
    size_t channels;
    e3tp_lanes lanes;
    size_t row_step;    /* rows of a tile: 1, or T with lanes over rows */
    size_t group_tiles; /* tiles of so many rows */
    size_t together;    /* tiles whose coefficients are packed at a time, at most */
    size_t chunk;       /* rings at a time; dense: all */
    /* Where the images of a point stand, elements: [points], of their ring; or, for Lebedev's
       points, [rings], of all, with the way from there to those beyond the equator (0: there are
       none). */
    int32_t (*at)[4], *south;
    e3tp_s2grid_layout scratch;
    size_t scratch_elements; /* in all */
    e3tp_parallel parallel;
    e3tp_allocator allocator;
};

/* Samples are points, not rings of equal shape. */
static inline bool e3tp_s2grid_spots(const e3tp_s2grid *g)
{
    return g->form.shape.quadrature == E3TP_LEBEDEV;
}

/* INVALID with a sentence for a field outside its range. */
e3tp_status e3tp_s2grid_check(const e3tp_s2grid_desc *d, e3tp_message *why);
/* The plan of a checked description for a tier. */
e3tp_status e3tp_s2grid_plan(e3tp_s2grid **out, const e3tp_s2grid_desc *d, e3tp_tier tier,
                             e3tp_message *why);
/* Workers that a call of so many rows may use. */
size_t e3tp_s2grid_workers(const e3tp_s2grid *g, size_t batch);
size_t e3tp_s2grid_scratch_bytes(const e3tp_s2grid *g); /* of one worker */
void e3tp_s2grid_run(const e3tp_s2grid *g, e3tp_s2grid_map map, bool synthesis, size_t batch,
                     const void *in, void *out, void *work, size_t workers);

/* Plain and in double, the formulas as the header has them, one row, MUL_IR to MUL_IR: x
   [channels * components], f [channels][n_theta][n_phi]; size: the sums of the terms' sizes, with
   the largest values that harmonics of their degrees have. The oracle of the tests. */
void e3tp_s2grid_reference(const e3tp_s2grid_desc *d, e3tp_s2grid_map map, bool synthesis,
                           const double *in, double *out, double *size);

#endif
