/* SPDX-License-Identifier: MIT */
/* Whole products by grid against sums over all samples: grids that fold by quarters, by halves,
   with and without samples on mirrors, exact and aliased, both quadratures, layouts, strides,
   weights, gradients. */
#include <math.h>
#include <string.h>

#include "api/objects.h"
#include "grid/grid_plan.h"
#include "grid/grid_ref.h"
#include "layouts.h"
#include "sampled.h"
#include "tiers.h"

static e3tp_tier tier;

static double draw(void)
{
    static unsigned state = 5;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 23) - 1;
}

typedef struct degrees {
    int n, l[13];
} degrees;

static const e3tp_op ops[] = {E3TP_OP_GAUNT, E3TP_OP_BRACKET, E3TP_OP_COMPLETE, E3TP_OP_CROSS,
                              E3TP_OP_DOT};
enum { OPS = sizeof ops / sizeof *ops };

/* Degrees of x, y, z and a grid that is exact for them, besides the default one. */
static const struct {
    degrees of[3];
    int n_theta, n_phi;
} products[] = {
    {{{1, {0}}, {1, {0}}, {1, {0}}}, 1, 1},
    {{{2, {0, 1}}, {2, {0, 1}}, {2, {0, 1}}}, 3, 7},
    {{{3, {0, 1, 2}}, {2, {0, 1}}, {4, {0, 1, 2, 3}}}, 4, 9},
    {{{4, {0, 1, 2, 3}}, {4, {0, 1, 2, 3}}, {4, {0, 1, 2, 3}}}, 6, 14},
    {{{1, {2}}, {1, {2}}, {5, {0, 1, 2, 3, 4}}}, 5, 9},
    {{{3, {0, 2, 5}}, {2, {1, 4}}, {3, {3, 6, 7}}}, 9, 17},
    {{{1, {1}}, {1, {0}}, {3, {1, 2, 9}}}, 2, 3},
    {{{5, {0, 1, 2, 3, 4}}, {6, {0, 1, 2, 3, 4, 5}}, {7, {0, 1, 2, 3, 4, 5, 6}}}, 9, 18},
    {{{9, {0, 1, 2, 3, 4, 5, 6, 7, 8}}, {3, {0, 1, 2}}, {8, {0, 1, 2, 3, 4, 5, 6, 7}}}, 10, 19},
    {{{2, {7, 12}}, {3, {0, 5, 11}}, {4, {2, 12, 23, 24}}}, 24, 48},
};
enum { PRODUCTS = sizeof products / sizeof *products };

/* Grids of a product: the default, the exact one above, aliased ones. */
static const int grids[][2] = {{0, 0}, {-1, -1}, {1, 1}, {2, 2}, {3, 5}, {2, 6}, {5, 4}, {4, 3}};
enum { GRIDS = sizeof grids / sizeof *grids, ROWS = 19, VARIANTS = 4 };

typedef struct variant {
    e3tp_op op;
    size_t channels;
    e3tp_layout layout[3];
    e3tp_weights weights;
    e3tp_quadrature quadrature;
    int shared;        /* bits: x, y one row for all */
    unsigned types[3]; /* of fields; 0: all */
    int n_theta, n_phi, aliased;
} variant;

static variant variant_of(e3tp_op op, int product, int grid, int i)
{
    static const size_t channels[] = {1, 3, 40, 17}; /* 40: lanes over channels, last tile half */
    variant v = {
        .op = op,
        .channels = channels[i % 4],
        .layout = {(e3tp_layout)(i % 3), (e3tp_layout)((i + grid) % 3), (e3tp_layout)((i / 2) % 3)},
        .weights = (e3tp_weights)((i + product) % 3),
        .quadrature = (e3tp_quadrature)((i / 3 + grid) % 2),
        .shared = (i + product / 2) % 5 % 4,
        .n_theta = grids[grid][0],
        .n_phi = grids[grid][1],
        .aliased = grid > 1};
    if (grid == 1) { /* Fejer's rule takes twice the rings */
        v.n_theta = products[product].n_theta * (v.quadrature == E3TP_EQUIANGULAR ? 2 : 1);
        v.n_phi = products[product].n_phi;
    }
    return v;
}

