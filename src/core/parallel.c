/* SPDX-License-Identifier: MIT */
#include "core/parallel.h"

#include <stdbool.h>

#include "core/cpu.h"
#include "e3tp_config.h"

#if E3TP_HAVE_OPENMP
#include <omp.h>
#endif

int e3tp_parallel_max(void)
{
#if E3TP_HAVE_OPENMP
    const int n = omp_get_max_threads();
    return n > 1 ? n : 1;
#else
    return 1;
#endif
}

static bool may_go_parallel(const e3tp_parallel *p)
{
    if (p->fn) /* the host's loop, the host's knowledge of its threads */
        return true;
#if E3TP_HAVE_OPENMP
    return !omp_in_parallel() && !e3tp_cpu_forked();
#else
    return false;
#endif
}

int e3tp_parallel_workers(const e3tp_parallel *p, size_t work_items)
{
    if (!p || p->threads <= 1 || work_items <= 1 || !may_go_parallel(p))
        return 1;
    const int now = p->fn ? p->threads : e3tp_parallel_max();
    const int most = now < p->threads ? now : p->threads;
    return work_items < (size_t)most ? (int)work_items : most;
}

static void run_serial(size_t n, void (*body)(void *ctx, size_t i), void *ctx)
{
    for (size_t i = 0; i < n; i++)
        body(ctx, i);
}

void e3tp_parallel_run(const e3tp_parallel *p, size_t n, void (*body)(void *ctx, size_t i),
                       void *ctx)
{
    const int workers = e3tp_parallel_workers(p, n);
    if (workers <= 1) {
        run_serial(n, body, ctx);
        return;
    }
    if (p->fn) {
        p->fn(n, body, ctx, p->ctx);
        return;
    }
#if E3TP_HAVE_OPENMP
#pragma omp parallel for num_threads(workers) schedule(static, 1)
    for (size_t i = 0; i < n; i++)
        body(ctx, i);
#endif
}
