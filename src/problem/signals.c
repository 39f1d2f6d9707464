/* SPDX-License-Identifier: MIT */
#include "problem/signals.h"

#include <math.h>
#include <stdlib.h>

#include "so3/wigner.h"

/* What an operand holds. Natural: parity (-1)^l of functions, (-1)^(l+1) of vector fields; pseudo:
   the opposite, and of functions no degree 0, as nothing couples to it. */
enum { NATURAL = 1, PSEUDO = 2, FIELD = 4 };

static double even_or_odd(int spin, const e3tp_harmonic *x, const e3tp_harmonic *y,
                          const e3tp_harmonic *z)
{
    (void)spin;
    return e3tp_gaunt_strength(x->l, y->l, z->l) + e3tp_bracket_strength(x->l, y->l, z->l);
}

static double sixj(int a, int b, int c, int d, int e, int f)
{
    double v = NAN;
    e3tp_wigner_6j(a, b, c, d, e, f, &v);
    return v;
}

static double of_matrices(int h, const e3tp_harmonic *x, const e3tp_harmonic *y,
                          const e3tp_harmonic *z)
{
    return (z->l % 2 ? -1 : 1) * sixj(x->l, y->l, z->l, h, h, h);
}

/* {l1 l2 l3; 1 1 s; j1 j2 j3} (Varshalovich et al., 10.2.4), of which one triad holds s1 = 1, so
   that there are three terms at most; what is left of a cancellation is zero. */
static double ninej(const e3tp_harmonic *x, const e3tp_harmonic *y, const e3tp_harmonic *z, int s)
{
    double sum = 0, size = 0;
    for (int k = abs(y->j - 1); k <= y->j + 1; k++) {
        const double term = (2 * k + 1) * sixj(x->l, 1, x->j, y->j, z->j, k) *
                            sixj(y->l, 1, y->j, 1, k, s) * sixj(z->l, s, z->j, k, x->l, y->l);
        sum += term;
        size += fabs(term);
    }
    return fabs(sum) > 1e-14 * size ? sum : 0;
}

static double of_fields(const e3tp_harmonic *x, const e3tp_harmonic *y, const e3tp_harmonic *z,
                        int s, double c)
{
    const double g = e3tp_gaunt_strength(x->l, y->l, z->l);
    const double n = (2.0 * x->j + 1) * (2.0 * y->j + 1) * (2.0 * z->j + 1);
    return g == 0 ? 0 : c * g * sqrt(n) * ninej(x, y, z, s);
}

static double of_cross(int spin, const e3tp_harmonic *x, const e3tp_harmonic *y,
                       const e3tp_harmonic *z)
{
    (void)spin;
    return of_fields(x, y, z, 1, sqrt(6));
}

static double of_dot(int spin, const e3tp_harmonic *x, const e3tp_harmonic *y,
                     const e3tp_harmonic *z)
{
    (void)spin;
    return of_fields(x, y, z, 0, sqrt(3));
}

typedef struct signal_rule {
    const char *name;
    int in, out;
    double (*strength)(int spin, const e3tp_harmonic *x, const e3tp_harmonic *y,
                       const e3tp_harmonic *z);
} signal_rule;

static const signal_rule rules[] = {
    [E3TP_OP_TENSOR_PRODUCT] = {"tensor product", 0, 0, NULL},
    [E3TP_OP_GAUNT] = {"gaunt", NATURAL, NATURAL, even_or_odd},
    [E3TP_OP_BRACKET] = {"bracket", NATURAL, PSEUDO, even_or_odd},
    [E3TP_OP_COMPLETE] = {"complete", NATURAL, NATURAL | PSEUDO, even_or_odd},
    [E3TP_OP_MATRIX] = {"matrix", NATURAL, NATURAL | PSEUDO, of_matrices},
    [E3TP_OP_CROSS] = {"cross", NATURAL | FIELD, PSEUDO | FIELD, of_cross},
    [E3TP_OP_DOT] = {"dot", NATURAL | FIELD, NATURAL, of_dot},
    [E3TP_OP_GAUNT_POWER] = {"gaunt_power", NATURAL, NATURAL, NULL},
};

const char *e3tp_op_name(e3tp_op op)
{
    return (size_t)op < sizeof rules / sizeof *rules ? rules[op].name : NULL;
}

static size_t add_functions(int kind, const e3tp_irrep *degrees, size_t n, e3tp_harmonic *out)
{
    size_t made = 0;
    for (size_t i = 0; i < n; i++) {
        const int l = degrees[i].l;
        if (kind == NATURAL || l > 0)
            out[made++] = (e3tp_harmonic){l, l, (kind == NATURAL) == (l % 2 == 0) ? 1 : -1};
    }
    return made;
}

static size_t add_fields(int kind, const e3tp_irrep *degrees, size_t n, unsigned types,
                         e3tp_harmonic *out)
{
    size_t made = 0;
    for (size_t i = 0; i < n; i++) {
        const int j = degrees[i].l;
        for (int l = j ? j - 1 : 1; l <= j + 1; l++)
            if (types >> (l - j + 1) & 1)
                out[made++] = (e3tp_harmonic){j, l, (kind & NATURAL) == (l % 2) ? 1 : -1};
    }
    return made;
}

