/* SPDX-License-Identifier: MIT */
/* Writes matrices in the order in which the kernels read them. */
#include "tile/fold.h"

#include "core/table.h"

/* Measured on avx2, in multiply-adds of a line: storing and reading again a line of results;
   entering a tile. */
static const double line_overhead = 2.0, call_overhead = 3.0;

double e3tp_fold_work(const e3tp_fold_tables *t)
{
    return t->fma + line_overhead * t->lines + call_overhead * t->calls;
}

/* Rows first .. first + rows - 1 of the matrix as a tile. */
static void write_tile(e3tp_fold_tables *t, const e3tp_fold_matrix *a, size_t first, size_t rows,
                       size_t n)
{
    const size_t T = t->dtype == E3TP_F64 ? 8 : 16;
    t->steps[t->nsteps] =
        (e3tp_fold_step){(uint32_t)rows, (uint32_t)n, t->nlists + (a->analysis ? first : 0),
                         t->ntable, (a->base + (a->analysis ? 0 : first * E3TP_FOLD_CLASSES)) * T};
    for (size_t k = 0, at = t->ntable; k < n; k++)
        for (size_t r = first; r < first + rows; r++)
            e3tp_put(t->dtype, t->table, at++,
                     a->analysis ? a->value(a->ctx, r, k) : a->value(a->ctx, k, r));
}

void e3tp_fold_add(e3tp_fold_tables *t, const e3tp_fold_matrix *a)
{
    const size_t T = t->dtype == E3TP_F64 ? 8 : 16;
    const size_t rows = a->analysis ? a->n : a->samples, n = a->analysis ? a->samples : a->n;
    const e3tp_fold_cut cut = e3tp_fold_cut_rows(rows, t->most);
    const size_t tiles = cut.large + cut.small;
    for (size_t i = 0; i < tiles; i++) {
        const size_t size = e3tp_fold_cut_size(cut, i);
        if (t->steps)
            write_tile(t, a, e3tp_fold_cut_first(cut, i), size, n);
        t->nsteps++;
        t->ntable += size * n;
    }
    for (size_t k = 0; t->steps && k < a->n; k++)
        t->lists[t->nlists + k] = (int32_t)(a->line[k] * T);
    t->nlists += a->n;
    t->fma += (double)(rows * n * a->count);
    t->calls += (double)(tiles * a->count);
    t->lines += (double)(rows * a->count);
}

e3tp_status e3tp_fold_tables_create(e3tp_fold_tables *t, const e3tp_fold_tables *counted,
                                    const e3tp_allocator *a)
{
    *t = (e3tp_fold_tables){.dtype = counted->dtype, .most = counted->most};
    t->steps = e3tp_alloc(a, counted->nsteps, sizeof *t->steps);
    t->lists = e3tp_alloc(a, counted->nlists, sizeof *t->lists);
    t->table = e3tp_alloc(a, counted->ntable, t->dtype == E3TP_F64 ? 8 : 4);
    return t->steps && t->lists && t->table ? E3TP_OK : E3TP_E_NOMEM;
}

void e3tp_fold_tables_destroy(e3tp_fold_tables *t, const e3tp_allocator *a)
{
    e3tp_free(a, t->steps);
    e3tp_free(a, t->lists);
    e3tp_free(a, t->table);
}
