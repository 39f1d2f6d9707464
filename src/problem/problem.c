/* SPDX-License-Identifier: MIT */
/* Checks a problem and brings it into normal form: offsets, e3nn's coefficients, paths of
   signals. */
#include "problem/problem.h"

#include <math.h>
#include <stdlib.h>

#include "core/checked.h"
#include "problem/signals.h"
#include "so3/wigner.h"

static const char *const operand_names[3] = {"x", "y", "z"};

/* Per mode: name, which multiplicities must agree, whether it cannot go without weights. */
typedef struct mode_rule {
    const char *name;
    bool needs_weight;
} mode_rule;

static const mode_rule mode_rules[] = {
    [E3TP_UVW] = {"uvw", true},         [E3TP_UVU] = {"uvu", false},
    [E3TP_UVV] = {"uvv", false},        [E3TP_UUW] = {"uuw", false},
    [E3TP_UUU] = {"uuu", false},        [E3TP_UVUV] = {"uvuv", false},
    [E3TP_UVU_LT_V] = {"uvu<v", false}, [E3TP_U_LT_VW] = {"u<vw", true},
};

const char *e3tp_mode_name(e3tp_mode mode)
{
    const size_t n = sizeof mode_rules / sizeof *mode_rules;
    return (size_t)mode < n ? mode_rules[mode].name : NULL;
}

size_t e3tp_dtype_size(e3tp_dtype t)
{
    return t == E3TP_F64 ? sizeof(double) : sizeof(float);
}

/* What the mode of a path makes of multiplicities (conventions: table of 4.1). */
typedef struct path_shape {
    size_t pairs;    /* u < v */
    size_t count;    /* elements of the path shape */
    size_t elements; /* n_el of the normalisation */
    bool fits;
} path_shape;

static size_t times(size_t a, size_t b)
{
    size_t n;
    return e3tp_mul_size(a, b, &n) ? n : SIZE_MAX;
}

static path_shape shape_of(e3tp_mode mode, bool weighted, size_t m1, size_t m2, size_t mo)
{
    path_shape s = {m1 ? m1 * (m1 - 1) / 2 : 0, 0, 1, true};
    switch (mode) {
    case E3TP_UVW:
        s.count = times(m1 * m2, mo), s.elements = m1 * m2;
        break;
    case E3TP_UVU:
        s.count = m1 * m2, s.elements = m2, s.fits = mo == m1;
        break;
    case E3TP_UVV:
        s.count = m1 * m2, s.elements = m1, s.fits = mo == m2;
        break;
    case E3TP_UUW:
        s.count = m1 * mo, s.elements = m1, s.fits = m1 == m2 && (weighted || mo == 1);
        break;
    case E3TP_UUU:
        s.count = m1, s.fits = m1 == m2 && m1 == mo;
        break;
    case E3TP_UVUV:
        s.count = m1 * m2, s.fits = mo == m1 * m2;
        break;
    case E3TP_UVU_LT_V:
        s.count = s.pairs, s.fits = m1 == m2 && mo == s.pairs;
        break;
    case E3TP_U_LT_VW:
        s.count = times(s.pairs, mo), s.elements = s.pairs, s.fits = m1 == m2;
        break;
    }
    return s;
}

static e3tp_status make_blocks(e3tp_problem *p, int which, const e3tp_irrep *irreps, size_t n,
                               const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_block *b = e3tp_alloc(a, n, sizeof *b);
    if (!b)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the blocks of %s", operand_names[which]);
    p->blocks[which] = b;
    p->nblocks[which] = n;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const e3tp_irrep ir = irreps[i];
        b[i] = (e3tp_block){ir.l, ir.parity, ir.mul, at, ir.l};
        size_t width;
        if (!e3tp_mul_size(ir.mul, 2 * (size_t)ir.l + 1, &width) ||
            !e3tp_add_size(at, width, &at) || at > PTRDIFF_MAX / sizeof(double))
            return e3tp_fail(why, E3TP_E_SHAPE, "irreps of %s: the width of a row overflows",
                             operand_names[which]);
    }
    p->dim[which] = at;
    return E3TP_OK;
}

