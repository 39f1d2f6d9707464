/* SPDX-License-Identifier: MIT */
/* A status together with the sentence that explains it. */
#ifndef E3TP_CORE_STATUS_H
#define E3TP_CORE_STATUS_H

#include "e3tp/base.h"

typedef struct e3tp_message {
    char text[400];
} e3tp_message;

/* Formats the sentence into m (may be NULL) and returns s: `return e3tp_fail(m, E3TP_E_SHAPE,
 * "...", ...)`. */
e3tp_status e3tp_fail(e3tp_message *m, e3tp_status s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends formatted text at *used within cap (snprintf rules: *used grows even when nothing fits).
 */
void e3tp_append(char *buf, size_t cap, size_t *used, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The sentence to the caller's msg: snprintf rules, may be NULL. */
void e3tp_message_copy(const e3tp_message *m, char *msg, size_t cap);

#define E3TP_TRY(expr)                         \
    do {                                       \
        const e3tp_status try_status = (expr); \
        if (try_status != E3TP_OK)             \
            return try_status;                 \
    } while (0)

#endif
