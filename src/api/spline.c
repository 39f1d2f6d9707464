/* SPDX-License-Identifier: MIT */
/* Entry points of the splines: checks arguments, calls down. */
#include "radial/spline.h"

#include "api/objects.h"
#include "core/checked.h"

static e3tp_status create(e3tp_spline **out, const e3tp_spline_desc *d, e3tp_message *why)
{
    if (!d)
        return e3tp_fail(why, E3TP_E_INVALID, "the description is NULL");
    E3TP_TRY(e3tp_spline_check(d, why));
    e3tp_tier tier;
    E3TP_TRY(e3tp_isa_choose(d->isa, &tier, why));
    const e3tp_allocator a = {d->alloc, d->release, d->alloc_ctx};
    e3tp_spline *p = e3tp_alloc(&a, 1, sizeof *p);
    if (!p)
        return e3tp_fail(why, E3TP_E_NOMEM, "no memory for the spline");
    *p = (e3tp_spline){
        .map = e3tp_spline_normalise(d),
        .width = d->width,
        .kernels = e3tp_expand_kernels_of(d->dtype, tier),
        .fits = e3tp_spline_kernels_of(d->dtype, tier),
        .tier = tier,
        .parallel = {d->threads ? d->threads : e3tp_parallel_max(), d->parallel_for,
                     d->parallel_ctx},
        .allocator = a,
    };
    *out = p;
    return E3TP_OK;
}

e3tp_status e3tp_spline_create(e3tp_spline **out, const e3tp_spline_desc *d, char *msg, size_t cap)
{
    e3tp_message m = {""};
    if (out)
        *out = NULL;
    const e3tp_status s = out ? create(out, d, &m) : e3tp_fail(&m, E3TP_E_INVALID, "out is NULL");
    e3tp_message_copy(&m, msg, cap);
    return s;
}

void e3tp_spline_destroy(e3tp_spline *p)
{
    if (!p)
        return;
    const e3tp_allocator a = p->allocator;
    e3tp_free(&a, p);
}

size_t e3tp_spline_knots(const e3tp_spline *p)
{
    return p ? p->map.knots : 0;
}

size_t e3tp_spline_rows(const e3tp_spline *p)
{
    return p ? e3tp_spline_map_rows(&p->map) : 0;
}

size_t e3tp_spline_width(const e3tp_spline *p)
{
    return p ? p->width : 0;
}

const char *e3tp_spline_isa(const e3tp_spline *p)
{
    return p ? e3tp_tier_name(p->tier) : "";
}

/* The bytes of that many rows of the plan's width; false: they overflow. */
static bool row_bytes(const e3tp_spline *p, size_t a, size_t b, size_t *bytes)
{
    return e3tp_mul_size(a, b, bytes) && e3tp_mul_size(*bytes, p->width, bytes) &&
           e3tp_mul_size(*bytes, e3tp_dtype_size(p->map.dtype), bytes) && *bytes <= PTRDIFF_MAX;
}

static e3tp_status fit(const e3tp_spline *p, bool backward, size_t tables, const void *in,
                       void *out)
{
    size_t values, coefficients;
    if (!p || !row_bytes(p, tables, p->map.knots, &values) ||
        !row_bytes(p, tables, p->map.knots + 2, &coefficients))
        return E3TP_E_INVALID;
    if (!values)
        return E3TP_OK;
    if (!in || !out ||
        e3tp_overlap(in, backward ? coefficients : values, out, backward ? values : coefficients))
        return E3TP_E_INVALID;
    e3tp_spline_run_fit(p, backward, tables, in, out);
    return E3TP_OK;
}

e3tp_status e3tp_spline_fit(const e3tp_spline *p, size_t tables, const void *values,
                            void *coefficients)
{
    return fit(p, false, tables, values, coefficients);
}

e3tp_status e3tp_spline_fit_backward(const e3tp_spline *p, size_t tables, const void *gcoefficients,
                                     void *gvalues)
{
    return fit(p, true, tables, gcoefficients, gvalues);
}

static bool types_in(const int32_t *type, size_t n, size_t tables)
{
    if (!type)
        return tables > 0 || n == 0;
    for (size_t i = 0; i < n; i++)
        if (type[i] < 0 || (size_t)type[i] >= tables)
            return false;
    return true;
}

e3tp_status e3tp_spline_evaluate(const e3tp_spline *p, size_t tables, const void *coefficients,
                                 const void *r, const int32_t *type, size_t n, void *values,
                                 void *derivatives, void *seconds)
{
    size_t table, out;
    if (!p || !row_bytes(p, tables, p->map.knots + 2, &table) || !row_bytes(p, n, 1, &out) ||
        n > PTRDIFF_MAX / sizeof(double))
        return E3TP_E_INVALID;
    if ((n && !r) || (n && table && !coefficients) || !types_in(type, n, tables))
        return E3TP_E_INVALID;
    const e3tp_array a[] = {{coefficients, table},    {r, n * e3tp_dtype_size(p->map.dtype)},
                            {type, n * sizeof *type}, {values, out},
                            {derivatives, out},       {seconds, out}};
    if (e3tp_outputs_overlap(a, 3, sizeof a / sizeof *a))
        return E3TP_E_INVALID;
    if (out && (values || derivatives || seconds))
        e3tp_spline_run(p, coefficients, r, type, n, (void *[]){values, derivatives, seconds});
    return E3TP_OK;
}
