/* SPDX-License-Identifier: MIT */
/* Areas from mmap with their first and last page closed. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Beyond a vector tile on each side. */
enum { NEIGHBOURHOOD = 256 };

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(99); /* meson's ERROR */
    }
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

guard_area guard_create(size_t bytes)
{
    const size_t page = page_size(), inner = (bytes + page) / page * page;
    unsigned char *raw =
        mmap(NULL, inner + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(raw != MAP_FAILED, "mmap");
    must(mprotect(raw, page, PROT_NONE) == 0, "mprotect");
    must(mprotect(raw + page + inner, page, PROT_NONE) == 0, "mprotect");
    return (guard_area){raw + page, inner};
}

void guard_destroy(guard_area *a)
{
    const size_t page = page_size();
    munmap(a->base - page, a->bytes + 2 * page);
    *a = (guard_area){NULL, 0};
}

/* The part of the area that belongs to an operand's neighbourhood. */
static unsigned char *near_start(const guard_area *a, const unsigned char *operand)
{
    const size_t before = (size_t)(operand - a->base);
    return a->base + (before > NEIGHBOURHOOD ? before - NEIGHBOURHOOD : 0);
}

static unsigned char *near_end(const guard_area *a, const unsigned char *operand, size_t n)
{
    const size_t end = (size_t)(operand - a->base) + n;
    return a->base + (a->bytes - end > NEIGHBOURHOOD ? end + NEIGHBOURHOOD : a->bytes);
}

unsigned char *guard_place(const guard_area *a, size_t n, guard_side side, size_t offset)
{
    must(n + offset <= a->bytes, "guard_place: the area is too small");
    unsigned char *operand = a->base + (side == GUARD_BEFORE ? offset : a->bytes - n - offset);
    unsigned char *from = near_start(a, operand);
    memset(from, GUARD_MARK, (size_t)(near_end(a, operand, n) - from));
    return operand;
}

bool guard_intact(const guard_area *a, const unsigned char *operand, size_t n)
{
    bool intact = true;
    for (const unsigned char *p = near_start(a, operand); p < operand; p++)
        intact &= *p == GUARD_MARK;
    for (const unsigned char *p = operand + n; p < near_end(a, operand, n); p++)
        intact &= *p == GUARD_MARK;
    return intact;
}

void guard_read_only(const guard_area *a, const unsigned char *operand, size_t n, bool on)
{
    const size_t page = page_size();
    const size_t from = (size_t)(near_start(a, operand) - a->base) / page * page,
                 to = (size_t)(near_end(a, operand, n) - a->base);
    must(mprotect(a->base + from, to - from, on ? PROT_READ : PROT_READ | PROT_WRITE) == 0,
         "mprotect");
}
