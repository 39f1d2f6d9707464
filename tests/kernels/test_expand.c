/* SPDX-License-Identifier: MIT */
/* Sums of rows of a table and their derivatives on one tier and both reals, between pages that
   fault, against plain sums in double; the same bits whatever else is in the call. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ensure.h"
#include "guard.h"
#include "radial/expand.h"
#include "tiers.h"

static e3tp_tier tier;

/* Where the rows of an expansion begin. */
typedef enum pattern { EQUAL, APART, RUNS, ORDERED } pattern; /* the last: as APART, taken by row */
enum { PATTERNS = 4, SPARE = 9, MOST = 29 };

static const size_t widths[] = {0, 1, 3, 13, 33, 128, 1283}, term_counts[] = {0, 1, 4, 8, 13, 37},
                    counts[] = {0, 1, 5, MOST};
#define COUNT_OF(a) (sizeof(a) / sizeof *(a))
enum { WIDTHS = COUNT_OF(widths), TERMS = COUNT_OF(term_counts), COUNTS = COUNT_OF(counts) };

/* An operand between pages, in one real. */
typedef struct operand {
    guard_area area;
    unsigned char *at;
    size_t bytes, element;
} operand;

static operand operand_of(size_t n, size_t element, int side)
{
    operand o = {guard_create(n * element), NULL, n * element, element};
    o.at = guard_place(&o.area, o.bytes, (guard_side)side, 0);
    return o;
}

static void drop(operand *o)
{
    ck_assert_msg(guard_intact(&o->area, o->at, o->bytes), "written outside");
    guard_destroy(&o->area);
}

static double get(const operand *o, size_t i)
{
    return o->element == 8 ? ((double *)(void *)o->at)[i] : (double)((float *)(void *)o->at)[i];
}

static void fill(operand *o, unsigned seed)
{
    for (size_t i = 0; i < o->bytes / o->element; i++) {
        seed = seed * 1664525 + 1013904223;
        const double v = (double)(seed >> 8) / (1 << 23) - 1;
        if (o->element == 8)
            ((double *)(void *)o->at)[i] = v;
        else
            ((float *)(void *)o->at)[i] = (float)v;
    }
}

/* A problem with all that its calls read. */
typedef struct problem {
    e3tp_dtype dtype;
    size_t es, rows;
    e3tp_expand e;
    const e3tp_expand_kernels *kernels;
    operand b, table, g;
    size_t first[MOST];
    uint16_t order[MOST];
} problem;

static size_t nth(const problem *p, size_t k)
{
    return p->e.order ? p->e.order[k] : k;
}

static void begin(problem *p, e3tp_dtype dtype, size_t n, size_t terms, size_t width, pattern how)
{
    const int side = (int)((n + terms + width) % 2);
    *p = (problem){.dtype = dtype, .es = dtype == E3TP_F64 ? 8 : 4, .rows = terms + SPARE};
    p->kernels = e3tp_expand_kernels_of(dtype, tier);
    p->b = operand_of(n * terms, p->es, side);
    p->table = operand_of(p->rows * width, p->es, side);
    p->g = operand_of(n * width, p->es, side);
    fill(&p->b, 1), fill(&p->table, 2), fill(&p->g, 3);
    for (size_t i = 0; i < n; i++)
        p->first[i] = how == EQUAL ? SPARE : how == RUNS ? i * i / 97 % SPARE : i * 4 % SPARE;
    p->e = (e3tp_expand){n, terms, width, p->b.at, p->first, NULL};
    for (size_t row = 0, k = 0; row <= SPARE; row++)
        for (size_t i = 0; i < n; i++)
            if (p->first[i] == row)
                p->order[k++] = (uint16_t)i;
    if (how == ORDERED && terms == 4)
        p->e.order = p->order;
}

static void end(problem *p)
{
    drop(&p->b), drop(&p->table), drop(&p->g);
}

/* The same for row i alone. */
static e3tp_expand single(const problem *p, size_t i)
{
    return (e3tp_expand){
        1, p->e.terms, p->e.width, p->b.at + i * p->e.terms * p->es, p->first + i, NULL};
}

/* A sum of so many products, one after the other, and the start of the sum. */
static void near_sum(const problem *p, bool wide, double got, double sum, double size, size_t n)
{
    const double eps = wide || p->dtype == E3TP_F64 ? DBL_EPSILON : FLT_EPSILON;
    ensure(fabs(got - sum) <= (double)(n + 1) * eps * size, "%.17g, expected %.17g", got, sum);
}

