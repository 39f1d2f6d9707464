/* SPDX-License-Identifier: MIT */
#include "core/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "e3tp_config.h"

#if E3TP_HAVE_OPENMP
#include <omp.h>
#endif

/* GCC's OpenMP hangs in a child of fork() when the parent has used threads, whoever used them
   there. So a child of a process that had loaded the library stays serial: set once, by fork
   itself, at no cost to a call. (A daemon that forks after loading can give its own loop in
   e3tp_parallel.) */
static _Atomic bool forked;

static void note_fork(void)
{
    atomic_store_explicit(&forked, true, memory_order_relaxed);
}

__attribute__((constructor)) static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, note_fork);
}

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
    return !omp_in_parallel() && !atomic_load_explicit(&forked, memory_order_relaxed);
#else
    return false;
#endif
}

int e3tp_parallel_workers(const e3tp_parallel *p, size_t work_items)
{
    if (!p || p->threads <= 1 || work_items <= 1 || !may_go_parallel(p))
        return 1;
    return work_items < (size_t)p->threads ? (int)work_items : p->threads;
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
