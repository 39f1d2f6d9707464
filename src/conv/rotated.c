/* SPDX-License-Identifier: MIT */
/* What the rotated form serves, and its tables. */
#include "conv/rotated.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/table.h"
#include "so3/wigner.h"

E3TP_RUNNERS(e3tp_rotated_kernels, e3tp_rotated_kernels, kernels_of);

enum { LMAX = E3TP_ROTATED_LMAX, N = 2 * LMAX + 1, MOST_ROWS = 256 };

/* ---- what is served ---- */

/* Of x and z. */
static int largest_degree(const e3tp_problem *p)
{
    int most = 0;
    for (int k = 0; k < 3; k += 2)
        for (size_t i = 0; i < p->nblocks[k]; i++)
            most = p->blocks[k][i].l > most ? p->blocks[k][i].l : most;
    return most;
}

/* Why not; NULL: it does. */
static const char *refusal(const e3tp_problem *p, const e3tp_sh *sh)
{
    if (!sh)
        return "y is not made of vectors";
    if (p->op != E3TP_OP_TENSOR_PRODUCT)
        return "it serves instruction products only";
    if (!sh->map.normalize)
        return "the harmonics depend on lengths, expected normalised ones";
    if (largest_degree(p) > LMAX)
        return "degrees of x or z exceed 12";
    for (size_t i = 0; i < p->nblocks[1]; i++)
        if (p->blocks[1][i].mul != 1)
            return "y has more than one channel";
    for (size_t i = 0; i < p->npaths; i++)
        if (p->paths[i].mode != E3TP_UVU)
            return "it serves paths uvu only";
    return NULL;
}

bool e3tp_rotated_serves(const e3tp_problem *p, const e3tp_sh *sh, e3tp_message *why)
{
    const char *refused = refusal(p, sh);
    if (refused)
        e3tp_fail(why, E3TP_E_UNSUPPORTED, "rotated form: %s", refused);
    return !refused;
}

/* ---- blocks and paths ---- */

/* Blocks of natural parity first, by degrees: so those of a run follow one another. */
static void place_lines(e3tp_rotated *p, int k)
{
    const e3tp_problem *q = p->problem;
    const e3tp_block *from = q->blocks[e3tp_rotated_operand(k)];
    for (int natural = 1; natural >= 0; natural--)
        for (int l = 0; l <= LMAX; l++)
            for (size_t i = 0; i < q->nblocks[e3tp_rotated_operand(k)]; i++)
                if (from[i].l == l && e3tp_is_natural(&from[i]) == natural) {
                    p->blocks[k][i].line = p->lines[k];
                    p->lines[k] += 2 * (size_t)l + 1;
                }
}

static bool make_blocks(e3tp_rotated *p, int k)
{
    const e3tp_problem *q = p->problem;
    const e3tp_block *from = q->blocks[e3tp_rotated_operand(k)];
    const size_t n = q->nblocks[e3tp_rotated_operand(k)], T = e3tp_tile_lanes(q);
    e3tp_rotated_block *to = e3tp_alloc(&p->allocator, n, sizeof *to);
    if (!to)
        return false;
    p->blocks[k] = to;
    p->lies_in_lines[k] = q->layout[e3tp_rotated_operand(k)] == E3TP_IR_MUL;
    for (size_t i = 0; i < n; i++) {
        const size_t tiles = (from[i].mul + T - 1) / T;
        p->lies_in_lines[k] = p->lies_in_lines[k] && from[i].mul % T == 0;
        to[i] = (e3tp_rotated_block){from[i].l, 0, from[i].mul};
        p->tiles = tiles > p->tiles ? tiles : p->tiles;
    }
    place_lines(p, k);
    return true;
}

static int orders_between(const e3tp_rotated *p, int l1, int l3)
{
    const int all = 1 + (l1 < l3 ? l1 : l3), most = (int)p->orders;
    return all < most ? all : most;
}

