/* SPDX-License-Identifier: MIT */
/* A y that serves many lane tiles, of one channel for all of x or of one row for the whole batch,
   is transformed once, by every method that works tile by tile: tiles after the first find NaN in
   its place, and results have the same bits. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "api/objects.h"
#include "gaunt/gaunt_plan.h"
#include "grid/grid_plan.h"
#include "matrix/matrix_plan.h"
#include "signals.h"
#include "tiers.h"

enum { RESULTS = 3, LINE = 64, TOP = 3, MOST_LINES = 3 * (TOP + 1) * (TOP + 1) };

static e3tp_tier tier;

/* ---- in place of a plan's tile function */

static struct {
    e3tp_signal_fn *tile;
    size_t calls;
    _Alignas(LINE) unsigned char nothing[E3TP_SIGNAL_AT_ONCE * MOST_LINES * LINE]; /* NaN */
} behind;

static void tile_without_y(const void *plan, const e3tp_signal_call *call, const void *const in[3],
                           void *const out[3], const bool fresh[3], void *scratch)
{
    const void *const left[3] = {in[0], behind.calls++ ? behind.nothing : in[1], in[2]};
    behind.tile(plan, call, left, out, fresh, scratch);
}

static e3tp_signal_tiles *tiles_of(const e3tp_plan *p)
{
    if (strcmp(e3tp_plan_method(p), "grid") == 0)
        return &((e3tp_grid_plan *)p->state)->tiles;
    return p->state; /* the others' plans begin with them */
}

static void take_y_away(const e3tp_plan *p)
{
    e3tp_signal_tiles *s = tiles_of(p);
    ck_assert_uint_le(s->lines[1] * LINE * s->at_once, sizeof behind.nothing);
    memset(behind.nothing, 0xff, sizeof behind.nothing);
    behind.tile = s->tile;
    s->tile = tile_without_y;
}

/* ---- a product, and its results */

static const struct {
    e3tp_method method;
    signal_lists lists;
} products[] = {
    {E3TP_METHOD_GAUNT, {E3TP_OP_GAUNT, {{0, 1, 3}, {0, 1, 2, 3}, {0, 2}}, {3, 4, 2}}},
    {E3TP_METHOD_GRID, {E3TP_OP_GAUNT, {{0, 1, 3}, {0, 1, 2, 3}, {0, 2}}, {3, 4, 2}}},
    {E3TP_METHOD_GRID, {E3TP_OP_BRACKET, {{1, 2}, {1, 3}, {1, 2, 3}}, {2, 2, 3}}},
    {E3TP_METHOD_GRID, {E3TP_OP_COMPLETE, {{0, 1, 2}, {1, 2}, {0, 1, 3}}, {3, 2, 3}}},
    {E3TP_METHOD_GRID, {E3TP_OP_CROSS, {{0, 1}, {1, 2}, {0, 1}}, {2, 2, 2}}},
    {E3TP_METHOD_MATRIX, {E3TP_OP_MATRIX, {{0, 1}, {0, 1, 2}, {0, 1, 3}}, {2, 3, 3}}},
};

/* Channels so many lanes, of lines of the type, or where it is 0, `few`. */
static const struct {
    bool channel; /* of one channel; else of one row */
    size_t lines, few, rows;
} shares[] = {{true, 5, 0, 1}, {true, 0, 3, 8}, {false, 1, 0, 9}, {false, 0, 1, 90}};

typedef struct variant {
    const signal_lists *lists;
    e3tp_method method;
    size_t channels, rows;
    bool one_channel, one_row, f64;
    e3tp_layout layout;
} variant;

static e3tp_plan *plan_of(const variant *v)
{
    const e3tp_layout layout[3] = {v->layout, v->layout, v->layout};
    e3tp_desc *d = signal_desc(v->lists, v->channels, layout, (e3tp_isa)(tier + 1));
    e3tp_desc_set_y_channels(d, v->one_channel);
    e3tp_desc_set_dtype(d, v->f64 ? E3TP_F64 : E3TP_F32);
    e3tp_desc_set_method(d, v->method);
    return plan_from(d);
}

/* z or gradients. */
static void run(const e3tp_plan *p, const variant *v, bool back, double *const out[RESULTS])
{
    void *in[3];
    e3tp_buffers b = e3tp_buffers_init(v->rows);
    for (int k = 0; k < 3; k++) {
        const size_t n = v->rows * e3tp_plan_width(p, (e3tp_operand)k);
        float *drawn = random_floats(n, (unsigned)k + 3);
        double *wide = malloc((n + 1) * sizeof *wide);
        for (size_t i = 0; i < n; i++)
            wide[i] = (double)drawn[i];
        in[k] = v->f64 ? (void *)wide : (void *)drawn;
        free(v->f64 ? (void *)drawn : (void *)wide);
        memset(out[k], 0, n * sizeof(double));
    }
    b.x = in[0], b.y = in[1], b.gz = in[2];
    b.gx = out[0], b.gy = out[1], b.z = out[2];
    if (v->one_row)
        b.stride_y = 0;
    behind.calls = 0;
    ck_assert_int_eq(back ? e3tp_backward(p, &b) : e3tp_forward(p, &b), E3TP_OK);
    for (int k = 0; k < 3; k++)
        free(in[k]);
}

static bool has_nan(const variant *v, const double *a, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found = found || isnan(v->f64 ? a[i] : (double)((const float *)a)[i]);
    return found;
}

/* Whether results are the same without y after the first tile; if not, some are NaN. */
static bool takes_y_once(const variant *v, bool back)
{
    e3tp_plan *p = plan_of(v);
    double *with[RESULTS], *without[RESULTS];
    bool same = true, spoilt = false;
    for (int k = 0; k < RESULTS; k++) {
        const size_t n = v->rows * e3tp_plan_width(p, (e3tp_operand)k);
        with[k] = malloc((n + 1) * sizeof(double)), without[k] = malloc((n + 1) * sizeof(double));
    }
    run(p, v, back, with);
    take_y_away(p);
    run(p, v, back, without);
    ck_assert_uint_gt(behind.calls, 1);
    for (int k = 0; k < RESULTS; k++) {
        const size_t n = v->rows * e3tp_plan_width(p, (e3tp_operand)k);
        same = same && memcmp(with[k], without[k], n * sizeof(double)) == 0;
        spoilt = spoilt || has_nan(v, without[k], n);
        free(with[k]), free(without[k]);
    }
    ck_assert(same == !spoilt);
    e3tp_plan_destroy(p);
    return same;
}

/* _i: the product. */
START_TEST(shared_y_is_transformed_once)
{
    for (size_t s = 0; s < COUNT_OF(shares); s++)
        for (int i = 0; i < 8; i++) {
            variant v = {.lists = &products[_i].lists, .method = products[_i].method};
            v.f64 = i % 2, v.layout = i / 2 % 2 ? E3TP_IR_MUL : E3TP_MUL_IR;
            const size_t lanes = LINE / (v.f64 ? sizeof(double) : sizeof(float));
            v.channels = shares[s].lines ? shares[s].lines * lanes : shares[s].few;
            v.rows = shares[s].rows;
            v.one_channel = shares[s].channel, v.one_row = !shares[s].channel;
            const bool back = i / 4;
            ck_assert_msg(takes_y_once(&v, back), "share %zu, variant %d: y is taken again", s, i);
            v.one_channel = v.one_row = false;
            ck_assert_msg(!takes_y_once(&v, back), "share %zu, variant %d: own y is not", s, i);
        }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("once");
    tcase_add_loop_test(tests, shared_y_is_transformed_once, 0, COUNT_OF(products));
    return run_case(tests, "once");
}