static e3tp_status check_path(const e3tp_problem *p, size_t i, const e3tp_path *q,
                              e3tp_message *why)
{
    const uint32_t at[3] = {q->in1, q->in2, q->out};
    for (int k = 0; k < 3; k++)
        if (at[k] >= p->nblocks[k])
            return e3tp_fail(why, E3TP_E_INVALID,
                             "path %zu: index %u of %s is outside its %zu irreps", i, at[k],
                             operand_names[k], p->nblocks[k]);
    if (!e3tp_mode_name(q->mode))
        return e3tp_fail(why, E3TP_E_INVALID, "path %zu: there is no mode %d", i, (int)q->mode);
    if (!(q->path_weight >= 0) || isinf(q->path_weight))
        return e3tp_fail(why, E3TP_E_INVALID,
                         "path %zu: path_weight %g, expected a finite number >= 0", i,
                         q->path_weight);
    const e3tp_block *b1 = &p->blocks[0][q->in1], *b2 = &p->blocks[1][q->in2],
                     *bo = &p->blocks[2][q->out];
    if (b1->parity * b2->parity != bo->parity)
        return e3tp_fail(why, E3TP_E_INVALID, "path %zu: parity of %d%c x %d%c is not that of %d%c",
                         i, b1->l, b1->parity > 0 ? 'e' : 'o', b2->l, b2->parity > 0 ? 'e' : 'o',
                         bo->l, bo->parity > 0 ? 'e' : 'o');
    if (!e3tp_so3_triangle(b1->l, b2->l, bo->l))
        return e3tp_fail(why, E3TP_E_INVALID,
                         "path %zu: l = %d is outside %d..%d, what %d x %d can give", i, bo->l,
                         abs(b1->l - b2->l), b1->l + b2->l, b1->l, b2->l);
    const e3tp_status known = e3tp_so3_coupling_check(b1->l, b2->l, bo->l, p->sign);
    if (known != E3TP_OK)
        return e3tp_fail(why, known,
                         "path %zu: the sign convention of e3nn 0.4.4 has no coefficients for %d x "
                         "%d -> %d, its degrees end at 11",
                         i, b1->l, b2->l, bo->l);
    const char *name = e3tp_mode_name(q->mode);
    if (mode_rules[q->mode].needs_weight && !q->has_weight)
        return e3tp_fail(why, E3TP_E_INVALID, "path %zu: mode %s needs weights", i, name);
    if (!shape_of(q->mode, q->has_weight, b1->mul, b2->mul, bo->mul).fits)
        return e3tp_fail(why, E3TP_E_SHAPE,
                         "path %zu: multiplicities %zu x %zu -> %zu do not fit mode %s", i, b1->mul,
                         b2->mul, bo->mul, name);
    return E3TP_OK;
}

static path_shape path_shape_of(const e3tp_problem *p, const e3tp_path *q)
{
    return shape_of(q->mode, q->has_weight, p->blocks[0][q->in1].mul, p->blocks[1][q->in2].mul,
                    p->blocks[2][q->out].mul);
}

static double variance(const e3tp_spec *s, int which, uint32_t i)
{
    return s->var[which] ? s->var[which][i] : 1.0;
}

/* What a path adds to e3nn's fan-in. */
static double fan(const e3tp_problem *p, const e3tp_spec *s, const e3tp_path *q)
{
    return variance(s, 0, q->in1) * variance(s, 1, q->in2) * (double)path_shape_of(p, q).elements;
}

/* e3nn's coefficient: sqrt(A * out_var * path_weight / N), e3nn TensorProduct, irrep and path
 * normalisation. */
static double coefficient(const e3tp_problem *p, const e3tp_spec *s, const e3tp_path *q)
{
    const int l1 = p->blocks[0][q->in1].l, l2 = p->blocks[1][q->in2].l, l3 = p->blocks[2][q->out].l;
    const double a = s->irrep_norm == E3TP_NORM_COMPONENT ? 2 * l3 + 1
                     : s->irrep_norm == E3TP_NORM_NORM    ? (2 * l1 + 1) * (2 * l2 + 1)
                                                          : 1;
    double n = 0;
    size_t paths = 0;
    for (size_t i = 0; i < s->npaths; i++)
        if (s->paths[i].out == q->out) {
            n += fan(p, s, &s->paths[i]);
            paths++;
        }
    if (s->path_norm == E3TP_PATH_PATH)
        n = fan(p, s, q) * (double)paths;
    if (s->path_norm == E3TP_PATH_NONE || n == 0)
        n = 1;
    return sqrt(a * variance(s, 2, q->out) * q->path_weight / n);
}

