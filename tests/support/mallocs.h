/* SPDX-License-Identifier: MIT */
/* How often the program and its libraries take memory of the C library, and how that fails: on
   glibc without a sanitizer; else no count, and no failure. For one file of a program: it defines
   malloc.
 */
#ifndef E3TP_TESTS_MALLOCS_H
#define E3TP_TESTS_MALLOCS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__has_feature)
#define MALLOCS_FEATURE(f) __has_feature(f)
#else
#define MALLOCS_FEATURE(f) 0
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !MALLOCS_FEATURE(address_sanitizer) && !MALLOCS_FEATURE(thread_sanitizer)
#define MALLOCS_COUNTED 1

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void *memalign(size_t, size_t);

static atomic_long mallocs, mallocs_refused_from = -1;

/* Counts one; whether it may have memory. */
static int count_malloc(void)
{
    const long from = atomic_load(&mallocs_refused_from), n = atomic_fetch_add(&mallocs, 1);
    return from < 0 || n < from;
}

void *malloc(size_t n)
{
    return count_malloc() ? __libc_malloc(n) : NULL;
}

void *calloc(size_t n, size_t size)
{
    return count_malloc() ? __libc_calloc(n, size) : NULL;
}

void *realloc(void *block, size_t n)
{
    return count_malloc() ? __libc_realloc(block, n) : NULL;
}

void *memalign(size_t alignment, size_t n)
{
    return count_malloc() ? __libc_memalign(alignment, n) : NULL;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **block, size_t alignment, size_t n)
{
    *block = memalign(alignment, n);
    return *block ? 0 : ENOMEM;
}

static inline long mallocs_so_far(void)
{
    return atomic_load(&mallocs);
}

/* All fail after n more; n < 0: none does. */
static inline void refuse_mallocs_after(long n)
{
    atomic_store(&mallocs_refused_from, n < 0 ? -1 : mallocs_so_far() + n);
}

#else
#define MALLOCS_COUNTED 0

static inline long mallocs_so_far(void)
{
    return 0;
}

static inline void refuse_mallocs_after(long n)
{
    (void)n;
}

#endif

#endif