static void check_rows(const problem *p, bool add)
{
    const size_t n = p->e.n, terms = p->e.terms, width = p->e.width;
    operand out = operand_of(n * width, p->es, 1), start = operand_of(n * width, p->es, 0),
            alone = operand_of(width, p->es, 0);
    fill(&out, 4), fill(&start, 4);
    p->kernels->rows(&p->e, p->table.at, out.at, add);
    for (size_t i = 0; i < n; i++) {
        for (size_t w = 0; w < width; w++) {
            double sum = add ? get(&start, i * width + w) : 0, size = fabs(sum);
            for (size_t k = 0; k < terms; k++) {
                const double term =
                    get(&p->b, i * terms + k) * get(&p->table, (p->first[i] + k) * width + w);
                sum += term, size += fabs(term);
            }
            near_sum(p, false, get(&out, i * width + w), sum, size, terms);
        }
        const e3tp_expand one = single(p, i);
        memcpy(alone.at, start.at + i * width * p->es, width * p->es);
        p->kernels->rows(&one, p->table.at, alone.at, add);
        ck_assert_int_eq(memcmp(alone.at, out.at + i * width * p->es, width * p->es), 0);
    }
    drop(&out), drop(&start), drop(&alone);
}

static void check_terms(const problem *p, bool add)
{
    const size_t n = p->e.n, terms = p->e.terms, width = p->e.width;
    operand gb = operand_of(n * terms, p->es, 1), start = operand_of(n * terms, p->es, 0),
            alone = operand_of(terms, p->es, 0);
    fill(&gb, 5), fill(&start, 5);
    p->kernels->terms(&p->e, p->table.at, p->g.at, gb.at, add);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < terms; k++) {
            double sum = add ? get(&start, i * terms + k) : 0, size = fabs(sum);
            for (size_t w = 0; w < width; w++) {
                const double term =
                    get(&p->g, i * width + w) * get(&p->table, (p->first[i] + k) * width + w);
                sum += term, size += fabs(term);
            }
            /* each lane, of two at least, adds up its share, then the lanes as a tree */
            near_sum(p, false, get(&gb, i * terms + k), sum, size, width / 2 + 5);
        }
        const e3tp_expand one = single(p, i);
        memcpy(alone.at, start.at + i * terms * p->es, terms * p->es);
        p->kernels->terms(&one, p->table.at, p->g.at + i * width * p->es, alone.at, add);
        ck_assert_int_eq(memcmp(alone.at, gb.at + i * terms * p->es, terms * p->es), 0);
    }
    drop(&gb), drop(&start), drop(&alone);
}

/* The sums and the sums of sizes that a table should have, from its start. */
static void table_reference(const problem *p, const operand *start, double *sum, double *size)
{
    const size_t width = p->e.width;
    for (size_t j = 0; j < p->rows * width; j++)
        sum[j] = get(start, j), size[j] = fabs(sum[j]);
    for (size_t i = 0; i < p->e.n; i++)
        for (size_t k = 0; k < p->e.terms; k++)
            for (size_t w = 0; w < width; w++) {
                const double term = get(&p->b, i * p->e.terms + k) * get(&p->g, i * width + w);
                sum[(p->first[i] + k) * width + w] += term;
                size[(p->first[i] + k) * width + w] += fabs(term);
            }
}

/* Whole, in pieces of columns, and row after row: the same bits. No order is for wide tables. */
static void check_table(const problem *p, bool wide)
{
    if (wide && p->e.order)
        return;
    const size_t width = p->e.width, n = p->rows * width, es = wide ? 8 : p->es,
                 cuts[] = {0, width / 3, width / 3, width - width / 5, width};
    operand whole = operand_of(n, es, 1), pieces = operand_of(n, es, 0),
            steps = operand_of(n, es, 1);
    double *sum = malloc((2 * n + 1) * sizeof *sum);
    fill(&whole, 6), fill(&pieces, 6), fill(&steps, 6);
    table_reference(p, &whole, sum, sum + n);
    p->kernels->table(&p->e, p->g.at, whole.at, wide, 0, width);
    for (size_t j = 0; j < n; j++)
        near_sum(p, wide, get(&whole, j), sum[j], sum[n + j], p->e.n);
    for (size_t c = 0; c + 1 < COUNT_OF(cuts); c++)
        p->kernels->table(&p->e, p->g.at, pieces.at, wide, cuts[c], cuts[c + 1]);
    for (size_t k = 0; k < p->e.n; k++) {
        const size_t i = nth(p, k);
        const e3tp_expand one = single(p, i);
        p->kernels->table(&one, p->g.at + i * width * p->es, steps.at, wide, 0, width);
    }
    ck_assert_int_eq(memcmp(whole.at, pieces.at, n * es), 0);
    ck_assert_int_eq(memcmp(whole.at, steps.at, n * es), 0);
    free(sum);
    drop(&whole), drop(&pieces), drop(&steps);
}

