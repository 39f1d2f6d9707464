/* SPDX-License-Identifier: MIT */
/* src/core: sizes that overflow, allocation, messages, tiers, and when a loop may be parallel. */
#define _DEFAULT_SOURCE /* setenv */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/checked.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/status.h"
#include "e3tp/e3tp.h"
#include "e3tp_config.h"
#if E3TP_HAVE_OPENMP
#include <omp.h>
#endif

START_TEST(checked_sizes)
{
    size_t n;
    const size_t half = (size_t)1 << (sizeof n * 4);
    ck_assert(e3tp_mul_size(7, 6, &n) && n == 42);
    ck_assert(e3tp_mul_size(SIZE_MAX, 0, &n) && n == 0);
    ck_assert(e3tp_mul_size(0, SIZE_MAX, &n) && n == 0);
    ck_assert(e3tp_mul_size(SIZE_MAX, 1, &n) && n == SIZE_MAX);
    ck_assert(e3tp_mul_size(half, half - 1, &n) && n == SIZE_MAX - half + 1);
    ck_assert(!e3tp_mul_size(half, half, &n));
    ck_assert(!e3tp_mul_size(SIZE_MAX, 2, &n) && !e3tp_mul_size(SIZE_MAX / 2 + 1, 2, &n));
    ck_assert(e3tp_add_size(SIZE_MAX - 1, 1, &n) && n == SIZE_MAX);
    ck_assert(!e3tp_add_size(SIZE_MAX, 1, &n) && !e3tp_add_size(1, SIZE_MAX, &n));
    ck_assert_uint_eq(e3tp_round_up(0, 64), 0);
    ck_assert_uint_eq(e3tp_round_up(1, 64), 64);
    ck_assert_uint_eq(e3tp_round_up(64, 64), 64);
    ck_assert_uint_eq(e3tp_round_up(65, 64), 128);
}
END_TEST

START_TEST(overlapping)
{
    const char a[10] = {0};
    ck_assert(e3tp_overlap(a, 5, a + 4, 5) && e3tp_overlap(a + 4, 5, a, 5));
    ck_assert(e3tp_overlap(a, 10, a + 3, 1) && e3tp_overlap(a + 3, 1, a, 10));
    ck_assert(!e3tp_overlap(a, 5, a + 5, 5) && !e3tp_overlap(a + 5, 5, a, 5));
    ck_assert(!e3tp_overlap(a, 10, a + 3, 0) && !e3tp_overlap(a + 3, 0, a, 10));
    ck_assert(!e3tp_overlap(NULL, 10, a, 10) && !e3tp_overlap(a, 10, NULL, 10));
}
END_TEST

/* A host's memory: blocks at a distance of `shift` from an aligned place. */
typedef struct host_memory {
    size_t shift, live, calls;
    int fail;
    void *raw;
} host_memory;

static void *host_alloc(size_t bytes, void *ctx)
{
    host_memory *h = ctx;
    h->calls++;
    if (h->fail)
        return NULL;
    h->live++;
    h->raw = malloc(bytes + 128);
    memset(h->raw, 0x5a, bytes + 128);
    return (char *)h->raw + h->shift;
}

static void host_free(void *block, void *ctx)
{
    host_memory *h = ctx;
    ck_assert_ptr_eq(block, (char *)h->raw + h->shift); /* its own pointer comes back */
    h->live--;
    free(h->raw);
}

START_TEST(memory)
{
    host_memory h = {0};
    const e3tp_allocator libc = {NULL, NULL, NULL}, host = {host_alloc, host_free, &h};
    const e3tp_allocator *const all[3] = {NULL, &libc, &host};
    static const size_t sizes[] = {0, 1, 63, 64, 65, 1000};
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (h.shift = 0; h.shift < 70; h.shift += k == 2 ? 1 : 70) {
                unsigned char *p = e3tp_alloc(all[k], sizes[i], 1);
                ck_assert_ptr_nonnull(p);
                ck_assert_uint_eq((uintptr_t)p % 64, 0);
                memset(p, 1, sizes[i]);
                e3tp_free(all[k], p);
                p = e3tp_zalloc(all[k], sizes[i], 1);
                for (size_t b = 0; b < sizes[i]; b++)
                    ck_assert(p[b] == 0);
                e3tp_free(all[k], p);
            }
    ck_assert_uint_eq(h.live, 0);
    ck_assert_uint_eq(h.calls, 2 * 70 * sizeof sizes / sizeof *sizes);
    e3tp_free(&host, NULL);
}
END_TEST

