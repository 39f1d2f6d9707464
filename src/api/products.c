/* SPDX-License-Identifier: MIT */
/* Whole products: the paths, and where a class makes them itself the irreps, of e3nn's classes. */
#include <stdlib.h>

#include "api/objects.h"
#include "so3/wigner.h"

/* A path that was found; `block` is its block of z where the product makes these, else out counts.
 */
typedef struct found {
    e3tp_path path;
    e3tp_irrep block;
} found;

typedef struct search {
    e3tp_product kind;
    const e3tp_irrep *x, *y, *z, *keep;
    size_t nx, ny, nz, nkeep;
    e3tp_irrep_norm norm;
    found *list; /* NULL: only count */
    size_t n;
    bool overflow; /* some block would have more copies than an irrep can */
} search;

static bool is_kept(const search *s, e3tp_irrep ir)
{
    bool kept = !s->keep;
    for (size_t i = 0; i < s->nkeep && !kept; i++)
        kept = s->keep[i].l == ir.l && s->keep[i].parity == ir.parity;
    return kept;
}

/* Whether the blocks of z are given: those that paths would make do not count. */
static bool gives_z(e3tp_product kind)
{
    return kind == E3TP_PRODUCT_FULLY_CONNECTED || kind == E3TP_PRODUCT_SQUARE_CONNECTED;
}

static void enter(search *s, size_t i, size_t j, size_t out, e3tp_mode mode, bool weighted,
                  double path_weight, e3tp_irrep block, uint64_t mul)
{
    s->overflow |= mul > UINT32_MAX && !gives_z(s->kind);
    block.mul = (uint32_t)mul;
    if (s->list) {
        found *f = &s->list[s->n];
        f->path = e3tp_path_init((uint32_t)i, (uint32_t)j, (uint32_t)out, mode, weighted);
        f->path.path_weight = path_weight;
        f->block = block;
    }
    s->n++;
}

/* e3nn's factors of a square: of pairs of copies, and of copies with themselves. */
static double pair_factor(const search *s, e3tp_irrep a, e3tp_irrep b, int l)
{
    return s->norm == E3TP_NORM_COMPONENT ? 2 * l + 1
           : s->norm == E3TP_NORM_NORM    ? (2 * a.l + 1) * (2 * b.l + 1)
                                          : 1;
}

static double own_factor(const search *s, e3tp_irrep a, int l)
{
    const double d = 2 * a.l + 1;
    if (s->norm == E3TP_NORM_COMPONENT)
        return l == 0 ? 1 / (d + 2) : (2 * l + 1) / 2.0;
    return s->norm == E3TP_NORM_NORM ? (l == 0 ? d : d * (d + 2) / 2) : 1;
}

/* What block i of x and block j of y give in the irrep `ir`; into block `out` of z, or its own. */
static void enter_square(search *s, size_t i, size_t j, e3tp_irrep ir, size_t out)
{
    const e3tp_irrep a = s->x[i], b = s->y[j];
    const uint64_t all = (uint64_t)a.mul * b.mul,
                   pairs = a.mul ? (uint64_t)a.mul * (a.mul - 1) / 2 : 0;
    const bool connected = s->kind == E3TP_PRODUCT_SQUARE_CONNECTED;
    const double factor = pair_factor(s, a, b, ir.l);
    if (i < j)
        enter(s, i, j, out, connected ? E3TP_UVW : E3TP_UVUV, connected, factor, ir, all);
    if (i == j && a.mul > 1)
        enter(s, i, j, out, connected ? E3TP_U_LT_VW : E3TP_UVU_LT_V, connected, factor, ir, pairs);
    if (i == j && ir.l % 2 == 0)
        enter(s, i, j, out, connected ? E3TP_UUW : E3TP_UUU, connected, own_factor(s, a, ir.l), ir,
              a.mul);
}

static void enter_pair(search *s, size_t i, size_t j, e3tp_irrep ir, size_t out)
{
    const uint64_t m1 = s->x[i].mul, m2 = s->y[j].mul;
    switch (s->kind) {
    case E3TP_PRODUCT_FULLY_CONNECTED:
        enter(s, i, j, out, E3TP_UVW, true, 1, ir, ir.mul);
        return;
    case E3TP_PRODUCT_FULL:
        enter(s, i, j, out, E3TP_UVUV, false, 1, ir, m1 * m2);
        return;
    case E3TP_PRODUCT_ELEMENTWISE:
        if (i == j)
            enter(s, i, j, out, E3TP_UUU, false, 1, ir, m1);
        return;
    case E3TP_PRODUCT_CHANNELWISE:
        enter(s, i, j, out, E3TP_UVU, true, 1, ir, m1);
        return;
    case E3TP_PRODUCT_SQUARE:
    case E3TP_PRODUCT_SQUARE_CONNECTED:
        enter_square(s, i, j, ir, out);
    }
}

