/* SPDX-License-Identifier: MIT */
/* gen_cg_pairs L1 LMAX: writes the template of the kernels (L1, l2), l2 = 0..LMAX, to standard
   output; src/cg/cg_pair_body.h turns each into code or into a table.

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

static bool print_pair(int l1, int l2)
{
    static pair p;
    memset(&p, 0, sizeof p);
    p.l1 = l1, p.l2 = l2, p.parts = l1 == l2 && l1 > 0 ? 2 : 1;
    collect_terms(&p);
    place_slots(&p);
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
    printf("\n};\n#include \"cg/cg_pair_body.h\"\n");
    return true;
}

int main(int argc, char **argv)
{
    const int l1 = argc == 3 ? atoi(argv[1]) : -1, lmax = argc == 3 ? atoi(argv[2]) : -1;
    if (l1 < 0 || lmax < l1 || lmax > L) {
        fprintf(stderr, "usage: gen_cg_pairs L1 LMAX, 0 <= L1 <= LMAX <= %d\n", L);
        return 2;
    }
    printf("/* SPDX-License-Identifier: MIT */\n/* Written by tools/gen_cg_pairs. */\n"
           "#include \"cg/cg_pair_orders.h\"\n");
    for (int l2 = 0; l2 <= lmax; l2++)
        if (!print_pair(l1, l2))
            return 1;
    printf("\nE3TP_CG_PAIR *const E3TP_NAME(e3tp_cg_pairs_l%d)[] = {", l1);
    for (int l2 = 0; l2 <= lmax; l2++)
        printf(" PAIR(pair, %d, %d),", l1, l2);
    printf(" };\n");
    return ferror(stdout) != 0;
}
