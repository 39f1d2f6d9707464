/* SPDX-License-Identifier: MIT */
/* What the tests of small plans share, those made of a record that may go afterwards: harmonics,
   grids, radial functions, splines. */
#ifndef E3TP_TESTS_PLAN_CHECKS_H
#define E3TP_TESTS_PLAN_CHECKS_H

#include "suite.h"

/* For e3tp_<name>, of which start() gives a good record:

     refuse(d, status, word)  creation fails with a sentence that has the word
     plan_of(d)               succeeds, without one
     refuse_everywhere()      NULLs, a tier that is not here, an E3TP_ISA that is unknown */
#define PLAN_CHECKS(name, start)                                                             \
    static void refuse(const e3tp_##name##_desc *d, e3tp_status s, const char *word)         \
    {                                                                                        \
        char text[400];                                                                      \
        e3tp_##name *p = (e3tp_##name *)(void *)text;                                        \
        ck_assert_int_eq(e3tp_##name##_create(&p, d, text, sizeof text), s);                 \
        ck_assert_ptr_null(p);                                                               \
        ck_assert_msg(strstr(text, word), "\"%s\" lacks \"%s\"", text, word);                \
    }                                                                                        \
    static e3tp_##name *plan_of(const e3tp_##name##_desc *d)                                 \
    {                                                                                        \
        e3tp_##name *p;                                                                      \
        char text[400] = "x";                                                                \
        const e3tp_status s = e3tp_##name##_create(&p, d, text, sizeof text);                \
        ck_assert_msg(s == E3TP_OK && !*text, "%s", text);                                   \
        return p;                                                                            \
    }                                                                                        \
    static void refuse_everywhere(void)                                                      \
    {                                                                                        \
        char text[100];                                                                      \
        e3tp_##name##_desc d = start();                                                      \
        refuse(NULL, E3TP_E_INVALID, "NULL");                                                \
        ck_assert_int_eq(e3tp_##name##_create(NULL, &d, text, sizeof text), E3TP_E_INVALID); \
        ck_assert_ptr_nonnull(strstr(text, "NULL"));                                         \
        ck_assert_int_eq(e3tp_##name##_create(NULL, &d, NULL, 0), E3TP_E_INVALID);           \
        if (!e3tp_isa_usable(E3TP_ISA_NEON)) {                                               \
            d.isa = E3TP_ISA_NEON;                                                           \
            refuse(&d, E3TP_E_UNSUPPORTED, "neon");                                          \
        }                                                                                    \
        setenv("E3TP_ISA", "mmx", 1);                                                        \
        d.isa = E3TP_ISA_AUTO;                                                               \
        refuse(&d, E3TP_E_UNSUPPORTED, "mmx");                                               \
        unsetenv("E3TP_ISA");                                                                \
    }

/* start() with one field that does not fit. */
#define REFUSED_BY(name, start, field, value, word) \
    do {                                            \
        e3tp_##name##_desc d = start();             \
        d.field = value;                            \
        refuse(&d, E3TP_E_INVALID, word);           \
    } while (0)

#endif