static e3tp_plan *plan_of(int product, const variant *v, e3tp_dtype t, e3tp_method method)
{
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, v->op), E3TP_OK);
    for (int k = 0; k < 3; k++) {
        const degrees *l = &products[product].of[k];
        e3tp_desc_set_degrees(d, (e3tp_operand)k, l->l, (size_t)l->n);
        e3tp_desc_set_layout(d, (e3tp_operand)k, v->layout[k]);
    }
    for (int k = 0; k < 3; k++)
        if (v->types[k])
            e3tp_desc_set_field_types(d, (e3tp_operand)k, v->types[k]);
    e3tp_desc_set_channels(d, v->channels);
    e3tp_desc_set_weights(d, v->weights);
    e3tp_desc_set_dtype(d, t);
    e3tp_desc_set_isa(d, (e3tp_isa)(tier + 1));
    e3tp_desc_set_method(d, method);
    e3tp_desc_set_threads(d, 1);
    e3tp_desc_set_grid(d, v->n_theta, v->n_phi, v->quadrature, v->aliased);
    const e3tp_status s = e3tp_plan_create(&p, d);
    ck_assert_msg(s == E3TP_OK, "product %d: %s", product, e3tp_desc_message(d));
    e3tp_desc_destroy(d);
    return p;
}

/* Arrays of a call: MUL_IR in double, the caller's layout in the plan's type, and back. */
enum { A_X, A_Y, A_W, A_GZ, A_Z, A_GX, A_GY, A_GW, A_COUNT };
static const int operand_of[A_COUNT] = {0, 1, -1, 2, 2, 0, 1, -1};

typedef struct arrays {
    double *plain[A_COUNT];
    void *own[A_COUNT];
    size_t rows[A_COUNT], width[A_COUNT];
} arrays;

static void make_arrays(arrays *a, const e3tp_problem *p, const variant *v)
{
    for (int i = 0; i < A_COUNT; i++) {
        const int k = operand_of[i];
        const bool one = k < 0 ? p->weights != E3TP_WEIGHTS_ROW : k < 2 && v->shared >> k & 1;
        a->rows[i] = one ? 1 : ROWS;
        a->width[i] = k < 0 ? p->weight_numel : p->dim[k];
        const size_t n = a->rows[i] * a->width[i];
        a->plain[i] = calloc(n + 1, sizeof(double));
        a->own[i] = malloc((n + 1) * sizeof(double));
        memset(a->own[i], 0x7f, (n + 1) * sizeof(double));
        for (size_t r = 0; r < a->rows[i] && i <= A_GZ; r++)
            for (size_t j = 0; j < a->width[i]; j++) {
                const double value = (float)draw();
                a->plain[i][r * a->width[i] + j] = value;
                set(p->dtype, a->own[i], place(p, operand_of[i], a->rows[i], r, j), value);
            }
    }
}

static void free_arrays(arrays *a)
{
    for (int i = 0; i < A_COUNT; i++) {
        free(a->plain[i]);
        free(a->own[i]);
    }
}

static void call(const e3tp_plan *p, const arrays *a)
{
    e3tp_buffers b = e3tp_buffers_init(ROWS);
    b.x = a->own[A_X], b.y = a->own[A_Y], b.w = a->own[A_W], b.gz = a->own[A_GZ];
    b.z = a->own[A_Z], b.gx = a->own[A_GX], b.gy = a->own[A_GY];
    b.gw = p->problem->weight_numel ? a->own[A_GW] : NULL;
    b.stride_x = a->rows[A_X] == 1 ? 0 : E3TP_PACKED;
    b.stride_y = a->rows[A_Y] == 1 ? 0 : E3TP_PACKED;
    ck_assert_int_eq(e3tp_forward(p, &b), E3TP_OK);
    ck_assert_int_eq(e3tp_backward(p, &b), E3TP_OK);
}

