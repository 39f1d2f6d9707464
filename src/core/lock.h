/* SPDX-License-Identifier: MIT */
/* The host's lock around FFTW's planner. */
#ifndef E3TP_CORE_LOCK_H
#define E3TP_CORE_LOCK_H

/* lock NULL: the library's own mutex. */
typedef struct e3tp_planner_lock {
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    void *ctx;
} e3tp_planner_lock;

#endif
