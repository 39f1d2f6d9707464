/* SPDX-License-Identifier: MIT */
/* Entry points of the radial plans: checks arguments, calls down. */
#include "radial/radial.h"

#include "api/objects.h"
#include "core/checked.h"

static e3tp_status create(e3tp_radial **out, const e3tp_radial_desc *d, e3tp_message *why)
{
    if (!d)
        return e3tp_fail(why, E3TP_E_INVALID, "the description is NULL");
    E3TP_TRY(e3tp_radial_check(d, why));
    e3tp_tier tier;
    E3TP_TRY(e3tp_isa_choose(d->isa, &tier, why));
    const e3tp_allocator a = {d->alloc, d->release, d->alloc_ctx};
    e3tp_radial *p = e3tp_alloc(&a, 1, sizeof *p);
    if (!p)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the radial plan");
    *p = (e3tp_radial){
        .map = e3tp_radial_normalise(d),
        .kernel = e3tp_radial_kernel_of(d->dtype, tier),
        .dtype = d->dtype,
        .tier = tier,
        .parallel = {d->threads ? d->threads : e3tp_parallel_max(), d->parallel_for,
                     d->parallel_ctx},
        .allocator = a,
    };
    *out = p;
    return E3TP_OK;
}

e3tp_status e3tp_radial_create(e3tp_radial **out, const e3tp_radial_desc *d, char *msg, size_t cap)
{
    e3tp_message m = {""};
    if (out)
        *out = NULL;
    const e3tp_status s = out ? create(out, d, &m) : e3tp_fail(&m, E3TP_E_INVALID, "out is NULL");
    e3tp_message_copy(&m, msg, cap);
    return s;
}

void e3tp_radial_destroy(e3tp_radial *p)
{
    if (!p)
        return;
    const e3tp_allocator a = p->allocator;
    e3tp_free(&a, p);
}

size_t e3tp_radial_num(const e3tp_radial *p)
{
    return p ? p->map.num : 0;
}

const char *e3tp_radial_isa(const e3tp_radial *p)
{
    return p ? e3tp_tier_name(p->tier) : "";
}

e3tp_status e3tp_radial_eval(const e3tp_radial *p, const void *r, size_t n, void *values,
                             void *derivatives, void *seconds)
{
    size_t row, out, in;
    if (!p)
        return E3TP_E_INVALID;
    const size_t es = e3tp_dtype_size(p->dtype);
    if (!e3tp_mul_size(p->map.num, es, &row) || !e3tp_mul_size(row, n, &out) ||
        !e3tp_mul_size(n, es, &in) || out > PTRDIFF_MAX || in > PTRDIFF_MAX)
        return E3TP_E_INVALID;
    if (n && !r)
        return E3TP_E_INVALID;
    const e3tp_array a[] = {{r, in}, {values, out}, {derivatives, out}, {seconds, out}};
    if (e3tp_outputs_overlap(a, 1, sizeof a / sizeof *a))
        return E3TP_E_INVALID;
    if (out && (values || derivatives || seconds))
        e3tp_radial_run(p, r, n, values, derivatives, seconds);
    return E3TP_OK;
}