static void reference(const e3tp_problem *p, int n_theta, int n_phi, arrays *a)
{
    double *own[A_COUNT] = {0};
    e3tp_grid_ref_row r[ROWS];
    for (int i = A_Z; i < A_COUNT; i++)
        own[i] = calloc(ROWS * a->width[i] + 1, sizeof(double));
    for (size_t row = 0; row < ROWS; row++) {
        double *v[A_COUNT];
        for (int i = 0; i < A_COUNT; i++)
            v[i] = i <= A_GZ ? a->plain[i] + (a->rows[i] == 1 ? 0 : row) * a->width[i]
                             : own[i] + row * a->width[i];
        r[row] =
            (e3tp_grid_ref_row){v[A_X], v[A_Y], v[A_W], v[A_GZ], v[A_Z], v[A_GX], v[A_GY], v[A_GW]};
    }
    ck_assert(e3tp_grid_ref(p, n_theta, n_phi, ROWS, r));
    for (int i = A_Z; i < A_COUNT; i++) {
        for (size_t j = 0; j < ROWS * a->width[i]; j++)
            a->plain[i][a->rows[i] == 1 ? j % a->width[i] : j] += own[i][j];
        free(own[i]);
    }
}

static void compare(const e3tp_problem *p, const arrays *a, int product, int grid, int i)
{
    for (int k = A_Z; k < A_COUNT; k++) {
        double largest = 1;
        for (size_t j = 0; j < a->rows[k] * a->width[k]; j++)
            largest = fmax(largest, fabs(a->plain[k][j]));
        for (size_t r = 0; r < a->rows[k]; r++)
            for (size_t j = 0; j < a->width[k]; j++) {
                const double want = a->plain[k][r * a->width[k] + j],
                             got = get(p->dtype, a->own[k],
                                       place(p, operand_of[k], a->rows[k], r, j));
                if (!(fabs(got - want) <= (p->dtype == E3TP_F64 ? 1e-13 : 2e-5) * largest))
                    ck_abort_msg("op %d, product %d, grid %d, variant %d, array %d: [%zu][%zu] = "
                                 "%.9g, expected %.9g",
                                 p->op, product, grid, i, k, r, j, got, want);
            }
    }
}

/* The grid that a plan without a given one should have. */
static void smallest_grid(int product, const variant *v, int *n_theta, int *n_phi)
{
    int top[3], sum = 0;
    for (int k = 0; k < 3; k++)
        top[k] = products[product].of[k].l[products[product].of[k].n - 1];
    for (int k = 0; k < 3; k++) {
        const int others = top[(k + 1) % 3] + top[(k + 2) % 3];
        sum += top[k] < others ? top[k] : others;
    }
    sum -= v->op == E3TP_OP_BRACKET && sum > 0;
    *n_theta = v->quadrature == E3TP_GAUSS_LEGENDRE ? (sum + 2) / 2 : sum + (sum + 1) % 2;
    *n_phi = sum + 1;
}

START_TEST(sums_over_samples)
{
    const int product = _i / 2 % PRODUCTS;
    const e3tp_op op = ops[_i / 2 / PRODUCTS];
    const e3tp_dtype t = _i % 2 ? E3TP_F64 : E3TP_F32;
    const bool fields = op == E3TP_OP_CROSS || op == E3TP_OP_DOT, large = product >= PRODUCTS - 2;
    for (int grid = 0; grid < GRIDS; grid++)
        for (int i = 0; i < (large ? 1 : fields ? VARIANTS / 2 : VARIANTS); i++) {
            if (left_out(_i + grid + i, large ? GRIDS : fields ? 2 : 3))
                continue;
            variant v = variant_of(op, product, grid, i + 3 * grid + _i);
            e3tp_plan *p = plan_of(product, &v, t, E3TP_METHOD_GRID);
            arrays a;
            make_arrays(&a, p->problem, &v);
            call(p, &a);
            if (!v.n_theta)
                smallest_grid(product, &v, &v.n_theta, &v.n_phi);
            reference(p->problem, v.n_theta, v.n_phi, &a);
            compare(p->problem, &a, product, grid, i);
            free_arrays(&a);
            e3tp_plan_destroy(p);
        }
}
END_TEST

