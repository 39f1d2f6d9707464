/* SPDX-License-Identifier: MIT */
/* Descriptors of the problems, from a table. */
#include "problems.h"

#include <check.h>
#include <string.h>

enum { MAX_PATHS = 6 };

typedef struct product {
    const char *name;
    e3tp_mode mode;
    int l[3][4];   /* degrees of x, y, z; -1 ends */
    int odd[3][4]; /* 1: parity is not (-1)^l */
    int y_mul;     /* 0: as x */
    int z_mul;     /* 0: as x */
    uint32_t paths[MAX_PATHS][3];
    size_t npaths;
} product;

static const product products[] = {
    [PROBLEM_UUU] = {.name = "uuu",
                     .mode = E3TP_UUU,
                     .l = {{0, 1, -1}, {0, 1, -1}, {0, 1, 1, 2}},
                     .odd = {{0}, {0}, {0, 0, 1, 0}},
                     .paths = {{0, 0, 0}, {1, 1, 0}, {0, 1, 1}, {1, 0, 1}, {1, 1, 2}, {1, 1, 3}},
                     .npaths = 6},
    [PROBLEM_UVU] = {.name = "uvu",
                     .mode = E3TP_UVU,
                     .l = {{0, 1, -1}, {0, 1, 2, -1}, {0, 1, 1, 3}},
                     .odd = {{0}, {0}, {0, 0, 1, 0}},
                     .y_mul = 2,
                     .paths = {{0, 0, 0}, {1, 1, 0}, {0, 1, 1}, {1, 2, 1}, {1, 1, 2}, {1, 2, 3}},
                     .npaths = 6},
    [PROBLEM_EVEN] = {.name = "uvu of even paths",
                      .mode = E3TP_UVU,
                      .l = {{0, 1, 2, -1}, {0, 1, 2, -1}, {0, 1, 2, 3}},
                      .y_mul = 1,
                      .paths = {{0, 0, 0}, {1, 1, 0}, {0, 1, 1}, {2, 1, 1}, {1, 1, 2}, {1, 2, 3}},
                      .npaths = 6},
    [PROBLEM_UVW] = {.name = "uvw",
                     .mode = E3TP_UVW,
                     .l = {{0, 1, -1}, {0, 2, -1}, {0, 1, 2, 3}},
                     .y_mul = 2,
                     .z_mul = 3,
                     .paths = {{0, 0, 0}, {1, 0, 1}, {1, 1, 1}, {0, 1, 2}, {1, 1, 3}},
                     .npaths = 5},
};

static const struct {
    const char *name;
    e3tp_op op;
    int l[3][6];
    size_t n[3];
} signals[] = {
    {"gaunt", E3TP_OP_GAUNT, {{0, 1, 2, 3}, {0, 1, 2}, {0, 1, 2, 3, 4}}, {4, 3, 5}},
    {"gaunt of lists", E3TP_OP_GAUNT, {{1, 3}, {0, 2, 5}, {0, 3, 6}}, {2, 3, 3}},
    {"bracket", E3TP_OP_BRACKET, {{0, 1, 2}, {1, 2}, {0, 1, 2, 3}}, {3, 2, 4}},
    {"complete", E3TP_OP_COMPLETE, {{0, 1, 2}, {1, 2}, {0, 1, 3}}, {3, 2, 3}},
    {"matrix", E3TP_OP_MATRIX, {{0, 1, 2}, {0, 1}, {0, 1, 2, 3}}, {3, 2, 4}},
    {"cross", E3TP_OP_CROSS, {{0, 1}, {1}, {0, 1, 2}}, {2, 1, 3}},
    {"dot", E3TP_OP_DOT, {{0, 1}, {1}, {0, 1, 2}}, {2, 1, 3}},
    {"y about the pole", E3TP_OP_COMPLETE, {{0, 1, 3}, {1, 2}, {0, 1, 2, 3}}, {3, 2, 4}},
    {"gaunt with one y", E3TP_OP_GAUNT, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, {3, 3, 3}},
    {"complete with one y", E3TP_OP_COMPLETE, {{0, 1, 2}, {1, 2}, {0, 1, 3}}, {3, 2, 3}},
    {"matrix with one y", E3TP_OP_MATRIX, {{0, 1}, {0, 1, 2}, {0, 1, 2}}, {2, 3, 3}},
    {"cross with one y", E3TP_OP_CROSS, {{0, 1}, {1}, {0, 1}}, {2, 1, 2}},
    {"one y about the pole", E3TP_OP_MATRIX, {{0, 1, 2}, {0, 1, 2}, {0, 2, 3}}, {3, 3, 3}},
    {"sum of gaunt", E3TP_OP_GAUNT, {{0, 1, 2, 3}, {0, 1, 2}, {0, 1, 2, 3, 4}}, {4, 3, 5}},
    {"sum of complete", E3TP_OP_COMPLETE, {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}, {3, 3, 3}},
    {"sum of matrix", E3TP_OP_MATRIX, {{0, 1}, {0, 1, 2}, {0, 1, 2}}, {2, 3, 3}},
    {"sum of cross", E3TP_OP_CROSS, {{0, 1}, {1}, {0, 1}}, {2, 1, 2}},
    {"power", E3TP_OP_GAUNT_POWER, {{0, 1, 2}, {0}, {0, 1, 3}}, {3, 0, 3}},
};

