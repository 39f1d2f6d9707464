/* SPDX-License-Identifier: MIT */
/* Entry points of the plans of harmonics: checks arguments, calls down. */
#include "sh/sh.h"

#include "api/objects.h"
#include "core/checked.h"

static e3tp_status fill(e3tp_sh *p, const e3tp_sh_desc *d, e3tp_tier tier, e3tp_message *why)
{
    *p = (e3tp_sh){
        .kernels = e3tp_sh_kernels_of(d->dtype, tier),
        .dtype = d->dtype,
        .tier = tier,
        .parallel = {d->threads ? d->threads : e3tp_parallel_max(), d->parallel_for,
                     d->parallel_ctx},
        .allocator = {d->alloc, d->release, d->alloc_ctx},
    };
    if (e3tp_sh_tabulate(p, d) != E3TP_OK)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the tables of %zu degrees", d->nls);
    return E3TP_OK;
}

static e3tp_status create(e3tp_sh **out, const e3tp_sh_desc *d, e3tp_message *why)
{
    if (!d)
        return e3tp_fail(why, E3TP_E_INVALID, "the description is NULL");
    E3TP_TRY(e3tp_sh_check(d, why));
    e3tp_tier tier;
    E3TP_TRY(e3tp_isa_choose(d->isa, &tier, why));
    const e3tp_allocator a = {d->alloc, d->release, d->alloc_ctx};
    e3tp_sh *p = e3tp_alloc(&a, 1, sizeof *p);
    if (!p)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the plan of harmonics");
    const e3tp_status s = fill(p, d, tier, why);
    if (s == E3TP_OK)
        *out = p;
    else
        e3tp_free(&a, p);
    return s;
}

e3tp_status e3tp_sh_create(e3tp_sh **out, const e3tp_sh_desc *d, char *msg, size_t cap)
{
    e3tp_message m = {""};
    if (out)
        *out = NULL;
    const e3tp_status s = out ? create(out, d, &m) : e3tp_fail(&m, E3TP_E_INVALID, "out is NULL");
    e3tp_message_copy(&m, msg, cap);
    return s;
}

void e3tp_sh_destroy(e3tp_sh *p)
{
    if (!p)
        return;
    const e3tp_allocator a = p->allocator;
    e3tp_free(&a, p->tables);
    e3tp_free(&a, p);
}

size_t e3tp_sh_dim(const e3tp_sh *p)
{
    return p ? p->map.dim : 0;
}

const char *e3tp_sh_isa(const e3tp_sh *p)
{
    return p ? e3tp_tier_name(p->tier) : "";
}

/* ---- calls ---- */

typedef enum role { READ, WRITTEN } role;

/* An array of a call; `at` NULL: not given. */
typedef struct array {
    const void *at;
    size_t per_vector; /* elements */
    role role;
} array;

enum { MOST_ARRAYS = 8 };

/* Sizes that can be, and no output over another array; those that are read come first. */
static bool apart(const e3tp_sh *p, const array *a, size_t count, size_t n)
{
    e3tp_array sized[MOST_ARRAYS];
    size_t inputs = 0;
    for (size_t i = 0; i < count; i++) {
        size_t *bytes = &sized[i].bytes;
        sized[i].at = a[i].at;
        inputs += a[i].role == READ;
        if (!e3tp_mul_size(a[i].per_vector, e3tp_dtype_size(p->dtype), bytes) ||
            !e3tp_mul_size(*bytes, n, bytes) || *bytes > PTRDIFF_MAX)
            return false;
    }
    return !e3tp_outputs_overlap(sized, inputs, count);
}

/* Outputs that leave the caches before they are read: then lines need not be read to be written. */
enum { STREAMED_BYTES = 16 << 20 };

/* Checks the vectors and the arrays, and runs. */
static e3tp_status run(const e3tp_sh *p, e3tp_sh_kernel *kernel, e3tp_sh_call *c,
                       const array *given, size_t count)
{
    const e3tp_sh_vectors *v = &c->v;
    const bool rows = !v->y && !v->z;
    array a[MOST_ARRAYS] = {{v->x, rows ? 3 : 1, READ}, {v->y, 1, READ}, {v->z, 1, READ}};
    size_t per_vector = 0, written = 0;
    for (size_t i = 0; i < count; i++) {
        a[3 + i] = given[i];
        per_vector += given[i].at ? given[i].per_vector : 0;
        written += given[i].at && given[i].role == WRITTEN ? given[i].per_vector : 0;
    }
    if ((v->n && !v->x) || !v->y != !v->z || !apart(p, a, 3 + count, v->n))
        return E3TP_E_INVALID;
    c->map = &p->map;
    c->stream = v->n * written * e3tp_dtype_size(p->dtype) >= STREAMED_BYTES;
    if (v->n && written)
        e3tp_sh_run(p, kernel, c, per_vector);
    return E3TP_OK;
}

e3tp_status e3tp_sh_evaluate(const e3tp_sh *p, const e3tp_sh_vectors *v, void *values,
                             void *jacobian, void *hessian)
{
    if (!p || !v)
        return E3TP_E_INVALID;
    const size_t dim = p->map.dim;
    const array a[] = {
        {values, dim, WRITTEN}, {jacobian, 3 * dim, WRITTEN}, {hessian, 9 * dim, WRITTEN}};
    e3tp_sh_call c = {.v = *v, .values = values, .jacobian = jacobian, .hessian = hessian};
    return run(p, p->kernels->evaluate, &c, a, sizeof a / sizeof *a);
}

e3tp_status e3tp_sh_backward(const e3tp_sh *p, const e3tp_sh_vectors *v, const void *g, void *gv)
{
    if (!p || !v || (v->n && ((!g && p->map.dim) || !gv)))
        return E3TP_E_INVALID;
    const array a[] = {{g, p->map.dim, READ}, {gv, 3, WRITTEN}};
    e3tp_sh_call c = {.v = *v, .g = g, .gv = gv};
    return run(p, p->kernels->backward, &c, a, sizeof a / sizeof *a);
}

e3tp_status e3tp_sh_double_backward(const e3tp_sh *p, const e3tp_sh_vectors *v, const void *g,
                                    const void *gg, void *hv, void *hg)
{
    if (!p || !v || (v->n && ((!g && hv && p->map.dim) || (!gg && (hv || hg)))))
        return E3TP_E_INVALID;
    const size_t dim = p->map.dim;
    const array a[] = {{g, dim, READ}, {gg, 3, READ}, {hv, 3, WRITTEN}, {hg, dim, WRITTEN}};
    e3tp_sh_call c = {.v = *v, .g = g, .gg = gg, .gv = hv, .hg = hg};
    return run(p, p->kernels->double_backward, &c, a, sizeof a / sizeof *a);
}
