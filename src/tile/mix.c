/* SPDX-License-Identifier: MIT */
/* Writes matrices in the order in which the kernel reads them. */
#include "tile/mix.h"

#include <string.h>

#include "core/table.h"

e3tp_status e3tp_mix_pool_create(e3tp_mix_pool *p, const e3tp_allocator *a)
{
    p->lists = e3tp_alloc(a, p->nlists, sizeof *p->lists);
    p->coeff = e3tp_alloc(a, p->ncoeff, p->dtype == E3TP_F64 ? sizeof(double) : sizeof(float));
    p->nlists = p->ncoeff = 0;
    return p->lists && p->coeff ? E3TP_OK : E3TP_E_NOMEM;
}

void e3tp_mix_pool_destroy(e3tp_mix_pool *p, const e3tp_allocator *a)
{
    e3tp_free(a, p->lists);
    e3tp_free(a, p->coeff);
}

static void write(const e3tp_mix_pool *p, const e3tp_mix_list *in, const e3tp_mix_list *out,
                  e3tp_mix_value *value, const void *ctx)
{
    uint16_t *lists = p->lists + p->nlists;
    memcpy(lists, in->line, in->n * sizeof *lists);
    memcpy(lists + in->n, out->line, out->n * sizeof *lists);
    size_t at = p->ncoeff;
    for (size_t o = 0, width; o < out->n; o += width) {
        width = e3tp_mix_width(out->n - o);
        for (size_t i = 0; i < in->n; i++)
            for (size_t q = 0; q < width; q++)
                e3tp_put(p->dtype, p->coeff, at++, value(ctx, in->key[i], out->key[o + q]));
    }
}

e3tp_mix e3tp_mix_add(e3tp_mix_pool *p, const e3tp_mix_list *in, const e3tp_mix_list *out,
                      e3tp_mix_value *value, const void *ctx)
{
    const e3tp_mix m = {in->n, out->n, p->nlists, p->nlists + in->n, p->ncoeff};
    if (p->lists)
        write(p, in, out, value, ctx);
    p->nlists += in->n + out->n;
    p->ncoeff += in->n * out->n;
    return m;
}