static e3tp_status make_product_paths(e3tp_problem *p, const e3tp_spec *s, const e3tp_allocator *a,
                                      e3tp_message *why)
{
    p->paths = e3tp_alloc(a, s->npaths, sizeof *p->paths);
    p->user = e3tp_alloc(a, s->npaths, sizeof *p->user);
    if (!p->paths || !p->user)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for %zu paths", s->npaths);
    for (size_t i = 0; i < s->npaths; i++)
        E3TP_TRY(check_path(p, i, &s->paths[i], why));
    for (size_t i = 0; i < s->npaths; i++) {
        const e3tp_path *q = &s->paths[i];
        const path_shape shape = path_shape_of(p, q);
        const double coeff = coefficient(p, s, q);
        p->user[p->nuser++] = (e3tp_user_path){{q->in1, q->in2, q->out}, coeff};
        if (shape.count == 0)
            continue; /* no channels, or no pairs of them */
        const size_t count = q->has_weight ? shape.count : 0;
        if (count > PTRDIFF_MAX / sizeof(double) - p->weight_numel)
            return e3tp_fail(why, E3TP_E_SHAPE, "path %zu: the width of a row of weights overflows",
                             i);
        p->paths[p->npaths++] = (e3tp_coupling){
            q->in1, q->in2, q->out, q->mode, q->has_weight != 0, coeff, p->weight_numel, count};
        p->weight_numel += count;
    }
    return E3TP_OK;
}

/* The harmonics of the three operands. */
typedef struct signal_lists {
    size_t n[3];
    e3tp_harmonic of[3][E3TP_MOST_HARMONICS];
} signal_lists;

static e3tp_status make_signal_blocks(e3tp_problem *p, const e3tp_spec *s, signal_lists *h,
                                      const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_irrep irreps[E3TP_MOST_HARMONICS];
    for (int k = 0; k < 3; k++) {
        const uint32_t mul = k == 1 && p->common_y ? 1 : (uint32_t)s->channels;
        h->n[k] = e3tp_signal_harmonics(s, k, h->of[k]);
        for (size_t i = 0; i < h->n[k]; i++)
            irreps[i] = k == 1 && p->zonal ? (e3tp_irrep){mul, 0, 1}
                                           : (e3tp_irrep){mul, (uint16_t)h->of[k][i].j,
                                                          (int8_t)h->of[k][i].parity};
        E3TP_TRY(make_blocks(p, k, irreps, h->n[k], a, why));
        for (size_t i = 0; i < h->n[k]; i++)
            p->blocks[k][i].component = h->of[k][i].l;
    }
    return E3TP_OK;
}

static e3tp_status set_channels(e3tp_problem *p, const e3tp_spec *s, e3tp_message *why)
{
    const size_t C = s->channels, of_y = s->y_channels ? s->y_channels : C;
    if (of_y != 1 && of_y != C)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "channels of y: %zu, expected 1 or those of x, which are %zu", of_y, C);
    p->channels = C;
    p->common_y = of_y != C;
    return E3TP_OK;
}

static e3tp_status choose_spin(e3tp_problem *p, const e3tp_spec *s, e3tp_message *why)
{
    if (s->op != E3TP_OP_MATRIX)
        return E3TP_OK;
    const int least = e3tp_signal_least_spin(s);
    p->spin = s->spin == E3TP_SPIN_LEAST  ? least
              : s->spin == E3TP_SPIN_FULL ? e3tp_signal_full_spin(s)
                                          : s->spin;
    if (p->spin < 0)
        return e3tp_fail(why, E3TP_E_UNSUPPORTED,
                         "spin: no spin up to %d keeps every coupling of these degrees",
                         E3TP_SO3_LMAX);
    if (p->spin < least)
        return e3tp_fail(why, E3TP_E_INVALID,
                         "spin: matrices of spin %d hold degrees to %d; these degrees need spin %d",
                         p->spin, 2 * p->spin, least);
    return E3TP_OK;
}

/* The strengths that are not zero, ascending by x, y, z; kappa [n1][n2][n3]. */
static void list_signal_paths(e3tp_problem *p, const double *kappa)
{
    const size_t n2 = p->nblocks[1], n3 = p->nblocks[2], all = p->nblocks[0] * n2 * n3;
    const e3tp_mode mode = p->common_y && !p->factor_weights ? E3TP_UVU : E3TP_UUU;
    for (size_t at = 0; at < all; at++)
        if (kappa[at] != 0) {
            const e3tp_user_path q = {
                {(uint32_t)(at / (n2 * n3)), (uint32_t)(at / n3 % n2), (uint32_t)(at % n3)},
                kappa[at]};
            p->user[p->nuser++] = q;
            if (p->channels)
                p->paths[p->npaths++] =
                    (e3tp_coupling){q.block[0], q.block[1], q.block[2], mode, false, q.coeff, 0, 0};
        }
}

