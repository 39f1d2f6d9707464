/* SPDX-License-Identifier: MIT */
/* Memory between two pages that fault: a read or write past its ends stops the test. What lies
   between an operand and the pages carries a mark, so that a stray write shows. */
#ifndef E3TP_TESTS_GUARD_H
#define E3TP_TESTS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct guard_area {
    unsigned char *base; /* first byte that may be touched */
    size_t bytes;        /* whole pages */
} guard_area;

typedef enum guard_side {
    GUARD_BEFORE = 0, /* the faulting page stands directly before the operand */
    GUARD_AFTER = 1   /* directly after */
} guard_side;

/* Every byte of the mark: a NaN in both element types. */
enum { GUARD_MARK = 0xff };

/* An area with room for `bytes`; exits the program where the system gives none. */
guard_area guard_create(size_t bytes);
void guard_destroy(guard_area *a);

/* An operand of n bytes, `offset` bytes away from the page on that side; marks it and its
   neighbourhood. */
unsigned char *guard_place(const guard_area *a, size_t n, guard_side side, size_t offset);
/* Whether the neighbourhood of the operand still carries the mark. */
bool guard_intact(const guard_area *a, const unsigned char *operand, size_t n);
/* Closes the operand's neighbourhood to writes, which then fault, or opens it again. */
void guard_read_only(const guard_area *a, const unsigned char *operand, size_t n, bool on);

#endif