/* Fields of every choice of harmonics: components that are missing or do not turn. */
START_TEST(types_of_fields)
{
    const e3tp_op op = _i % 2 ? E3TP_OP_DOT : E3TP_OP_CROSS;
    const int product = _i / 2 % 2 ? 3 : 5;
    for (unsigned x = 1; x < 8; x++)
        for (unsigned y = 1; y < 8; y++) {
            if (left_out(_i / 2 + (int)(x + y), 2))
                continue;
            variant v = variant_of(op, product, 0, (int)(x + y));
            v.channels = 1 + x % 2;
            v.types[0] = x, v.types[1] = y;
            v.types[2] = op == E3TP_OP_CROSS ? 1 + (3 * x + y) % 7 : 0;
            e3tp_plan *p = plan_of(product, &v, E3TP_F64, E3TP_METHOD_GRID);
            arrays a;
            make_arrays(&a, p->problem, &v);
            call(p, &a);
            smallest_grid(product, &v, &v.n_theta, &v.n_phi);
            reference(p->problem, v.n_theta, v.n_phi, &a);
            compare(p->problem, &a, product, (int)x, (int)y);
            free_arrays(&a);
            e3tp_plan_destroy(p);
        }
}
END_TEST

/* Difference between the product on a grid, aliasing allowed, and the direct contraction. */
static double deviation(e3tp_op op, int product, int n_theta, int n_phi, e3tp_quadrature q)
{
    const variant v = {
        .op = op, .channels = 1, .quadrature = q, .n_theta = n_theta, .n_phi = n_phi, .aliased = 1};
    e3tp_plan *grid = plan_of(product, &v, E3TP_F64, E3TP_METHOD_GRID),
              *cg = plan_of(product, &v, E3TP_F64, E3TP_METHOD_CG);
    arrays a;
    make_arrays(&a, grid->problem, &v);
    call(grid, &a);
    memcpy(a.plain[A_Z], a.own[A_Z], ROWS * a.width[A_Z] * sizeof(double));
    call(cg, &a);
    double most = 0;
    for (size_t i = 0; i < ROWS * a.width[A_Z]; i++)
        most = fmax(most, fabs(a.plain[A_Z][i] - ((double *)a.own[A_Z])[i]));
    free_arrays(&a);
    e3tp_plan_destroy(grid);
    e3tp_plan_destroy(cg);
    return most;
}

static void check_refused(e3tp_op op, int product, int n_theta, int n_phi, e3tp_quadrature q)
{
    e3tp_desc *d;
    e3tp_plan *p;
    ck_assert_int_eq(e3tp_desc_create(&d, op), E3TP_OK);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_degrees(d, (e3tp_operand)k, products[product].of[k].l,
                              (size_t)products[product].of[k].n);
    e3tp_desc_set_method(d, E3TP_METHOD_GRID);
    e3tp_desc_set_grid(d, n_theta, n_phi, q, 0);
    ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(e3tp_desc_message(d), "aliasing"));
    e3tp_desc_destroy(d);
}

/* The smallest exact grid is exact, and with a ring or a column less it is not. */
START_TEST(smallest_is_exact)
{
    static const int with_all_degrees[] = {1, 3, 7, 8};
    const e3tp_op op = ops[_i];
    for (int i = op == E3TP_OP_BRACKET ? 2 : 0; i < 8; i++) {
        const int product = with_all_degrees[i / 2];
        const variant v = {.op = op, .quadrature = (e3tp_quadrature)(i % 2)};
        int n_theta, n_phi;
        smallest_grid(product, &v, &n_theta, &n_phi);
        ck_assert_double_le(deviation(op, product, n_theta, n_phi, v.quadrature), 1e-13);
        ck_assert_double_ge(deviation(op, product, n_theta - 1, n_phi, v.quadrature), 1e-3);
        ck_assert_double_ge(deviation(op, product, n_theta, n_phi - 1, v.quadrature), 1e-3);
        check_refused(op, product, n_theta - 1, n_phi, v.quadrature);
        check_refused(op, product, n_theta, n_phi - 1, v.quadrature);
    }
}
END_TEST

