/* SPDX-License-Identifier: MIT */
/* How often the program and its libraries take memory of the C library: on glibc without a
   sanitizer; else no count. For one file of a program: it defines malloc. */
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

static atomic_long mallocs;

void *malloc(size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_calloc(n, size);
}

void *realloc(void *block, size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_realloc(block, n);
}

void *memalign(size_t alignment, size_t n)
{
    atomic_fetch_add(&mallocs, 1);
    return __libc_memalign(alignment, n);
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

#else
#define MALLOCS_COUNTED 0

static inline long mallocs_so_far(void)
{
    return 0;
}

#endif

#endif
