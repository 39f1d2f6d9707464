/* SPDX-License-Identifier: MIT */
/* gen_cg_pairs L1 LMAX: writes the template of the kernels (L1, l2), l2 = 0..LMAX, to standard
   output; src/cg/cg_pair_body.h turns each into code or into a table.
   gen_cg_pairs whole L: of the kernels of whole products of degrees 0..L with 0..L, to 0..L, in the
   words of src/cg/cg_whole_body.h.

   With X_m = x_m + i x_-m for m > 0 the real tensor W couples the products
     p = X_m1 Y_m2                       to order M = m1 + m2
     q = X_m1 conj(Y_m2), conj(X) Y      to order M = |m1 - m2|, conjugated so that M >= 0
   with one real coefficient for each l3: with J = l1 + l2 + l3 and s the sum of coefficient times
   product, z_M += Re s and z_-M += Im s where J is even, z_M += Im s and z_-M -= Re s where J is
   odd. Where l1 = l2, (m1, m2) and (m2, m1) have the same coefficient times (-1)^J: their sum goes
   to even J and their difference to odd J, half the terms. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "so3/wigner.h"

enum { L = 12, ORDERS = 2 * L + 1, TERMS = 2 * L + 1, D = 2 * L + 1, SUM = 0, DIFFERENCE = 1 };

typedef struct term {
    int m1, m2;
    bool conjugate;
} term;

/* Products of a pair by order and, where l1 = l2, in two parts: SUM for even J, DIFFERENCE for odd.
   A product occupies one slot (re, im); the slots of an order are contiguous. Order 0 is common to
   both parts: even J takes the real parts, odd J the imaginary ones. */
typedef struct pair {
    int l1, l2, parts;
    int count[2][ORDERS], slot[2][ORDERS];
    term terms[2][ORDERS][TERMS];
    int slots;
} pair;

static void add_term(pair *p, int part, int m1, int m2, bool conjugate)
{
    const int M = conjugate ? abs(m1 - m2) : m1 + m2;
    p->terms[part][M][p->count[part][M]++] = (term){m1, m2, conjugate};
}

static void collect_terms(pair *p)
{
    for (int part = 0; part < p->parts; part++)
        for (int m1 = 0; m1 <= p->l1; m1++)
            for (int m2 = 0; m2 <= (p->parts == 2 ? m1 : p->l2); m2++) {
                const bool both = m1 > 0 && m2 > 0, alone = m1 == m2;
                if (!(both && alone && part == DIFFERENCE) && (m1 + m2 > 0 || part == SUM))
                    add_term(p, part, m1, m2, false);
                if (both && !(alone && part == DIFFERENCE))
                    add_term(p, part, m1, m2, true);
            }
}

static void place_slots(pair *p)
{
    for (int part = 0; part < p->parts; part++)
        for (int M = part == DIFFERENCE; M <= p->l1 + p->l2; M++) {
            p->slot[part][M] = p->slots;
            p->slots += p->count[part][M];
        }
    for (int i = 0; i < p->count[SUM][0] && p->parts == 2; i++)
        p->terms[DIFFERENCE][0][i] = p->terms[SUM][0][i];
    p->count[DIFFERENCE][0] = p->count[SUM][0];
}

static int slot_of(const pair *p, int part, int m1, int m2, bool conjugate)
{
    const int M = conjugate ? abs(m1 - m2) : m1 + m2;
    for (int i = 0; i < p->count[part][M]; i++) {
        const term *t = &p->terms[part][M][i];
        if (t->m1 == m1 && t->m2 == m2 && t->conjugate == conjugate)
            return p->slot[part][M] + i;
    }
    return -1;
}

/* X(l3, place among the outputs) */
static void print_degrees(const pair *p)
{
    const int first = abs(p->l1 - p->l2);
    printf("#define DEGREES(X)");
    for (int l3 = first; l3 <= p->l1 + p->l2; l3++)
        printf(" \\\n    X(%d, %d)", l3, l3 - first);
    printf("\n");
}