START_TEST(memory_that_is_not_there)
{
    host_memory h = {.fail = 1};
    const e3tp_allocator host = {host_alloc, host_free, &h};
    ck_assert_ptr_null(e3tp_alloc(&host, 1, 1));
    ck_assert_ptr_null(e3tp_zalloc(&host, 1, 1));
    ck_assert_uint_eq(h.calls, 2);
    for (int k = 0; k < 2; k++) {
        const e3tp_allocator *a = k ? &host : NULL;
        ck_assert_ptr_null(e3tp_alloc(a, SIZE_MAX, 2));
        ck_assert_ptr_null(e3tp_alloc(a, SIZE_MAX, 1)); /* no room for the alignment */
        ck_assert_ptr_null(e3tp_zalloc(a, SIZE_MAX / 2, 3));
    }
    ck_assert_uint_eq(h.calls, 2);
}
END_TEST

START_TEST(messages)
{
    e3tp_message m = {"old"};
    ck_assert_int_eq(e3tp_fail(&m, E3TP_E_SHAPE, "%s: %d", "x", 7), E3TP_E_SHAPE);
    ck_assert_str_eq(m.text, "x: 7");
    ck_assert_int_eq(e3tp_fail(NULL, E3TP_E_NOMEM, "%s", "unseen"), E3TP_E_NOMEM);
    e3tp_fail(&m, E3TP_E_INVALID, "%600d", 1);
    ck_assert_uint_eq(strlen(m.text), sizeof m.text - 1);
}
END_TEST

START_TEST(appending)
{
    char text[8] = "#######";
    size_t used = 0;
    e3tp_append(text, 6, &used, "ab%c", 'c');
    ck_assert_str_eq(text, "abc");
    e3tp_append(text, 6, &used, "defgh");
    ck_assert_str_eq(text, "abcde");
    ck_assert_uint_eq(used, 8);
    e3tp_append(text, 6, &used, "i");
    ck_assert_uint_eq(used, 9);
    ck_assert_str_eq(text, "abcde");
    ck_assert(text[6] == '#');
    used = 0;
    e3tp_append(NULL, 0, &used, "%d", 12345);
    ck_assert_uint_eq(used, 5);
}
END_TEST

START_TEST(tiers)
{
    ck_assert(e3tp_tier_compiled(E3TP_TIER_GENERIC_) && e3tp_tier_usable(E3TP_TIER_GENERIC_));
    ck_assert(e3tp_tier_usable(e3tp_tier_best()));
    const double speed[E3TP_TIER_COUNT] = {1, 4, 10, 1};
    const double most = e3tp_tier_speed(speed, E3TP_TIER_AVX512_); /* less where halves are split */
    ck_assert(e3tp_tier_speed(speed, E3TP_TIER_GENERIC_) == 1);
    ck_assert(e3tp_tier_speed(speed, E3TP_TIER_AVX2_) == 4);
    ck_assert(most == 10 || (most > 4 && most < 6));
    for (int t = 0; t < E3TP_TIER_COUNT; t++) {
        const char *name = e3tp_tier_name((e3tp_tier)t);
        ck_assert_int_eq(e3tp_tier_find(name), t);
        ck_assert(e3tp_tier_compiled((e3tp_tier)t) || !e3tp_tier_usable((e3tp_tier)t));
        ck_assert_str_eq(e3tp_isa_name((e3tp_isa)(t + 1)), name);
    }
    static const int outside[] = {-1, E3TP_TIER_COUNT, 99};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        ck_assert_ptr_null(e3tp_tier_name((e3tp_tier)outside[i]));
        ck_assert(!e3tp_tier_compiled((e3tp_tier)outside[i]));
        ck_assert(!e3tp_tier_usable((e3tp_tier)outside[i]));
    }
    ck_assert_int_eq(e3tp_tier_find("AVX2"), -1);
    ck_assert_int_eq(e3tp_tier_find(""), -1);
    ck_assert_int_eq(e3tp_tier_find(NULL), -1);
}
END_TEST

/* E3TP_ISA takes part where the descriptor says AUTO; empty is not set. */
START_TEST(tier_of_the_environment)
{
    for (int t = -1; t < E3TP_TIER_COUNT; t++) {
        if (t >= 0 && !e3tp_tier_usable((e3tp_tier)t))
            continue;
        const e3tp_tier wanted = t < 0 ? e3tp_tier_best() : (e3tp_tier)t;
        e3tp_desc *d;
        e3tp_plan *p;
        setenv("E3TP_ISA", t < 0 ? "" : e3tp_tier_name((e3tp_tier)t), 1);
        ck_assert_int_eq(e3tp_desc_create(&d, E3TP_OP_GAUNT), E3TP_OK);
        ck_assert_int_eq(e3tp_plan_create(&p, d), E3TP_OK);
        ck_assert_str_eq(e3tp_plan_isa(p), e3tp_tier_name(wanted));
        e3tp_plan_destroy(p);
        e3tp_desc_destroy(d);
    }
}
END_TEST

START_TEST(what_was_built)
{
    char text[600];
    ck_assert_uint_lt(e3tp_build_info(text, sizeof text), sizeof text);
    ck_assert_ptr_nonnull(strstr(text, E3TP_HAVE_OPENMP ? "OpenMP yes" : "OpenMP no"));
    for (int t = 0; t < E3TP_TIER_COUNT; t++)
        if (e3tp_tier_compiled((e3tp_tier)t))
            ck_assert_ptr_nonnull(strstr(text, e3tp_tier_name((e3tp_tier)t)));
}
END_TEST