/* A grid that aliases is another map: only a plan that names the method gets it. */
START_TEST(aliasing_is_not_chosen)
{
    for (int exact = 0; exact < 2; exact++) {
        const variant v = {.op = E3TP_OP_GAUNT,
                           .channels = 1,
                           .n_theta = exact ? 17 : 2,
                           .n_phi = 34,
                           .aliased = 1};
        e3tp_plan *p = plan_of(8, &v, E3TP_F32, E3TP_METHOD_AUTO);
        ck_assert(exact || strcmp(e3tp_plan_method(p), "grid") != 0);
        ck_assert(!exact || e3tp_plan_cost(p, E3TP_FORWARD) < 1);
        e3tp_plan_destroy(p);
    }
}
END_TEST

/* ---- y is the array of x: sampled once */

/* Makes NaN of the matrices to samples of operand y. */
static void spoil(const e3tp_plan *p)
{
    const e3tp_grid_plan *g = p->state;
    const e3tp_grid_transform *t = &g->of[1][0];
    const e3tp_fold_tables *tables = &g->base.form.tables;
    const size_t es = e3tp_dtype_size(p->problem->dtype);
    ck_assert_uint_gt(t->first[E3TP_GRID_FROM_POINTS], t->first[E3TP_GRID_TO_SLOTS]);
    for (size_t i = t->first[E3TP_GRID_TO_SLOTS]; i < t->first[E3TP_GRID_FROM_POINTS]; i++) {
        const e3tp_fold_step *s = &tables->steps[i];
        memset((char *)tables->table + es * s->matrix, 0xff, es * s->rows * s->n);
    }
}

static bool is_nan(const e3tp_problem *p, const void *a, size_t i)
{
    return isnan(get(p->dtype, a, i));
}

/* z, gx and gy are the same without y's matrices where y is x; where it is a copy of x, z and gx,
   which take samples of y, are NaN. */
static void check_square(const e3tp_plan *p, const variant *v)
{
    arrays a, b;
    const size_t es = e3tp_dtype_size(p->problem->dtype);
    make_arrays(&a, p->problem, v), make_arrays(&b, p->problem, v);
    for (int k = 0; k <= A_GZ; k++)
        memcpy(b.own[k], a.own[k], es * a.rows[k] * a.width[k]);
    void *const copy = b.own[A_Y], *const own = a.own[A_Y];
    memcpy(copy, a.own[A_X], es * a.rows[A_X] * a.width[A_X]);
    a.own[A_Y] = a.own[A_X];
    call(p, &a);
    spoil(p);
    b.own[A_Y] = b.own[A_X];
    call(p, &b);
    for (int k = A_Z; k <= A_GY; k++)
        ck_assert_msg(memcmp(a.own[k], b.own[k], es * a.rows[k] * a.width[k]) == 0, "array %d", k);
    b.own[A_Y] = copy;
    call(p, &b);
    for (int k = A_Z; k <= A_GX; k++)
        for (size_t i = 0; i < b.rows[k] * b.width[k]; i++)
            ck_assert_msg(is_nan(p->problem, b.own[k], i), "array %d [%zu]", k, i);
    a.own[A_Y] = own;
    free_arrays(&a), free_arrays(&b);
}

START_TEST(square_is_sampled_once)
{
    static const int with_equal_lists[] = {1, 3};
    static const size_t channels[] = {1, 3, 40};
    for (int i = 0; i < 12; i++) {
        const e3tp_layout layout = (e3tp_layout)(i / 2 % 3);
        const variant v = {.op = E3TP_OP_GAUNT,
                           .channels = channels[i % 3],
                           .layout = {layout, layout, (e3tp_layout)(i % 3)},
                           .quadrature = (e3tp_quadrature)(i % 2)};
        e3tp_plan *p =
            plan_of(with_equal_lists[i / 6], &v, i % 2 ? E3TP_F64 : E3TP_F32, E3TP_METHOD_GRID);
        check_square(p, &v);
        e3tp_plan_destroy(p);
    }
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *tests = tcase_create("grid");
    tcase_add_test(tests, square_is_sampled_once);
    tcase_add_loop_test(tests, sums_over_samples, 0, 2 * PRODUCTS * OPS);
    tcase_add_loop_test(tests, types_of_fields, 0, 4);
    tcase_add_loop_test(tests, smallest_is_exact, 0, OPS);
    tcase_add_test(tests, aliasing_is_not_chosen);
    return run_case(tests, "grid");
}
