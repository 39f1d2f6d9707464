/* SPDX-License-Identifier: MIT */
/* Rows from one layout to another: checks arguments, calls down. */
#include <stdint.h>

#include "api/objects.h"
#include "core/checked.h"
#include "problem/convert.h"

static bool is_layout(e3tp_layout l)
{
    return l == E3TP_MUL_IR || l == E3TP_IR_MUL || l == E3TP_BATCH_LAST;
}

/* Resolves a stride, which one step alone does not need; false where rows would overlap, or their
   extent overflows. *bytes: of all. */
static bool resolve(e3tp_rows_side *s, ptrdiff_t stride, size_t batch, size_t width, size_t element,
                    size_t *bytes)
{
    const bool last = s->layout == E3TP_BATCH_LAST;
    const size_t least = last ? batch : width, steps = last ? width : batch;
    if (stride != E3TP_PACKED && stride < 0)
        return false;
    s->stride =
        stride == E3TP_PACKED || ((size_t)stride < least && steps <= 1) ? least : (size_t)stride;
    *bytes = 0;
    if (s->stride < least || steps == 0)
        return s->stride >= least;
    return e3tp_mul_size(s->stride, steps - 1, bytes) && e3tp_add_size(*bytes, least, bytes) &&
           e3tp_mul_size(*bytes, element, bytes);
}

static bool are_irreps(const e3tp_irrep *s, size_t n)
{
    bool ok = s || !n;
    for (size_t i = 0; i < n && ok; i++)
        ok = s[i].l <= E3TP_SO3_LMAX;
    return ok && e3tp_irreps_dim(s, n) < SIZE_MAX;
}

e3tp_status e3tp_convert(e3tp_dtype t, const e3tp_irrep *irreps, size_t n, size_t batch,
                         e3tp_layout from_layout, const void *from, ptrdiff_t from_stride,
                         e3tp_layout to_layout, void *to, ptrdiff_t to_stride)
{
    e3tp_conversion c = {.dtype = t,
                         .batch = batch,
                         .from = {from_layout, (char *)(uintptr_t)from, 0},
                         .to = {to_layout, to, 0}};
    size_t bytes[2];
    if ((t != E3TP_F32 && t != E3TP_F64) || !is_layout(from_layout) || !is_layout(to_layout) ||
        !are_irreps(irreps, n))
        return E3TP_E_INVALID;
    const size_t width = e3tp_irreps_dim(irreps, n), element = e3tp_dtype_size(t);
    if (!resolve(&c.from, from_stride, batch, width, element, &bytes[0]) ||
        !resolve(&c.to, to_stride, batch, width, element, &bytes[1]))
        return E3TP_E_INVALID;
    if (batch == 0 || width == 0)
        return E3TP_OK;
    if (!from || !to || e3tp_overlap(from, bytes[0], to, bytes[1]))
        return E3TP_E_INVALID;
    E3TP_TRY(e3tp_isa_choose(E3TP_ISA_AUTO, &c.tier, NULL));
    for (size_t i = 0, offset = 0; i < n; i++) {
        const size_t d = 2 * (size_t)irreps[i].l + 1;
        e3tp_convert_block(&c, offset, irreps[i].mul, d);
        offset += irreps[i].mul * d;
    }
    return E3TP_OK;
}
