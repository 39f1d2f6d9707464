/* SPDX-License-Identifier: MIT */
/* The only parallel loop: serial, OpenMP, or the host's. */
#ifndef E3TP_CORE_PARALLEL_H
#define E3TP_CORE_PARALLEL_H

#include "e3tp/base.h"

typedef struct e3tp_parallel {
    int threads;         /* fixed at plan creation, >= 1 */
    e3tp_parallel_fn fn; /* NULL: OpenMP where compiled in */
    void *ctx;
} e3tp_parallel;

/* OpenMP's maximum now; 1 without OpenMP. */
int e3tp_parallel_max(void);

/* How many workers a call may use now: at most p->threads and at most work_items. Unless the host
   gave its own loop, at most OpenMP's maximum as it is now, and 1 inside a parallel region and in
   a forked child. */
int e3tp_parallel_workers(const e3tp_parallel *p, size_t work_items);

/* Where the share of a worker begins, of items that workers share alike; of worker `workers`: their
   number. A quotient first, so that nothing overflows. */
static inline size_t e3tp_parallel_start(size_t items, size_t workers, size_t worker)
{
    const size_t each = items / workers, rest = items % workers;
    return worker * each + (worker < rest ? worker : rest);
}

/* body(ctx, i) for i in 0..n-1; each i is one worker with its own scratch. Serial for n <= 1. */
void e3tp_parallel_run(const e3tp_parallel *p, size_t n, void (*body)(void *ctx, size_t i),
                       void *ctx);

#endif