/* Of P (back: P') W(l1,l2,l3)[m,0,m], or for odd sums [-m,0,m], times the path's coefficient. */
static void put_coefficients(e3tp_rotated *p, const e3tp_coupling *c, const e3tp_sh *sh, bool back,
                             size_t at)
{
    enum { MOST = 2 * N * N };
    const e3tp_problem *q = p->problem;
    const int l1 = q->blocks[0][c->in1].l, l2 = q->blocks[1][c->in2].l, l3 = q->blocks[2][c->out].l;
    const bool odd = (l1 + l2 + l3) % 2;
    e3tp_coupling_entry w[MOST];
    const size_t n = e3tp_so3_coupling_sparse(l1, l2, l3, q->sign, w, MOST);
    const double scale = c->coeff * e3tp_sh_pole(sh, l2) * (odd && back ? -1 : 1);
    for (size_t e = 0; e < n; e++) {
        const int m = w[e].m3 - l3, m1 = w[e].m1 - l1;
        if (w[e].m2 != l2 || m < 0 || m1 != (odd ? -m : m) || m >= orders_between(p, l1, l3))
            continue;
        e3tp_put(q->dtype, p->coeff[back], at + (size_t)m, scale * w[e].value);
        e3tp_put(q->dtype, p->at_zero[back], at + (size_t)m, l2 ? 0 : scale * w[e].value);
    }
}

static size_t weighted_before(const e3tp_problem *q, size_t path)
{
    size_t n = 0;
    for (size_t i = 0; i < path; i++)
        n += q->paths[i].has_weight;
    return n;
}

/* A path as source s of P or P'; its weights are packed as those of source k of P. */
static void put_source(e3tp_rotated *p, size_t path, size_t k, bool back, size_t s)
{
    const e3tp_coupling *c = &p->problem->paths[path];
    const size_t T = e3tp_tile_lanes(p->problem);
    p->place[back][s] = c->has_weight ? c->w_offset : SIZE_MAX;
    if (!back)
        p->user[s] = weighted_before(p->problem, path);
    p->in_line[back][s] = k * E3TP_ROTATED_GROUP * T;
    p->in_place = p->in_place && c->has_weight && c->w_count % T == 0;
}

static int degree_sum(const e3tp_problem *q, const e3tp_coupling *c)
{
    return q->blocks[0][c->in1].l + q->blocks[1][c->in2].l + q->blocks[2][c->out].l;
}

/* Whether a path stands between the blocks of another, with sums of the same kind. */
static bool joins(const e3tp_problem *q, const e3tp_coupling *a, const e3tp_coupling *b)
{
    return a->in1 == b->in1 && a->out == b->out && (degree_sum(q, a) - degree_sum(q, b)) % 2 == 0;
}

/* The least degree whose sum with those of a step is of its kind. */
static int least_harmonic(const e3tp_rotated_step *r)
{
    return abs(r->l_from - r->l_to) + r->odd;
}

/* Appends the step that a path begins, of P, its paths to `paths`; nothing where an earlier one
   began it. */
static void add_step(const e3tp_rotated *p, size_t path, e3tp_rotated_step *steps, size_t *n,
                     size_t *paths, size_t *sources)
{
    const e3tp_problem *q = p->problem;
    const e3tp_coupling *c = &q->paths[path];
    const e3tp_rotated_block *x = &p->blocks[0][c->in1], *z = &p->blocks[1][c->out];
    for (size_t i = 0; i < path; i++)
        if (joins(q, c, &q->paths[i]))
            return;
    e3tp_rotated_step *r = &steps[(*n)++];
    *r = (e3tp_rotated_step){.from = x->line,
                             .to = z->line,
                             .mul = x->mul,
                             .first = *sources,
                             .orders = orders_between(p, x->l, z->l),
                             .l_from = x->l,
                             .l_to = z->l,
                             .odd = degree_sum(q, c) % 2,
                             .regular = true};
    for (size_t i = path; i < q->npaths; i++) {
        if (!joins(q, c, &q->paths[i]))
            continue;
        const int l = q->blocks[1][q->paths[i].in2].l;
        r->regular = r->regular && l == least_harmonic(r) + 2 * (int)r->count;
        r->count++;
        paths[(*sources)++] = i;
    }
}