static void print_products(const pair *p)
{
    printf("#define PRODUCTS(X)");
    for (int m1 = 0; m1 <= p->l1; m1++)
        for (int m2 = 0; m2 <= (p->parts == 2 ? m1 : p->l2); m2++) {
            const bool paired = p->parts == 2 && m1 != m2;
            const char *kind = m1 == 0 && m2 == 0 ? "REAL"
                               : m1 == 0          ? "X0"
                               : m2 == 0          ? (paired ? "BOTH_0" : "Y0")
                                                  : (paired ? "BOTH" : "FULL");
            printf(" \\\n    X(%s, %d, %d, %d, %d, %d, %d)", kind, m1, m2,
                   slot_of(p, SUM, m1, m2, false), slot_of(p, SUM, m1, m2, true),
                   paired ? slot_of(p, DIFFERENCE, m1, m2, false) : 0,
                   paired ? slot_of(p, DIFFERENCE, m1, m2, true) : 0);
        }
    printf("\n");
}

/* X(M, terms, first slot, first coefficient in the row of an l3) */
static void print_orders(const pair *p, int part, const char *name)
{
    int at = 0;
    printf("#define %s(X)", name);
    for (int M = 0; M <= p->l1 + p->l2; M++) {
        printf(" \\\n    X(%d, %d, %d, %d)", M, p->count[part][M],
               part == DIFFERENCE && M == 0 ? p->slot[SUM][0] : p->slot[part][M], at);
        at += p->count[part][M];
    }
    printf("\n");
}

static int part_length(const pair *p, int part)
{
    int n = 0;
    for (int M = 0; M <= p->l1 + p->l2; M++)
        n += p->count[part][M];
    return n;
}

/* Coefficients of one l3, all orders; those above l3 are zero and not read. */
static int row_length(const pair *p)
{
    const int sum = part_length(p, SUM), difference = part_length(p, DIFFERENCE);
    return sum > difference ? sum : difference;
}

static double coefficient(const pair *p, int l3, int M, const term *t, const double *W)
{
    const bool odd = (p->l1 + p->l2 + l3) & 1;
    const int n2 = 2 * p->l2 + 1, n3 = 2 * l3 + 1;
    const int m1 = odd && M == 0 ? -t->m1 : t->m1, m3 = odd ? -M : M;
    if (M > l3 || (odd && t->m1 == 0 && t->m2 == 0))
        return 0;
    const double w = W[((m1 + p->l1) * n2 + t->m2 + p->l2) * n3 + m3 + l3];
    return odd && M > 0 ? -w : w;
}

static bool print_row(const pair *p, int l3)
{
    static double W[D * D * (2 * D - 1)];
    const int part = p->parts == 2 && (p->l1 + p->l2 + l3) % 2 ? DIFFERENCE : SUM;
    int column = 0;
    if (e3tp_so3_wigner_3j(p->l1, p->l2, l3, E3TP_SIGN_E3NN, W) != E3TP_OK)
        return false;
    for (int M = 0; M <= p->l1 + p->l2; M++)
        for (int i = 0; i < p->count[part][M]; i++, column++)
            printf("%sR(%.17e),", column % 3 ? " " : "\n    ",
                   coefficient(p, l3, M, &p->terms[part][M][i], W));
    for (; column < row_length(p); column++)
        printf(" 0,");
    return true;
}

/* ---- straight-line code for a known set of degrees ---- */

/* Sums of one order of so many degrees at a time: two registers each, the rest for products. */
enum { AT_ONCE = 5, TOP = 6 };

enum { ALL, EVEN, ODD, KINDS }; /* as e3tp_cg_set */

typedef struct set {
    int top, kind;
    double (*W)[D * D * (2 * D - 1)]; /* of each degree, from the least on */
} set;