static void search_pair(search *s, size_t i, size_t j)
{
    const int l1 = s->x[i].l, l2 = s->y[j].l, parity = s->x[i].parity * s->y[j].parity;
    if (gives_z(s->kind)) {
        for (size_t k = 0; k < s->nz; k++)
            if (s->z[k].parity == parity && e3tp_so3_triangle(l1, l2, s->z[k].l))
                enter_pair(s, i, j, s->z[k], k);
        return;
    }
    for (int l = abs(l1 - l2); l <= l1 + l2; l++) {
        const e3tp_irrep ir = {0, (uint16_t)l, (int8_t)parity};
        if (is_kept(s, ir))
            enter_pair(s, i, j, ir, 0);
    }
}

static void search_all(search *s)
{
    s->n = 0;
    for (size_t i = 0; i < s->nx; i++)
        for (size_t j = 0; j < s->ny; j++)
            search_pair(s, i, j);
}

/* ---- irreps of x and y as the classes want them ---- */

static e3tp_status simplify(e3tp_desc *d, e3tp_operand which)
{
    e3tp_irrep *s = d->spec.irreps[which];
    return e3tp_desc_set_irreps(d, which, s, e3tp_irreps_simplify(s, d->spec.nirreps[which], s));
}

static size_t copies(const e3tp_irrep *s, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s[i].mul;
    return sum;
}

/* Cuts blocks of both so that block i of x has as many copies as block i of y; a, b: [nx + ny]. */
static size_t pair_up(const e3tp_spec *p, e3tp_irrep *a, e3tp_irrep *b)
{
    size_t n = 0, i = 0, j = 0;
    uint32_t used[2] = {0, 0};
    while (i < p->nirreps[0] && j < p->nirreps[1]) {
        const uint32_t left[2] = {p->irreps[0][i].mul - used[0], p->irreps[1][j].mul - used[1]};
        const uint32_t now = left[0] < left[1] ? left[0] : left[1];
        if (now) {
            a[n] = p->irreps[0][i], b[n] = p->irreps[1][j];
            a[n].mul = b[n].mul = now;
            n++;
        }
        used[0] += now, used[1] += now;
        if (left[0] == now)
            i++, used[0] = 0;
        if (left[1] == now)
            j++, used[1] = 0;
    }
    return n;
}

static e3tp_status equalise(e3tp_desc *d)
{
    const e3tp_spec *p = &d->spec;
    if (copies(p->irreps[0], p->nirreps[0]) != copies(p->irreps[1], p->nirreps[1]))
        return e3tp_desc_fail(d, E3TP_E_SHAPE,
                              "elementwise: x and y must hold equally many copies of irreps");
    const size_t most = p->nirreps[0] + p->nirreps[1];
    e3tp_irrep *a = e3tp_alloc(NULL, 2 * most, sizeof *a);
    if (!a)
        return e3tp_desc_fail(d, E3TP_E_NOMEM, "no memory for %zu irreps", 2 * most);
    const size_t n = pair_up(p, a, a + most);
    e3tp_status s = e3tp_desc_set_irreps(d, E3TP_X, a, n);
    if (s == E3TP_OK)
        s = e3tp_desc_set_irreps(d, E3TP_Y, a + most, n);
    e3tp_free(NULL, a);
    return s;
}

static e3tp_status prepare(e3tp_desc *d, e3tp_product kind)
{
    const bool square = kind == E3TP_PRODUCT_SQUARE || kind == E3TP_PRODUCT_SQUARE_CONNECTED;
    const bool simple = square || kind == E3TP_PRODUCT_FULL || kind == E3TP_PRODUCT_ELEMENTWISE;
    if (simple)
        E3TP_TRY(simplify(d, E3TP_X));
    if (square)
        return e3tp_desc_set_irreps(d, E3TP_Y, d->spec.irreps[0], d->spec.nirreps[0]);
    if (simple)
        E3TP_TRY(simplify(d, E3TP_Y));
    return kind == E3TP_PRODUCT_ELEMENTWISE ? equalise(d) : E3TP_OK;
}

/* ---- z and the paths ---- */