static e3tp_status make_signal_paths(e3tp_problem *p, const signal_lists *h,
                                     const e3tp_allocator *a, e3tp_message *why)
{
    const size_t n2 = h->n[1], n3 = h->n[2], all = h->n[0] * n2 * n3;
    double *kappa = e3tp_alloc(a, all, sizeof *kappa);
    if (!kappa)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for %zu strengths", all);
    size_t n = 0;
    for (size_t at = 0; at < all; at++) {
        kappa[at] = e3tp_signal_strength(p->op, p->spin, &h->of[0][at / (n2 * n3)],
                                         &h->of[1][at / n3 % n2], &h->of[2][at % n3]);
        n += kappa[at] != 0;
    }
    p->paths = e3tp_alloc(a, n, sizeof *p->paths);
    p->user = e3tp_alloc(a, n, sizeof *p->user);
    const bool ok = p->paths && p->user;
    if (ok)
        list_signal_paths(p, kappa);
    e3tp_free(a, kappa);
    return ok ? E3TP_OK : e3tp_fail(why, E3TP_E_NOMEM, "no memory for %zu paths", n);
}

size_t e3tp_problem_weighted_paths(const e3tp_problem *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->npaths; i++)
        n += p->paths[i].has_weight;
    return n;
}

size_t e3tp_problem_factors(const e3tp_problem *p, size_t term, int k)
{
    size_t blocks = k < 3 && e3tp_problem_terms(p, k) > 1 ? term * p->nblocks[k] : 0;
    for (int i = 0; i < k; i++)
        blocks += e3tp_problem_terms(p, i) * p->nblocks[i];
    return blocks * p->channels;
}

static e3tp_status make_power(e3tp_problem *p, const e3tp_spec *s, e3tp_message *why)
{
    p->power = s->power;
    if (s->nirreps[1])
        return e3tp_fail(why, E3TP_E_INVALID, "degrees of y: a power has no y");
    if (p->rank > 1)
        return e3tp_fail(why, E3TP_E_INVALID, "rank: %zu, expected 1 for a power", p->rank);
    if (s->weights > E3TP_WEIGHTS_NONE)
        p->weight_numel = (size_t)p->power * p->nblocks[2] * p->channels;
    return E3TP_OK;
}

static e3tp_status make_signals(e3tp_problem *p, const e3tp_spec *s, const e3tp_allocator *a,
                                e3tp_message *why)
{
    signal_lists h;
    p->zonal = s->zonal;
    E3TP_TRY(set_channels(p, s, why));
    E3TP_TRY(make_signal_blocks(p, s, &h, a, why));
    E3TP_TRY(choose_spin(p, s, why));
    p->rank = s->rank;
    p->factor_weights = p->op != E3TP_OP_GAUNT_POWER && s->weights > E3TP_WEIGHTS_NONE;
    p->common_output = s->common_output && s->rank > 1;
    if (p->op == E3TP_OP_GAUNT_POWER)
        return make_power(p, s, why);
    E3TP_TRY(make_signal_paths(p, &h, a, why));
    if (p->factor_weights)
        p->weight_numel = e3tp_problem_factors(p, 0, 3);
    else if (p->rank > 1)
        return e3tp_fail(why, E3TP_E_INVALID, "rank: %zu, expected 1 where there are no weights",
                         p->rank);
    else if (s->common_output)
        return e3tp_fail(why, E3TP_E_INVALID, "common output: there are no weights");
    return E3TP_OK;
}

static e3tp_status make_product(e3tp_problem *p, const e3tp_spec *s, const e3tp_allocator *a,
                                e3tp_message *why)
{
    p->rank = 1;
    p->weight_by_path = s->weight_by_path;
    for (int k = 0; k < 3; k++)
        E3TP_TRY(make_blocks(p, k, s->irreps[k], s->nirreps[k], a, why));
    return make_product_paths(p, s, a, why);
}

static e3tp_weights weight_kind(const e3tp_problem *p, const e3tp_spec *s)
{
    if (p->weight_numel == 0)
        return E3TP_WEIGHTS_NONE;
    return s->weights < 0 ? E3TP_WEIGHTS_SHARED : (e3tp_weights)s->weights;
}

/* Blocks of scalars or of one channel lie alike in MUL_IR and IR_MUL: operands of such are of the
   latter, whose lines need no packing. */