static bool holds(const pair *p, const set *s, int l3)
{
    return l3 >= abs(p->l1 - p->l2) && l3 <= s->top &&
           (s->kind == ALL || (p->l1 + p->l2 + l3) % 2 == (s->kind == ODD));
}

/* The degrees of a chunk, whose sums of order M run over the terms of one part. */
typedef struct chunk {
    int M, part, n;
    int l3[2 * L + 1];
} chunk;

static bool is_odd(const pair *p, int l3)
{
    return (p->l1 + p->l2 + l3) % 2;
}

/* Adds product i to the sums of the chunk. */
static void print_term(const pair *p, const set *s, const chunk *c, int i, bool *begun)
{
    static const char *const name[2] = {"re", "im"};
    const int slot =
        (c->M == 0 && c->part == DIFFERENCE ? p->slot[SUM][0] : p->slot[c->part][c->M]) + i;
    printf("        {\n            ");
    if (c->M > 0)
        printf("TAKE(%d);\n", slot);
    bool taken[2] = {c->M > 0, c->M > 0};
    for (int k = 0; k < c->n; k++) {
        const int l3 = c->l3[k], odd = is_odd(p, l3);
        const double value =
            coefficient(p, l3, c->M, &p->terms[c->part][c->M][i], s->W[l3 - abs(p->l1 - p->l2)]);
        if (value == 0)
            continue;
        for (int im = 0; im < 2; im++) {
            if (c->M == 0 && im != odd)
                continue;
            if (!taken[im])
                printf("%s(%d);\n", im ? "TAKE_IM" : "TAKE_RE", slot);
            taken[im] = true;
            if (begun[k])
                printf("            %s%d = v_fma(K(%.17e), %s, %s%d);\n", name[im], l3, value,
                       name[im], name[im], l3);
            else
                printf("            %s%d = K(%.17e) * %s;\n", name[im], l3, value, name[im]);
        }
        begun[k] = true;
    }
    printf("        }\n");
}

static void print_chunk(const pair *p, const set *s, const chunk *c)
{
    bool begun[2 * L + 1] = {false};
    printf("    { /* order %d */\n", c->M);
    for (int k = 0; k < c->n; k++)
        if (c->M > 0)
            printf("        v_real re%d, im%d;\n", c->l3[k], c->l3[k]);
        else
            printf("        v_real %s%d;\n", is_odd(p, c->l3[k]) ? "im" : "re", c->l3[k]);
    for (int i = 0; i < p->count[c->part][c->M]; i++)
        print_term(p, s, c, i, begun);
    for (int k = 0; k < c->n; k++) {
        const int l3 = c->l3[k], place = l3 - abs(p->l1 - p->l2), odd = is_odd(p, l3);
        if (begun[k] && c->M == 0)
            printf("        ADD_0(%d, %s%d);\n", place, odd ? "im" : "re", l3);
        else if (begun[k])
            printf("        ADD(%d, %d, %d, re%d, im%d);\n", place, c->M, odd, l3, l3);
    }
    printf("    }\n");
}

/* The degrees of an order whose terms are those of `part`. */
static void print_order(const pair *p, const set *s, int M, int part)
{
    const int most = M ? AT_ONCE : 2 * AT_ONCE;
    chunk c = {M, part, 0, {0}};
    for (int l3 = M; l3 <= s->top; l3++)
        if (holds(p, s, l3) && (p->parts == 1 || is_odd(p, l3) == part))
            c.l3[c.n++] = l3;
    const int chunks = (c.n + most - 1) / most;
    for (int i = 0, from = 0; i < chunks; i++) {
        chunk part_of = {M, part, (c.n - from + chunks - i - 1) / (chunks - i), {0}};
        memcpy(part_of.l3, c.l3 + from, (size_t)part_of.n * sizeof *c.l3);
        from += part_of.n;
        print_chunk(p, s, &part_of);
    }
}