/* ---- parallel loops ---- */

enum { ITEMS = 100 };
typedef struct loop {
    atomic_int seen[ITEMS];
    const e3tp_parallel *p;
    int nested; /* workers that a call inside would get */
} loop;

static void body(void *ctx, size_t i)
{
    loop *l = ctx;
    atomic_fetch_add(&l->seen[i], 1);
    if (i == 0)
        l->nested = e3tp_parallel_workers(l->p, ITEMS);
}

/* Runs n items and checks that each came once; returns what a nested call would have got. */
static int run(const e3tp_parallel *p, size_t n)
{
    loop l = {.p = p};
    e3tp_parallel_run(p, n, body, &l);
    for (size_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(atomic_load(&l.seen[i]), i < n);
    return l.nested;
}

START_TEST(serial_loops)
{
    const e3tp_parallel one = {1, NULL, NULL}, four = {4, NULL, NULL};
    ck_assert_int_eq(e3tp_parallel_workers(NULL, 10), 1);
    ck_assert_int_eq(e3tp_parallel_workers(&one, 10), 1);
    ck_assert_int_eq(e3tp_parallel_workers(&four, 0), 1);
    ck_assert_int_eq(e3tp_parallel_workers(&four, 1), 1);
    run(&one, ITEMS);
    run(&four, 0);
    run(&four, 1);
}
END_TEST

START_TEST(threads)
{
    const e3tp_parallel four = {4, NULL, NULL};
#if E3TP_HAVE_OPENMP
    omp_set_num_threads(6);
    ck_assert_int_eq(e3tp_parallel_max(), 6);
    ck_assert_int_eq(e3tp_parallel_workers(&four, 10), 4);
    ck_assert_int_eq(e3tp_parallel_workers(&four, 3), 3);
    ck_assert_int_eq(run(&four, ITEMS), 1); /* inside a parallel region */
    omp_set_num_threads(2);                 /* after the plan was made */
    ck_assert_int_eq(e3tp_parallel_workers(&four, 10), 2);
    run(&four, ITEMS);
    omp_set_num_threads(1);
    ck_assert_int_eq(e3tp_parallel_workers(&four, 10), 1);
    omp_set_num_threads(4);
#else
    ck_assert_int_eq(e3tp_parallel_max(), 1);
    ck_assert_int_eq(e3tp_parallel_workers(&four, 10), 1);
    run(&four, ITEMS);
#endif
}
END_TEST

static void backwards(size_t n, void (*inner)(void *, size_t), void *inner_ctx, void *ctx)
{
    *(size_t *)ctx += n;
    while (n--)
        inner(inner_ctx, n);
}

START_TEST(loop_of_the_host)
{
    size_t items = 0;
    const e3tp_parallel host = {4, backwards, &items};
    ck_assert_int_eq(e3tp_parallel_workers(&host, 10), 4); /* OpenMP has no part in it */
    run(&host, 4);
    ck_assert_uint_eq(items, 4);
    run(&host, 1); /* one item needs no loop */
    ck_assert_uint_eq(items, 4);
}
END_TEST

/* After the parent has used threads, a child must neither hang nor start any. */
START_TEST(forked_child)
{
    const e3tp_parallel four = {4, NULL, NULL};
    size_t items = 0;
    const e3tp_parallel host = {4, backwards, &items};
    run(&four, ITEMS);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        loop l = {.p = &four};
        const bool serial = e3tp_cpu_forked() && e3tp_parallel_workers(&four, 10) == 1;
        e3tp_parallel_run(&four, ITEMS, body, &l);
        _exit(serial && e3tp_parallel_workers(&host, 10) == 4 && e3tp_tier_usable(e3tp_tier_best())
                  ? 0
                  : 1);
    }
    ck_assert_int_gt(child, 0);
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert(!e3tp_cpu_forked());
}
END_TEST

int main(void)
{
    Suite *s = suite_create("core");
    TCase *t = tcase_create("core");
    suite_add_tcase(s, t);
    tcase_add_test(t, checked_sizes);
    tcase_add_test(t, overlapping);
    tcase_add_test(t, memory);
    tcase_add_test(t, memory_that_is_not_there);
    tcase_add_test(t, messages);
    tcase_add_test(t, appending);
    tcase_add_test(t, tiers);
    tcase_add_test(t, tier_of_the_environment);
    tcase_add_test(t, what_was_built);
    tcase_add_test(t, serial_loops);
    tcase_add_test(t, threads);
    tcase_add_test(t, loop_of_the_host);
    tcase_add_test(t, forked_child);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK); /* a forked child is serial by design */
    srunner_run_all(r, CK_NORMAL);
    const int good = srunner_ntests_failed(r) == 0 && srunner_ntests_run(r) == 13;
    srunner_free(r);
    return !good;
}
