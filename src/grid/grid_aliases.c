/* SPDX-License-Identifier: MIT */
/* Which results of a product a grid does not give exactly. Harmonics of x, y and z make polynomials
   of one degree D at most, which are even or odd under inversion as D is. Their part of azimuthal
   order m is even in cos theta if D + m is: so rings matter to even D alone (m = 0), and what has
   the order of a multiple of n_phi is seen as a mean only where it is even. */
#include "grid/grid_aliases.h"

#include "grid/grid_power.h"
#include "problem/signals.h"

static bool misses(const e3tp_grid_shape *s, int degree)
{
    if (degree % 2 == 0 && e3tp_grid_least_theta(s->quadrature, degree) > s->n_theta)
        return true;
    for (int m = s->n_phi; m <= degree; m += s->n_phi)
        if ((degree - m) % 2 == 0)
            return true;
    return false;
}

/* Blocks of an operand that take part. */
typedef struct used_blocks {
    size_t n;
    const e3tp_block *block[E3TP_MOST_HARMONICS];
} used_blocks;

static used_blocks find_used(const e3tp_problem *p, int k)
{
    used_blocks u = {0};
    for (size_t i = 0; i < p->nblocks[k]; i++)
        if (e3tp_problem_uses(p, k, i))
            u.block[u.n++] = &p->blocks[k][i];
    return u;
}

/* V^(j,j), whose components are slopes alone, at right angles to those of the others. */
static int is_magnetic(const e3tp_problem *p, int k, const e3tp_block *b)
{
    return e3tp_signal_is_field(p->op, k) && b->component == b->l;
}

/* Whether the integral is that of a function and the bracket of two others, of a degree less (that
   of a bracket of functions is; of fields by how many are magnetic, see grid_fields.c). */
static bool has_bracket(const e3tp_problem *p, const e3tp_block *const b[3])
{
    if (!e3tp_signal_is_field(p->op, 0))
        return !e3tp_is_natural(b[2]);
    const int magnetic =
        is_magnetic(p, 0, b[0]) + is_magnetic(p, 1, b[1]) + is_magnetic(p, 2, b[2]);
    return magnetic % 2 == (p->op == E3TP_OP_DOT);
}

/* Degree of what these blocks make on the samples; -1: they make nothing, coupled or not. */
static int degree_of(const e3tp_problem *p, const e3tp_block *const b[3])
{
    const bool cross = p->op == E3TP_OP_CROSS, bracket = has_bracket(p, b);
    const int degree = b[0]->l + b[1]->l + b[2]->l - bracket,
              components = b[0]->component + b[1]->component + b[2]->component;
    int sloping = 0, magnetic = 0; /* constants have no slopes */
    for (int k = 0; k < 3; k++) {
        sloping += b[k]->l > 0 && (cross || k != (p->op == E3TP_OP_DOT ? 2 : 0));
        magnetic += is_magnetic(p, k, b[k]);
    }
    if (((bracket || cross) && sloping < 2) || magnetic == 3)
        return -1;
    return degree < components ? degree : components;
}

static bool signal_misses(const e3tp_grid_shape *s, const e3tp_problem *p, size_t block,
                          const used_blocks of[2])
{
    for (size_t i = 0; i < of[0].n; i++)
        for (size_t j = 0; j < of[1].n; j++) {
            const e3tp_block *const b[3] = {of[0].block[i], of[1].block[j], &p->blocks[2][block]};
            if (misses(s, degree_of(p, b)))
                return true;
        }
    return false;
}

/* Bit d of sums: n degrees of x sum to d. */
static bool power_misses(const e3tp_grid_shape *s, const e3tp_problem *p, size_t block,
                         const used_blocks of[2])
{
    uint64_t sums = 1;
    for (int n = 1; n <= p->power; n++) {
        uint64_t next = 0;
        for (size_t i = 0; i < of[0].n; i++)
            next |= sums << of[0].block[i]->l;
        sums = next;
        for (int d = 0; d < 64 && n >= e3tp_grid_least_power(p); d++)
            if (sums >> d & 1 && misses(s, d + p->blocks[2][block].l))
                return true;
    }
    return false;
}

/* Each path has an analysis of its own. */
static bool path_misses(const e3tp_grid_shape *s, const e3tp_problem *p, size_t block,
                        const used_blocks of[2])
{
    (void)of;
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        const int sum = p->blocks[0][c->in1].l + p->blocks[1][c->in2].l + p->blocks[2][c->out].l;
        if (c->out == block && misses(s, sum / 2 * 2))
            return true;
    }
    return false;
}

/* Irreps; of fields V^(j,l), of a product of irreps with their places among the blocks of z. */
static void name_block(const e3tp_problem *p, size_t block, char *buf, size_t cap, size_t *used)
{
    const e3tp_block *b = &p->blocks[2][block];
    if (e3tp_signal_is_field(p->op, 2))
        e3tp_append(buf, cap, used, "V(%d,%d)", b->l, b->component);
    else
        e3tp_append(buf, cap, used, "%d%c", b->l, b->parity > 0 ? 'e' : 'o');
    if (!e3tp_op_is_signal(p->op))
        e3tp_append(buf, cap, used, " (block %zu)", block);
}

void e3tp_grid_describe_aliases(const e3tp_grid_shape *s, const e3tp_problem *p, char *buf,
                                size_t cap, size_t *used)
{
    if (e3tp_grid_is_exact(s))
        return;
    e3tp_append(buf, cap, used,
                "aliased: exact from %d x %d samples on; results that are not:", s->least_theta,
                s->least_phi);
    const bool signals = e3tp_op_is_signal(p->op);
    used_blocks of[2] = {{0}};
    for (int k = 0; signals && k < 2; k++)
        of[k] = find_used(p, k);
    size_t n = 0;
    for (size_t i = 0; i < p->nblocks[2]; i++) {
        const bool misses = p->op == E3TP_OP_GAUNT_POWER ? power_misses(s, p, i, of)
                            : signals                    ? signal_misses(s, p, i, of)
                                                         : path_misses(s, p, i, of);
        if (misses && e3tp_problem_uses(p, 2, i)) {
            e3tp_append(buf, cap, used, n++ ? ", " : " ");
            name_block(p, i, buf, cap, used);
        }
    }
    e3tp_append(buf, cap, used, n ? "\n" : " none\n");
}