static void print_sums(const pair *p, const set *s)
{
    for (int M = 0; M <= s->top; M++)
        for (int part = 0; part < p->parts; part++)
            print_order(p, s, M, part);
}

static void print_set(const pair *p, const set *s)
{
    printf("SET_BEGIN(%d, %d)\n", s->top, s->kind);
    print_sums(p, s);
    printf("SET_END\n");
}

/* Whether a set whose largest degree is `top` has a kernel (e3tp_cg_set_of). */
static bool is_set(const pair *p, int kind, int top)
{
    const int larger = p->l1 > p->l2 ? p->l1 : p->l2;
    if (top < abs(p->l1 - p->l2) || top > p->l1 + p->l2)
        return false;
    return kind == ALL ? top >= larger : (p->l1 + p->l2 + top) % 2 == (kind == ODD);
}

/* The tensors of each degree, from the least on. */
static bool compute_tensors(const pair *p, double (*W)[D * D * (2 * D - 1)])
{
    const int least = abs(p->l1 - p->l2);
    for (int l3 = least; l3 <= p->l1 + p->l2; l3++)
        if (e3tp_so3_wigner_3j(p->l1, p->l2, l3, E3TP_SIGN_E3NN, W[l3 - least]) != E3TP_OK)
            return false;
    return true;
}

static bool print_sets(const pair *p)
{
    static double W[2 * L + 1][D * D * (2 * D - 1)];
    const int larger = p->l1 > p->l2 ? p->l1 : p->l2;
    if (!compute_tensors(p, W))
        return false;
    printf("#ifndef E3TP_CG_PAIR_TABLES\n");
    for (int kind = 0; kind < KINDS; kind++)
        for (int top = larger - 1; top <= TOP; top++)
            if (is_set(p, kind, top))
                print_set(p, &(set){top, kind, W});
    for (int kind = 0; kind < KINDS; kind++) {
        printf("static set_kernel *const SET_NAME(sets, L1, L2, all, %d)[] = {", kind);
        for (int top = larger - 1; top <= TOP; top++)
            if (is_set(p, kind, top))
                printf("SET_NAME(set, L1, L2, %d, %d), ", top, kind);
            else
                printf("NULL, ");
        printf("};\n");
    }
    printf("static const set_table SETS = {L1, L2, {SET_NAME(sets, L1, L2, all, 0), "
           "SET_NAME(sets, L1, L2, all, 1), SET_NAME(sets, L1, L2, all, 2)}};\n#endif\n");
    return true;
}

static void make_pair(pair *p, int l1, int l2)
{
    memset(p, 0, sizeof *p);
    p->l1 = l1, p->l2 = l2, p->parts = l1 == l2 && l1 > 0 ? 2 : 1;
    collect_terms(p);
    place_slots(p);
}

static bool print_pair(int l1, int l2)
{
    static pair p;
    make_pair(&p, l1, l2);
    printf("\n#define L1 %d\n#define L2 %d\n#define SLOTS %d\n#define ROW %d\n", l1, l2, p.slots,
           row_length(&p));
    print_degrees(&p);
    print_products(&p);
    print_orders(&p, SUM, "ORDERS_EVEN");
    print_orders(&p, p.parts == 2 ? DIFFERENCE : SUM, "ORDERS_ODD");
    printf("static const real PAIR(coefficients, L1, L2)[] = {");
    for (int l3 = abs(l1 - l2); l3 <= l1 + l2; l3++)
        if (!print_row(&p, l3))
            return false;
    printf("\n};\n#define SETS SET_NAME(sets, L1, L2, of, pair)\n");
    if (l1 > 0 && l2 > 0 && !print_sets(&p))
        return false;
    printf("#include \"cg/cg_pair_body.h\"\n");
    return true;
}

/* ---- whole products ---- */