static int kind_of(e3tp_op op, int which)
{
    return which == 2 ? rules[op].out : rules[op].in;
}

bool e3tp_signal_is_field(e3tp_op op, int which)
{
    return which >= 0 && which < 3 && (kind_of(op, which) & FIELD);
}

size_t e3tp_signal_harmonics(const e3tp_spec *s, int which, e3tp_harmonic *out)
{
    const int kind = kind_of(s->op, which);
    const e3tp_irrep *degrees = s->irreps[which];
    const size_t n = s->nirreps[which];
    if (kind & FIELD)
        return add_fields(kind, degrees, n, s->types[which], out);
    size_t made = 0;
    if (kind & NATURAL)
        made += add_functions(NATURAL, degrees, n, out);
    if (kind & PSEUDO)
        made += add_functions(PSEUDO, degrees, n, out + made);
    return made;
}

double e3tp_signal_strength(e3tp_op op, int spin, const e3tp_harmonic *x, const e3tp_harmonic *y,
                            const e3tp_harmonic *z)
{
    const bool couple = x->parity * y->parity == z->parity && e3tp_so3_triangle(x->j, y->j, z->j);
    return couple ? rules[op].strength(spin, x, y, z) : 0;
}

int e3tp_signal_least_spin(const e3tp_spec *s)
{
    int most = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < s->nirreps[k]; i++)
            most = s->irreps[k][i].l > most ? s->irreps[k][i].l : most;
    return (most + 1) / 2;
}

static bool has_zeros(const e3tp_spec *s, int h)
{
    for (size_t a = 0; a < s->nirreps[0]; a++)
        for (size_t b = 0; b < s->nirreps[1]; b++)
            for (size_t c = 0; c < s->nirreps[2]; c++) {
                const int l[3] = {s->irreps[0][a].l, s->irreps[1][b].l, s->irreps[2][c].l};
                if (e3tp_so3_triangle(l[0], l[1], l[2]) && sixj(l[0], l[1], l[2], h, h, h) == 0)
                    return true;
            }
    return false;
}

int e3tp_signal_full_spin(const e3tp_spec *s)
{
    for (int h = e3tp_signal_least_spin(s); h <= E3TP_SO3_LMAX; h++)
        if (!has_zeros(s, h))
            return h;
    return -1;
}

/* Of functions: triples that might couple and have no path; paths ascend by x, y, z. */
static void describe_zeros(const e3tp_problem *p, char *buf, size_t cap, size_t *used)
{
    const size_t n2 = p->nblocks[1], n3 = p->nblocks[2], all = p->nblocks[0] * n2 * n3;
    size_t path = 0, zeros = 0;
    for (size_t at = 0; at < all; at++) {
        const size_t i = at / (n2 * n3), j = at / n3 % n2, k = at % n3;
        const e3tp_block *x = &p->blocks[0][i], *y = &p->blocks[1][j], *z = &p->blocks[2][k];
        const uint32_t *next = path < p->nuser ? p->user[path].block : NULL;
        if (next && next[0] == i && next[1] == j && next[2] == k)
            path++;
        else if (x->parity * (y->component % 2 ? -1 : 1) == z->parity &&
                 e3tp_so3_triangle(x->l, y->component, z->l))
            e3tp_append(buf, cap, used, "%s %d x %d -> %d",
                        zeros++ ? "," : "zero by accident:", x->l, y->component, z->l);
    }
    if (zeros)
        e3tp_append(buf, cap, used, "\n");
}

bool e3tp_refuse_zonal(const char *method, e3tp_message *why)
{
    e3tp_fail(why, E3TP_E_UNSUPPORTED,
              "%s: y has the order 0 alone, which only the method cg makes use of", method);
    return false;
}

static bool is_zero(const e3tp_problem *p)
{
    bool used = p->nuser > 0; /* a power has no paths */
    for (size_t i = 0; p->op == E3TP_OP_GAUNT_POWER && i < p->nblocks[2]; i++)
        used = used || e3tp_problem_uses(p, 2, i);
    return !used;
}

void e3tp_signal_describe(const e3tp_problem *p, char *buf, size_t cap, size_t *used)
{
    if (p->rank > 1)
        e3tp_append(buf, cap, used, "sum of %zu products%s\n", p->rank,
                    p->common_output ? ", added before z is made of them" : "");
    if (p->op == E3TP_OP_MATRIX) {
        e3tp_append(buf, cap, used, "matrix: spin %d, matrices of %d x %d\n", p->spin,
                    2 * p->spin + 1, 2 * p->spin + 1);
        describe_zeros(p, buf, cap, used);
    }
    if (p->op == E3TP_OP_GAUNT_POWER)
        e3tp_append(buf, cap, used, "power: %d\n", p->power);
    if (e3tp_op_is_signal(p->op) && is_zero(p))
        e3tp_append(buf, cap, used, "%s: no degrees couple, the product is zero\n",
                    e3tp_op_name(p->op));
}
