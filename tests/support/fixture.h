/* SPDX-License-Identifier: MIT */
/* Reader of tests/fixtures/tensor_product.txt and graph.txt: tensor products, and layers of message
   passing, computed by e3nn, with values and gradients. */
#ifndef E3TP_TESTS_FIXTURE_H
#define E3TP_TESTS_FIXTURE_H

#include <stddef.h>

#include "e3tp/e3tp.h"

typedef struct e3tp_fixture_array {
    size_t n;
    double *v; /* NULL where n is 0 */
} e3tp_fixture_array;

typedef struct e3tp_fixture {
    /* Of a layer, whose edges are the batch; x has a row for each sender, z for each node. */
    size_t nodes, num_senders;
    int of_vectors; /* 1: y is made of vectors, [batch][3], which stand in its place, gradients and
                       all: normalised harmonics by component */
    double scale;
    e3tp_fixture_array receivers, senders;
    char name[48];
    char in1[192], in2[192], out[192];            /* irreps, as e3nn prints them */
    e3tp_fixture_array in1_var, in2_var, out_var; /* n 0: all ones */
    e3tp_irrep_norm norm;
    e3tp_path_norm pathnorm;
    int shared; /* 1: one weight row for the batch, gw summed over it; 0: a row of weights per row
                 */
    size_t batch, n_paths;
    e3tp_path *paths;
    double *coefficients; /* per path, what e3nn multiplies it by */
    /* Row major, one row per batch row, layout MUL_IR; named as in e3tp_buffers. */
    e3tp_fixture_array x, y, w, z, gz, gx, gy, gw, ggx, ggy, ggw, hx, hy, hw, hz;
} e3tp_fixture;

/* Reads every case of a file. Returns how many and sets *out, which fixture_free releases; on
   failure returns -1, sets *out to NULL and writes why, with the line, to message (capacity bytes;
   may be NULL with 0). */
int fixture_load(e3tp_fixture **out, const char *path, char *message, size_t capacity);
void fixture_free(e3tp_fixture *cases, int count); /* NULL is fine */

#endif