static bool is_product(problem_kind kind)
{
    return kind < PROBLEM_GAUNT;
}

const char *problem_name(problem_kind kind)
{
    if (kind == PROBLEM_PAIRS)
        return "pairs";
    return is_product(kind) ? products[kind].name : signals[kind - PROBLEM_GAUNT].name;
}

static void describe_product(e3tp_desc *d, const problem *p)
{
    const product *q = &products[p->kind];
    const size_t mul[3] = {p->mul, q->y_mul ? (size_t)q->y_mul : p->mul,
                           q->z_mul ? (size_t)q->z_mul : p->mul};
    for (int k = 0; k < 3; k++) {
        e3tp_irrep s[4];
        size_t n = 0;
        for (; n < 4 && q->l[k][n] >= 0; n++)
            s[n] = (e3tp_irrep){(uint32_t)mul[k], (uint16_t)q->l[k][n],
                                (int8_t)((q->l[k][n] + q->odd[k][n]) % 2 ? -1 : 1)};
        e3tp_desc_set_irreps(d, (e3tp_operand)k, s, n);
    }
    const int weighted = p->weights != E3TP_WEIGHTS_NONE || q->mode == E3TP_UVW;
    for (size_t i = 0; i < q->npaths; i++) {
        const int with = weighted && !(p->kind == PROBLEM_UVU && i + 1 == q->npaths);
        const e3tp_path path =
            e3tp_path_init(q->paths[i][0], q->paths[i][1], q->paths[i][2], q->mode, with);
        e3tp_desc_add_path(d, &path);
    }
    if (weighted)
        e3tp_desc_set_weights(d,
                              p->weights == E3TP_WEIGHTS_NONE ? E3TP_WEIGHTS_SHARED : p->weights);
}

/* Every mode that the table of products has not, each with a block of z. */
static void describe_pairs(e3tp_desc *d, const problem *p)
{
    const uint32_t m = p->mul < 5 ? (uint32_t)p->mul : 4 + (uint32_t)p->mul / 8;
    const e3tp_irrep in[2] = {{m, 0, 1}, {m, 1, -1}};
    const e3tp_irrep out[] = {
        {m, 1, -1}, {m * m, 1, 1}, {m ? m * (m - 1) / 2 : 0, 2, 1}, {3, 1, -1}, {3, 0, 1}};
    static const struct {
        uint32_t in1, in2;
        e3tp_mode mode;
    } path[] = {{0, 1, E3TP_UVV},
                {1, 1, E3TP_UVUV},
                {1, 1, E3TP_UVU_LT_V},
                {1, 0, E3TP_UUW},
                {1, 1, E3TP_U_LT_VW}};
    e3tp_desc_set_irreps(d, E3TP_X, in, 2);
    e3tp_desc_set_irreps(d, E3TP_Y, in, 2);
    e3tp_desc_set_irreps(d, E3TP_Z, out, 5);
    for (uint32_t i = 0; i < 5; i++) {
        const e3tp_path q = e3tp_path_init(path[i].in1, path[i].in2, i, path[i].mode, 1);
        e3tp_desc_add_path(d, &q);
    }
    e3tp_desc_set_weights(d, p->weights == E3TP_WEIGHTS_NONE ? E3TP_WEIGHTS_SHARED : p->weights);
}

static bool is_zonal(problem_kind kind)
{
    return kind == PROBLEM_ZONAL || kind == PROBLEM_ZONAL_COMMON;
}

