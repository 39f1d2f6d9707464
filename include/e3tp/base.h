/* SPDX-License-Identifier: MIT */
/* What every public header shares: export macro, status codes, element types. */
#ifndef E3TP_BASE_H
#define E3TP_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define E3TP_API __attribute__((visibility("default")))
#else
#define E3TP_API
#endif

#ifdef __cplusplus
#define E3TP_BEGIN_DECLS extern "C" {
#define E3TP_END_DECLS }
#else
#define E3TP_BEGIN_DECLS
#define E3TP_END_DECLS
#endif

/* Result of every call that can fail. Values are frozen; new ones are appended. */
typedef enum e3tp_status {
    E3TP_OK = 0,
    E3TP_E_INVALID = 1,     /* an argument is outside its documented range */
    E3TP_E_UNSUPPORTED = 2, /* legal, but not built, not usable here, or not served by the method */
    E3TP_E_NOMEM = 3,       /* an allocation failed */
    E3TP_E_SHAPE = 4,       /* irreps, paths and buffers do not fit together */
    E3TP_E_STATE = 5,       /* not possible in the object's present state */
    E3TP_E_INTERNAL = 99    /* a defect of the library */
} e3tp_status;

/* Element type of all arrays of a plan. */
typedef enum e3tp_dtype { E3TP_F32 = 0, E3TP_F64 = 1 } e3tp_dtype;

/* Memory hooks: alloc returns NULL on failure; any alignment will do; both get ctx. */
typedef void *(*e3tp_alloc_fn)(size_t bytes, void *ctx);
typedef void (*e3tp_free_fn)(void *block, void *ctx);

/* A host's parallel loop: call body(body_ctx, i) once for every i in 0..n-1, in any order, on any
   threads, and return when all have returned. */
typedef void (*e3tp_parallel_fn)(size_t n, void (*body)(void *body_ctx, size_t i), void *body_ctx,
                                 void *ctx);

#endif
