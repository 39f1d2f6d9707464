/* SPDX-License-Identifier: MIT */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

e3tp_status e3tp_fail(e3tp_message *m, e3tp_status s, const char *fmt, ...)
{
    if (m) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(m->text, sizeof m->text, fmt, args);
        va_end(args);
    }
    return s;
}

void e3tp_append(char *buf, size_t cap, size_t *used, const char *fmt, ...)
{
    const size_t room = buf && *used < cap ? cap - *used : 0;
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(room ? buf + *used : NULL, room, fmt, args);
    va_end(args);
    if (n > 0)
        *used += (size_t)n;
}

void e3tp_message_copy(const e3tp_message *m, char *msg, size_t cap)
{
    size_t used = 0;
    e3tp_append(msg, msg ? cap : 0, &used, "%s", m->text);
}
