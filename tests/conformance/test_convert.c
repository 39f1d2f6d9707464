/* SPDX-License-Identifier: MIT */
/* Conversion of layouts: every pair of layouts, element by element against their definition, odd
   multiplicities and batches, strides with gaps that stay as they are; and what it refuses. The
   tier is argv[1], by E3TP_ISA. */
#include "suite.h"

static const e3tp_irrep irreps[] = {{33, 0, 1}, {7, 1, -1}, {0, 2, 1},
                                    {16, 2, 1}, {1, 5, -1}, {5, 3, 1}};
enum { BLOCKS = COUNT_OF(irreps), WIDTH = 33 + 21 + 80 + 11 + 35, MOST = 40, GAP = 3 };

static size_t place(e3tp_layout layout, size_t stride, size_t row, size_t offset, size_t mul,
                    size_t d, size_t u, size_t m)
{
    const size_t ir_mul = offset + m * mul + u;
    return layout == E3TP_MUL_IR   ? row * stride + offset + u * d + m
           : layout == E3TP_IR_MUL ? row * stride + ir_mul
                                   : ir_mul * stride + row;
}

static void write_number(e3tp_dtype t, void *a, size_t i, double v)
{
    if (t == E3TP_F64)
        ((double *)a)[i] = v;
    else
        ((float *)a)[i] = (float)v;
}

static double read_number(e3tp_dtype t, const void *a, size_t i)
{
    return t == E3TP_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static void check(e3tp_dtype t, e3tp_layout from, e3tp_layout to, size_t batch, size_t gap)
{
    static double in[(WIDTH + GAP) * (MOST + GAP)], out[(WIDTH + GAP) * (MOST + GAP)];
    const size_t elements = (WIDTH + GAP) * (MOST + GAP);
    const size_t s1 = (from == E3TP_BATCH_LAST ? batch : WIDTH) + gap,
                 s2 = (to == E3TP_BATCH_LAST ? batch : WIDTH) + gap;
    for (size_t i = 0; i < elements; i++) {
        write_number(t, in, i, (double)i);
        write_number(t, out, i, -1);
    }
    ck_assert_int_eq(e3tp_convert(t, irreps, BLOCKS, batch, from, in,
                                  gap ? (ptrdiff_t)s1 : E3TP_PACKED, to, out,
                                  gap ? (ptrdiff_t)s2 : E3TP_PACKED),
                     E3TP_OK);
    size_t offset = 0, wrong = 0, touched = 0;
    for (size_t b = 0; b < BLOCKS; b++) {
        const size_t mul = irreps[b].mul, d = 2 * (size_t)irreps[b].l + 1;
        for (size_t r = 0; r < batch; r++)
            for (size_t u = 0; u < mul; u++)
                for (size_t m = 0; m < d; m++) {
                    const size_t i = place(from, s1, r, offset, mul, d, u, m),
                                 o = place(to, s2, r, offset, mul, d, u, m);
                    wrong += read_number(t, out, o) != read_number(t, in, i);
                    write_number(t, out, o, -1);
                }
        offset += mul * d;
    }
    for (size_t i = 0; i < elements; i++)
        touched += read_number(t, out, i) != -1;
    ck_assert_msg(wrong == 0 && touched == 0, "%d to %d, %zu rows: %zu wrong, %zu touched beside",
                  (int)from, (int)to, batch, wrong, touched);
}

START_TEST(layouts)
{
    static const size_t batches[] = {0, 1, 7, 16, MOST};
    for (int from = E3TP_MUL_IR; from <= E3TP_BATCH_LAST; from++)
        for (int to = E3TP_MUL_IR; to <= E3TP_BATCH_LAST; to++)
            for (size_t i = 0; i < COUNT_OF(batches); i++)
                for (size_t gap = 0; gap <= GAP; gap += GAP) {
                    check(E3TP_F32, (e3tp_layout)from, (e3tp_layout)to, batches[i], gap);
                    check(E3TP_F64, (e3tp_layout)from, (e3tp_layout)to, batches[i], gap);
                }
}
END_TEST

START_TEST(refusals)
{
    static const e3tp_irrep high = {1, E3TP_SO3_LMAX + 1, 1}, vector = {2, 1, -1};
    float a[64] = {0}, b[64] = {0};
    const e3tp_layout m = E3TP_MUL_IR, i = E3TP_IR_MUL;
    const ptrdiff_t p = E3TP_PACKED;
#define REFUSED(...) ck_assert_int_eq(e3tp_convert(__VA_ARGS__), E3TP_E_INVALID)
    REFUSED((e3tp_dtype)9, &vector, 1, 2, m, a, p, i, b, p);
    REFUSED(E3TP_F32, NULL, 1, 2, m, a, p, i, b, p);
    REFUSED(E3TP_F32, &high, 1, 2, m, a, p, i, b, p);
    REFUSED(E3TP_F32, &vector, 1, 2, (e3tp_layout)9, a, p, i, b, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, p, (e3tp_layout)-1, b, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, NULL, p, i, b, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, p, i, NULL, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, p, i, a + 3, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, 5, i, b, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, -6, i, b, p);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, PTRDIFF_MAX, i, b, p);
    ck_assert_int_eq(e3tp_convert(E3TP_F32, NULL, 0, 2, m, NULL, p, i, NULL, p), E3TP_OK);
    /* behind the last row, not its padding */
    ck_assert_int_eq(e3tp_convert(E3TP_F32, &vector, 1, 2, m, a, 10, i, a + 16, p), E3TP_OK);
    REFUSED(E3TP_F32, &vector, 1, 2, m, a, 10, i, a + 15, p);
    setenv("E3TP_ISA", "mmx", 1);
    ck_assert_int_eq(e3tp_convert(E3TP_F32, &vector, 1, 2, m, a, p, i, b, p), E3TP_E_UNSUPPORTED);
}
END_TEST

int main(int argc, char **argv)
{
    const e3tp_isa tier = tier_argument(argc, argv);
    setenv("E3TP_ISA", e3tp_isa_name(tier), 1);
    TCase *tests = tcase_create("convert");
    tcase_add_test(tests, layouts);
    tcase_add_test(tests, refusals);
    return run_tests(tests, "convert", CK_FORK);
}