static int by_kind_and_degree(const void *a, const void *b)
{
    const e3tp_rotated_step *p = a, *q = b;
    if (p->odd != q->odd)
        return p->odd ? 1 : -1;
    if (p->l_from != q->l_from)
        return p->l_from < q->l_from ? -1 : 1;
    return p->first < q->first ? -1 : 1;
}

/* Whether a step stands where a run with harmonics to `top` that begins with `of` has it. */
static bool is_of_run(const e3tp_rotated_step *r, const e3tp_rotated_step *of, int l, int top)
{
    const size_t line = of->from + (size_t)(l * l - of->l_from * of->l_from);
    const int most = l + r->l_to < top ? l + r->l_to : top, least = least_harmonic(r);
    return r->l_from == l && r->from == line && r->odd == of->odd && r->mul == of->mul &&
           r->regular && r->orders == 1 + (l < r->l_to ? l : r->l_to) &&
           (int)r->count == (most - least) / 2 + 1;
}

/* The largest run that begins with the first of n steps, which write the same block. */
static void find_run(e3tp_rotated_step *r, size_t n)
{
    for (int top = E3TP_ROTATED_RUN_TOP; top >= 1 && top >= r->l_to; top--) {
        const size_t steps = (size_t)(top + !r->odd);
        bool found = steps <= n;
        for (size_t i = 0; found && i < steps; i++)
            found = is_of_run(&r[i], r, (int)i + r->odd, top);
        if (found) {
            r->run = steps;
            r->top = top;
            return;
        }
    }
}

/* Steps of P or P', `from`, that write block b, appended to `to`: even ones first, by degrees. */
static void sort_block(const e3tp_rotated_step *from, size_t n, const e3tp_rotated_block *b,
                       bool runs, e3tp_rotated_step *to, size_t *count)
{
    e3tp_rotated_step *first = to + *count;
    size_t steps = 0;
    for (size_t i = 0; i < n; i++)
        if (from[i].to == b->line)
            first[steps++] = from[i];
    if (!steps)
        first[steps++] = (e3tp_rotated_step){.to = b->line, .l_to = b->l, .mul = b->mul};
    qsort(first, steps, sizeof *first, by_kind_and_degree);
    for (size_t i = 0; runs && i < steps; i += first[i].run ? first[i].run : 1)
        find_run(&first[i], steps - i);
    first->fresh = first->run || first->orders == b->l + 1;
    first->clear = !first->fresh;
    *count += steps;
}

/* The sources of the steps of P or P', in their order. paths: by the sources' numbers as the steps
   were made; rank: of these the place among the sources of P, which P puts there. */
static void put_sources(e3tp_rotated *p, const e3tp_sh *sh, bool back, const size_t *paths,
                        size_t *rank)
{
    size_t s = 0, coeff = 0;
    for (size_t i = 0; i < p->nsteps[back]; i++) {
        e3tp_rotated_step *r = &p->steps[back][i];
        const size_t made = r->first;
        r->first = s;
        r->coeff = coeff;
        for (size_t k = made; k < made + r->count; k++, s++, coeff += (size_t)r->orders) {
            rank[k] = back ? rank[k] : s;
            put_source(p, paths[k], rank[k], back, s);
            put_coefficients(p, &p->problem->paths[paths[k]], sh, back, coeff);
        }
    }
    p->nsources = s;
}