static void choose_layout(e3tp_problem *p, int k, e3tp_layout callers)
{
    bool alike = true;
    for (size_t i = 0; i < p->nblocks[k]; i++)
        alike = alike && (p->blocks[k][i].l == 0 || p->blocks[k][i].mul <= 1);
    p->layout[k] = alike && callers == E3TP_MUL_IR ? E3TP_IR_MUL : callers;
}

static e3tp_status build(e3tp_problem *p, const e3tp_spec *s, const e3tp_allocator *a,
                         e3tp_message *why)
{
    if (s->grid_theta && s->oversample > 1)
        return e3tp_fail(why, E3TP_E_INVALID, "oversample: %g, expected 1 with a grid of %d x %d",
                         s->oversample, s->grid_theta, s->grid_phi);
    E3TP_TRY((e3tp_op_is_signal(s->op) ? make_signals : make_product)(p, s, a, why));
    for (int k = 0; k < 3; k++)
        choose_layout(p, k, s->layout[k]);
    p->weights = weight_kind(p, s);
    if (p->weight_numel && p->weights == E3TP_WEIGHTS_NONE)
        return e3tp_fail(why, E3TP_E_INVALID, "weights: NONE, but the paths take %zu weights",
                         p->weight_numel);
    return E3TP_OK;
}

e3tp_status e3tp_problem_create(e3tp_problem **out, const e3tp_spec *s, const e3tp_allocator *a,
                                e3tp_message *why)
{
    *out = NULL;
    e3tp_problem *p = e3tp_zalloc(a, 1, sizeof *p);
    if (!p)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the problem");
    p->op = s->op;
    p->dtype = s->dtype;
    /* The strengths are those of one convention. */
    p->sign = e3tp_op_is_signal(s->op) ? E3TP_SIGN_E3NN : s->sign;
    p->grid_theta = s->grid_theta;
    p->grid_phi = s->grid_phi;
    p->oversample = s->oversample;
    p->quadrature = s->quadrature;
    p->allow_aliasing = s->allow_aliasing;
    p->batch_hint = s->batch_hint;
    p->planner_lock = s->planner_lock;
    const e3tp_status status = build(p, s, a, why);
    if (status != E3TP_OK) {
        e3tp_problem_destroy(p, a);
        return status;
    }
    *out = p;
    return E3TP_OK;
}

void e3tp_problem_destroy(e3tp_problem *p, const e3tp_allocator *a)
{
    if (!p)
        return;
    for (int k = 0; k < 3; k++)
        e3tp_free(a, p->blocks[k]);
    e3tp_free(a, p->paths);
    e3tp_free(a, p->user);
    e3tp_free(a, p);
}

/* Bit l: a product of a function of one of the degrees in `of` and one of degree l1 has degree l.
 */
static uint64_t multiply_degrees(uint64_t of, int l1)
{
    uint64_t found = 0;
    for (int l2 = 0; of >> l2; l2++)
        for (int l = abs(l1 - l2); of >> l2 & 1 && l <= l1 + l2; l += 2)
            found |= (uint64_t)1 << l;
    return found;
}

static uint64_t degrees_of_z(const e3tp_problem *p)
{
    uint64_t degrees = 0;
    for (size_t i = 0; i < p->nblocks[2]; i++)
        degrees |= (uint64_t)1 << p->blocks[2][i].l;
    return degrees;
}

/* Degrees that F^n has, one power after the other; strengths are positive, so that nothing that
   couples cancels for all F. With weights all powers count, without the last. */
static bool power_uses(const e3tp_problem *p, int k, size_t block)
{
    const uint64_t wanted = k == 2 ? (uint64_t)1 << p->blocks[2][block].l : degrees_of_z(p);
    uint64_t degrees = 1;
    for (int n = 1; k != 1 && n <= p->power; n++) {
        uint64_t next = 0, found = 0;
        for (size_t i = 0; i < p->nblocks[0]; i++) {
            const uint64_t made = multiply_degrees(degrees, p->blocks[0][i].l);
            next |= made;
            found |= k == 2 || i == block ? made : 0;
        }
        if (found & wanted && (p->weight_numel || n == p->power))
            return true;
        degrees = next;
    }
    return k == 1;
}

bool e3tp_problem_uses(const e3tp_problem *p, int k, size_t block)
{
    if (p->op == E3TP_OP_GAUNT_POWER)
        return power_uses(p, k, block);
    for (size_t i = 0; i < p->npaths; i++) {
        const e3tp_coupling *c = &p->paths[i];
        if ((k == 0 ? c->in1 : k == 1 ? c->in2 : c->out) == block)
            return true;
    }
    return false;
}