static e3tp_status add_paths(e3tp_desc *d, const search *s, const size_t *order,
                             const size_t *place)
{
    e3tp_status status = E3TP_OK;
    for (size_t i = 0; i < s->n && status == E3TP_OK; i++) {
        found *f = &s->list[order ? order[i] : i];
        if (place)
            f->path.out = (uint32_t)place[f - s->list];
        status = e3tp_desc_add_path(d, &f->path);
    }
    return status;
}

/* Every path its own block: sorted, but for elementwise; paths of channelwise in their order. */
static e3tp_status make_blocks(e3tp_desc *d, const search *s)
{
    const size_t n = s->n;
    e3tp_irrep *blocks = e3tp_alloc(NULL, 2 * n, sizeof *blocks);
    size_t *place = e3tp_alloc(NULL, 2 * n, sizeof *place);
    e3tp_status status = E3TP_OK;
    if (!blocks || !place)
        status = e3tp_desc_fail(d, E3TP_E_NOMEM, "no memory for %zu paths", n);
    for (size_t i = 0; i < n && status == E3TP_OK; i++) {
        blocks[i] = s->list[i].block;
        place[i] = i;
    }
    const bool sorts = s->kind != E3TP_PRODUCT_ELEMENTWISE;
    if (status == E3TP_OK && sorts && n)
        status = e3tp_irreps_sort(blocks, n, blocks + n, place, place + n);
    if (status == E3TP_OK)
        status = e3tp_desc_set_irreps(d, E3TP_Z, sorts ? blocks + n : blocks, n);
    if (status == E3TP_OK)
        status = add_paths(d, s, s->kind == E3TP_PRODUCT_CHANNELWISE ? place + n : NULL, place);
    e3tp_free(NULL, blocks);
    e3tp_free(NULL, place);
    return status;
}

static e3tp_status find_paths(e3tp_desc *d, search *s)
{
    search_all(s);
    if (s->overflow)
        return e3tp_desc_fail(d, E3TP_E_SHAPE, "set_product: a block of z has too many copies");
    s->list = e3tp_alloc(NULL, s->n, sizeof *s->list);
    if (!s->list)
        return e3tp_desc_fail(d, E3TP_E_NOMEM, "no memory for %zu paths", s->n);
    search_all(s);
    const e3tp_status status = gives_z(s->kind) ? add_paths(d, s, NULL, NULL) : make_blocks(d, s);
    e3tp_free(NULL, s->list);
    return status;
}

e3tp_status e3tp_desc_set_product(e3tp_desc *d, e3tp_product kind, const e3tp_irrep *keep, size_t n)
{
    if (!d)
        return E3TP_E_INVALID;
    if (kind < E3TP_PRODUCT_FULLY_CONNECTED || kind > E3TP_PRODUCT_SQUARE_CONNECTED)
        return e3tp_desc_fail(d, E3TP_E_INVALID, "there is no product %d", (int)kind);
    if (d->spec.op != E3TP_OP_TENSOR_PRODUCT)
        return e3tp_desc_fail(d, E3TP_E_INVALID,
                              "set_product: the operation makes its paths itself");
    if (keep && gives_z(kind))
        return e3tp_desc_fail(d, E3TP_E_INVALID, "set_product: the irreps of z say what is kept");
    E3TP_TRY(d->status);
    d->spec.npaths = 0;
    E3TP_TRY(prepare(d, kind));
    search s = {.kind = kind,
                .x = d->spec.irreps[0],
                .y = d->spec.irreps[1],
                .z = d->spec.irreps[2],
                .keep = keep,
                .nx = d->spec.nirreps[0],
                .ny = d->spec.nirreps[1],
                .nz = d->spec.nirreps[2],
                .nkeep = n,
                .norm = d->spec.irrep_norm};
    if (kind == E3TP_PRODUCT_SQUARE || kind == E3TP_PRODUCT_SQUARE_CONNECTED)
        d->spec.irrep_norm = E3TP_NORM_NONE; /* the factors of the paths hold it */
    return find_paths(d, &s);
}

size_t e3tp_desc_irreps(const e3tp_desc *d, e3tp_operand which, e3tp_irrep *out, size_t cap)
{
    if (!d || d->spec.op != E3TP_OP_TENSOR_PRODUCT || which < E3TP_X || which > E3TP_Z)
        return 0;
    const size_t n = d->spec.nirreps[which];
    for (size_t i = 0; out && i < n && i < cap; i++)
        out[i] = d->spec.irreps[which][i];
    return n;
}

size_t e3tp_desc_paths(const e3tp_desc *d, e3tp_path *out, size_t cap)
{
    const size_t n = d ? d->spec.npaths : 0;
    for (size_t i = 0; out && i < n && i < cap; i++)
        out[i] = d->spec.paths[i];
    return n;
}