/* Of P, or of P', for which blocks change places. */
static bool sort_steps(e3tp_rotated *p, bool back, e3tp_rotated_step *made, size_t n)
{
    const size_t blocks = p->problem->nblocks[back ? 0 : 2];
    p->steps[back] = e3tp_alloc(&p->allocator, n + blocks, sizeof *made);
    if (!p->steps[back])
        return false;
    for (size_t i = 0; i < n && back; i++) {
        const e3tp_rotated_step r = made[i];
        made[i].from = r.to, made[i].to = r.from;
        made[i].l_from = r.l_to, made[i].l_to = r.l_from;
    }
    for (size_t b = 0; b < blocks; b++)
        sort_block(made, n, &p->blocks[!back][b], p->has_runs, p->steps[back], &p->nsteps[back]);
    return true;
}

static bool take_sources(e3tp_rotated *p)
{
    const e3tp_allocator *a = &p->allocator;
    const size_t n = p->problem->npaths, coeffs = n * (LMAX + 1),
                 es = e3tp_dtype_size(p->problem->dtype);
    bool ok = (p->user = e3tp_alloc(a, n, sizeof *p->user)) != NULL;
    for (int back = 0; back < 2; back++) {
        ok &= (p->place[back] = e3tp_alloc(a, n, sizeof **p->place)) != NULL;
        ok &= (p->in_line[back] = e3tp_alloc(a, n, sizeof **p->in_line)) != NULL;
        ok &= (p->coeff[back] = e3tp_zalloc(a, coeffs, es)) != NULL;
        ok &= (p->at_zero[back] = e3tp_zalloc(a, coeffs, es)) != NULL;
    }
    return ok;
}

static bool make_steps(e3tp_rotated *p, const e3tp_sh *sh)
{
    const size_t n = p->problem->npaths;
    e3tp_rotated_step *made = e3tp_alloc(&p->allocator, n, sizeof *made);
    size_t *paths = e3tp_alloc(&p->allocator, 2 * n, sizeof *paths), steps = 0, sources = 0;
    bool ok = take_sources(p) && made && paths;
    p->in_place = !p->problem->weight_by_path;
    for (size_t i = 0; ok && i < n; i++)
        add_step(p, i, made, &steps, paths, &sources);
    for (int back = 0; ok && back < 2; back++) {
        ok = sort_steps(p, back, made, steps);
        if (ok)
            put_sources(p, sh, back, paths, paths + n);
    }
    e3tp_free(&p->allocator, made);
    e3tp_free(&p->allocator, paths);
    return ok;
}

/* ---- creation ---- */

/* Rows of frames within a first-level cache or so, whole tiles of rows. */
static size_t choose_rows(const e3tp_rotated *p)
{
    const size_t T = e3tp_tile_lanes(p->problem),
                 bytes = p->frames.width * e3tp_dtype_size(p->problem->dtype);
    const size_t fit = ((size_t)64 << 10) / bytes / T * T;
    return fit < T ? T : fit > MOST_ROWS ? MOST_ROWS : fit;
}

static e3tp_status make(e3tp_rotated *p, const e3tp_sh *sh, e3tp_message *why)
{
    if (!e3tp_rotated_make_frames(p, largest_degree(p->problem)) || !make_blocks(p, 0) ||
        !make_blocks(p, 1) || !make_steps(p, sh) || !e3tp_rotated_make_generators(p))
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the rotated form");
    for (int k = 0; k < 2; k++) {
        const int operand = e3tp_rotated_operand(k);
        E3TP_TRY(e3tp_packed_create(&p->packed[k], p->problem, operand, E3TP_LANES_CHANNELS,
                                    e3tp_is_uniform(p->problem, operand), 1, &p->allocator, why));
    }
    e3tp_rotated_count(p);
    p->rows = choose_rows(p);
    return E3TP_OK;
}