static void describe_signals(e3tp_desc *d, const problem *p)
{
    const int i = (int)(p->kind - PROBLEM_GAUNT);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_degrees(d, (e3tp_operand)k, signals[i].l[k], signals[i].n[k]);
    e3tp_desc_set_channels(d, p->mul);
    e3tp_desc_set_weights(d, p->weights);
    if (p->kind == PROBLEM_POWER) {
        e3tp_desc_set_power(d, 3);
        return;
    }
    const bool sum = p->kind >= PROBLEM_GAUNT_SUM && p->weights != E3TP_WEIGHTS_NONE;
    e3tp_desc_set_y_channels(d, p->kind >= PROBLEM_GAUNT_COMMON && p->kind < PROBLEM_GAUNT_SUM);
    if (is_zonal(p->kind))
        e3tp_desc_set_y_zonal(d, 1);
    e3tp_desc_set_rank(d, sum ? 3 : p->weights == E3TP_WEIGHTS_ROW ? 2 : 1);
    e3tp_desc_set_common_output(d, sum);
}

e3tp_desc *problem_desc(const problem *p)
{
    e3tp_desc *d;
    const e3tp_op op =
        is_product(p->kind) ? E3TP_OP_TENSOR_PRODUCT : signals[p->kind - PROBLEM_GAUNT].op;
    ck_assert_int_eq(e3tp_desc_create(&d, op), E3TP_OK);
    if (p->kind == PROBLEM_PAIRS)
        describe_pairs(d, p);
    else if (is_product(p->kind))
        describe_product(d, p);
    else
        describe_signals(d, p);
    for (int k = 0; k < 3; k++)
        e3tp_desc_set_layout(d, (e3tp_operand)k, p->layout[k]);
    e3tp_desc_set_dtype(d, p->dtype);
    e3tp_desc_set_isa(d, p->isa);
    e3tp_desc_set_method(d, p->method);
    e3tp_desc_set_effort(d, p->effort);
    e3tp_desc_set_threads(d, p->threads);
    e3tp_desc_set_parallel_for(d, p->parallel_for, p->parallel_ctx);
    e3tp_desc_set_allocator(d, p->alloc, p->release, p->alloc_ctx);
    ck_assert_str_eq(e3tp_desc_message(d), "");
    return d;
}

/* A method refuses all other kinds. */
bool problem_served(e3tp_method m, problem_kind kind)
{
    const bool gaunt = kind == PROBLEM_GAUNT || kind == PROBLEM_GAUNT_LISTS ||
                       kind == PROBLEM_GAUNT_COMMON || kind == PROBLEM_GAUNT_SUM,
               matrix = kind == PROBLEM_MATRIX || kind == PROBLEM_MATRIX_COMMON ||
                        kind == PROBLEM_MATRIX_SUM;
    switch (m) {
    case E3TP_METHOD_GAUNT:
        return gaunt;
    case E3TP_METHOD_GRID:
        return kind != PROBLEM_PAIRS && !matrix && !is_zonal(kind);
    case E3TP_METHOD_MATRIX:
        return matrix;
    case E3TP_METHOD_CG:
        return kind != PROBLEM_POWER;
    default:
        return true;
    }
}

int problems_served(e3tp_method m)
{
    int n = 0;
    for (int kind = 0; kind < PROBLEMS; kind++)
        n += problem_served(m, (problem_kind)kind);
    ck_assert_int_gt(n, 0);
    return n;
}

e3tp_plan *problem_plan(const problem *p)
{
    e3tp_desc *d = problem_desc(p);
    e3tp_plan *plan;
    const e3tp_status want = problem_served(p->method, p->kind) ? E3TP_OK : E3TP_E_UNSUPPORTED;
    ck_assert_msg(e3tp_plan_create(&plan, d) == want, "%s by %s: %s", problem_name(p->kind),
                  e3tp_method_name(p->method), e3tp_desc_message(d));
    ck_assert(want == E3TP_OK || strlen(e3tp_desc_message(d)) > 10);
    if (want == E3TP_OK && p->method != E3TP_METHOD_AUTO)
        ck_assert_str_eq(e3tp_plan_method(plan), e3tp_method_name(p->method));
    e3tp_desc_destroy(d);
    return plan;
}

int method_count(void)
{
    int n = 0;
    while (method_at(n) != E3TP_METHOD_AUTO)
        n++;
    return n;
}

/* A method's number is fixed, so one that is not built leaves a gap. */
e3tp_method method_at(int i)
{
    enum { LAST = 32 };
    for (int m = E3TP_METHOD_AUTO + 1; m < LAST; m++)
        if (e3tp_method_name((e3tp_method)m) && i-- == 0)
            return (e3tp_method)m;
    return E3TP_METHOD_AUTO;
}