/* Two sets of factors: rows with the bits of one set after the other, whatever n. */
static void check_rows_of_two(const problem *p, const problem *q)
{
    const size_t n = p->e.n * p->e.width;
    operand out = operand_of(n, p->es, 1), out2 = operand_of(n, p->es, 0),
            alone = operand_of(n, p->es, 1);
    p->kernels->rows_of_two(&p->e, q->b.at, p->table.at, out.at, out2.at);
    p->kernels->rows(&p->e, p->table.at, alone.at, false);
    ck_assert_int_eq(memcmp(alone.at, out.at, out.bytes), 0);
    p->kernels->rows(&q->e, p->table.at, alone.at, false);
    ck_assert_int_eq(memcmp(alone.at, out2.at, out.bytes), 0);
    drop(&out), drop(&out2), drop(&alone);
}

static void check_table_of_two(const problem *p, const problem *q, bool wide)
{
    const size_t width = p->e.width, n = p->rows * width, es = wide ? 8 : p->es,
                 cuts[] = {0, width / 3, width - width / 5, width};
    operand whole = operand_of(n, es, 1), pieces = operand_of(n, es, 0),
            zero = operand_of(n, es, 1);
    double *sum = malloc((4 * n + 1) * sizeof *sum);
    fill(&whole, 6), fill(&pieces, 6);
    memset(zero.at, 0, zero.bytes);
    table_reference(p, &whole, sum, sum + n);
    table_reference(q, &zero, sum + 2 * n, sum + 3 * n);
    p->kernels->table_of_two(&p->e, q->b.at, p->g.at, q->g.at, whole.at, wide, 0, width);
    for (size_t j = 0; j < n; j++)
        near_sum(p, wide, get(&whole, j), sum[j] + sum[2 * n + j], sum[n + j] + sum[3 * n + j],
                 2 * p->e.n);
    for (size_t c = 0; c + 1 < COUNT_OF(cuts); c++)
        p->kernels->table_of_two(&p->e, q->b.at, p->g.at, q->g.at, pieces.at, wide, cuts[c],
                                 cuts[c + 1]);
    ck_assert_int_eq(memcmp(whole.at, pieces.at, n * es), 0);
    free(sum);
    drop(&whole), drop(&pieces), drop(&zero);
}

static void check_two(const problem *p, bool wide)
{
    if (wide && p->e.order)
        return;
    problem q = *p;
    q.b = operand_of(p->e.n * p->e.terms, p->es, 0),
    q.g = operand_of(p->e.n * p->e.width, p->es, 0);
    fill(&q.b, 7), fill(&q.g, 8);
    q.e.b = q.b.at;
    if (!wide)
        check_rows_of_two(p, &q);
    check_table_of_two(p, &q, wide);
    drop(&q.b), drop(&q.g);
}

static void each_problem(int i, void (*check)(const problem *p, bool flag))
{
    for (size_t n = 0; n < COUNTS; n++)
        for (size_t t = 0; t < TERMS; t++)
            for (int how = 0; how < PATTERNS; how++) {
                problem p;
                begin(&p, (e3tp_dtype)(i / WIDTHS), counts[n], term_counts[t], widths[i % WIDTHS],
                      (pattern)how);
                check(&p, false);
                check(&p, true);
                end(&p);
            }
}

START_TEST(rows)
{
    each_problem(_i, check_rows);
}
END_TEST

START_TEST(terms)
{
    each_problem(_i, check_terms);
}
END_TEST

START_TEST(table)
{
    each_problem(_i, check_table);
}
END_TEST

START_TEST(two)
{
    each_problem(_i, check_two);
}
END_TEST

int main(int argc, char **argv)
{
    tier = tier_under_test(argc, argv);
    TCase *t = tcase_create("expand");
    tcase_add_loop_test(t, rows, 0, 2 * WIDTHS);
    tcase_add_loop_test(t, terms, 0, 2 * WIDTHS);
    tcase_add_loop_test(t, table, 0, 2 * WIDTHS);
    tcase_add_loop_test(t, two, 0, 2 * WIDTHS);
    return run_case(t, "expand");
}