e3tp_status e3tp_rotated_create(e3tp_rotated **out, const e3tp_problem *q, const e3tp_sh *sh,
                                int m_max, e3tp_tier tier, const e3tp_allocator *a,
                                e3tp_message *why)
{
    e3tp_rotated *p = e3tp_zalloc(a, 1, sizeof *p);
    if (!p)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the rotated form");
    p->problem = q;
    if (a)
        p->allocator = *a;
    p->kernels = kernels_of[q->dtype][tier];
    p->has_runs = tier != E3TP_TIER_GENERIC_;
    p->orders = m_max < 0 || m_max > LMAX ? LMAX + 1 : (size_t)m_max + 1;
    const e3tp_status s = make(p, sh, why);
    if (s == E3TP_OK)
        *out = p;
    else
        e3tp_rotated_destroy(p);
    return s;
}

void e3tp_rotated_destroy(e3tp_rotated *p)
{
    if (!p)
        return;
    const e3tp_allocator a = p->allocator;
    void *const owned[] = {p->frames.first,     p->frames.line,
                           p->frames.coeff,     p->blocks[0],
                           p->blocks[1],        p->steps[0],
                           p->steps[1],         p->place[0],
                           p->place[1],         p->user,
                           p->in_line[0],       p->in_line[1],
                           p->coeff[0],         p->coeff[1],
                           p->at_zero[0],       p->at_zero[1],
                           p->generators.first, p->generators.line,
                           p->generators.coeff, p->generators.pair};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        e3tp_free(&a, owned[i]);
    for (int k = 0; k < 2; k++)
        e3tp_packed_destroy(&p->packed[k], &a);
    e3tp_free(&a, p);
}

static void add_rooms(const e3tp_rotated *p, size_t x, size_t z, size_t w, e3tp_rotated_room *r)
{
    const size_t T = e3tp_tile_lanes(p->problem);
    r->ggx = e3tp_take(&r->size, T, p->packed[0].elements, true);
    r->a = e3tp_take(&r->size, T, x, true);
    r->moved_u = e3tp_take(&r->size, T, x, true);
    r->pulled = e3tp_take(&r->size, T, x, true);
    r->k = e3tp_take(&r->size, T, z, true);
    r->moved_g = e3tp_take(&r->size, T, z, true);
    r->tw = e3tp_take(&r->size, T, w, true);
}

e3tp_rotated_room e3tp_rotated_rooms(const e3tp_rotated *p, bool second)
{
    const size_t T = e3tp_tile_lanes(p->problem), S = E3TP_ROTATED_GROUP * T, x = p->lines[0] * S,
                 z = p->lines[1] * S, w = p->in_place ? 0 : p->nsources * S;
    const struct {
        size_t of_frames, of_lines, of_packed[2];
    } n = {p->rows * p->frames.width,
           e3tp_frame_scratch(&p->frames, T),
           {p->packed[0].elements, p->packed[1].elements}};
    e3tp_rotated_room r = {.size = 0};
    r.frames = e3tp_take(&r.size, T, n.of_frames, false);
    r.lines = e3tp_take(&r.size, T, n.of_lines, false);
    r.x = e3tp_take(&r.size, T, n.of_packed[0], true);
    r.gx = e3tp_take(&r.size, T, n.of_packed[0], true);
    r.z = e3tp_take(&r.size, T, n.of_packed[1], true);
    r.gz = e3tp_take(&r.size, T, n.of_packed[1], true);
    r.u = e3tp_take(&r.size, T, x, true);
    r.gu = e3tp_take(&r.size, T, x, true);
    r.q = e3tp_take(&r.size, T, z, true);
    r.gq = e3tp_take(&r.size, T, z, true);
    r.turned = e3tp_take(&r.size, T, N * S, true);
    r.w = e3tp_take(&r.size, T, w, true);
    r.gw = e3tp_take(&r.size, T, w, true);
    if (second)
        add_rooms(p, x, z, w, &r);
    return r;
}

size_t e3tp_rotated_scratch(const e3tp_rotated *p, bool second)
{
    return e3tp_rotated_rooms(p, second).size * e3tp_dtype_size(p->problem->dtype);
}