/* Of a pair in a product of degrees to lmax; *path: its first one. */
static bool print_part(int l1, int l2, int lmax, int kind, int *path)
{
    static double W[2 * L + 1][D * D * (2 * D - 1)];
    static pair p;
    make_pair(&p, l1, l2);
    if (!compute_tensors(&p, W))
        return false;
    const set s = {l1 + l2 < lmax ? l1 + l2 : lmax, kind, W};
    printf("#define L1 %d\n#define L2 %d\n#define FIRST_PATH %d\n", l1, l2, *path);
    for (int l3 = abs(l1 - l2); l3 <= s.top; l3++)
        *path += holds(&p, &s, l3);
    if (l1 == 0 || l2 == 0) {
        printf("    SCALE(%.17e)\n", coefficient(&p, l1 + l2, 0, &p.terms[SUM][0][0], W[0]));
    } else {
        printf("#define SLOTS %d\n", p.slots);
        print_products(&p);
        printf("    PART_BEGIN\n");
        print_sums(&p, &s);
        printf("    PART_END\n#undef SLOTS\n#undef PRODUCTS\n");
    }
    printf("#undef L1\n#undef L2\n#undef FIRST_PATH\n");
    return true;
}

static bool print_whole(int lmax)
{
    printf("/* SPDX-License-Identifier: MIT */\n/* Written by tools/gen_cg_pairs. */\n"
           "#define LMAX %d\n#include \"cg/cg_whole_body.h\"\n#if WHOLE_PAYS\n",
           lmax);
    for (int kind = ALL; kind <= EVEN; kind++) {
        int path = 0;
        printf("WHOLE_BEGIN(%d)\n", kind);
        for (int l1 = 0; l1 <= lmax; l1++)
            for (int l2 = 0; l2 <= lmax; l2++)
                if (!print_part(l1, l2, lmax, kind, &path))
                    return false;
        printf("WHOLE_END\n");
    }
    printf("#define KERNELS {{whole_0, whole_1}}\n#else\n#define KERNELS {{NULL}}\n#endif\n"
           "const E3TP_CG_WHOLES E3TP_NAME(e3tp_cg_whole_l%d) = KERNELS;\n",
           lmax);
    return true;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "whole") == 0 && atoi(argv[2]) > 0 && atoi(argv[2]) <= TOP)
        return !print_whole(atoi(argv[2])) || ferror(stdout);
    const int l1 = argc == 3 ? atoi(argv[1]) : -1, lmax = argc == 3 ? atoi(argv[2]) : -1;
    if (l1 < 0 || lmax < l1 || lmax > L) {
        fprintf(stderr,
                "usage: gen_cg_pairs L1 LMAX, 0 <= L1 <= LMAX <= %d; or whole L, 1 <= L <= %d\n", L,
                TOP);
        return 2;
    }
    printf("/* SPDX-License-Identifier: MIT */\n/* Written by tools/gen_cg_pairs. */\n"
           "#include \"cg/cg_pair_sets.h\"\n");
    for (int l2 = 0; l2 <= lmax; l2++)
        if (!print_pair(l1, l2))
            return 1;
    printf("\nE3TP_CG_PAIR *const E3TP_NAME(e3tp_cg_pairs_l%d)[] = {", l1);
    for (int l2 = 0; l2 <= lmax; l2++)
        printf(" PAIR(pair, %d, %d),", l1, l2);
    printf(" };\n#ifdef E3TP_CG_PAIR_TABLES\n#define SETS_OF(l2) NULL\n#else\n"
           "#define SETS_OF(l2) &SET_NAME(sets, %d, l2, of, pair)\n#endif\n"
           "const set_table *const E3TP_NAME(e3tp_cg_sets_l%d)[] = {",
           l1, l1);
    for (int l2 = 0; l2 <= lmax; l2++)
        printf(l1 > 0 && l2 > 0 ? " SETS_OF(%d)," : " NULL,", l2);
    printf(" };\n");
    return ferror(stdout) != 0;
}
