/* SPDX-License-Identifier: MIT */
/* Plans of another form of their method than the estimate's. */
#ifndef E3TP_TESTS_FORMS_H
#define E3TP_TESTS_FORMS_H

#include <check.h>

#include "api/objects.h"

/* Whether there is such a form, which the plan then has. */
static inline bool take_form(e3tp_plan *p, unsigned form)
{
    const e3tp_backend *b = p->backend;
    const e3tp_candidate k = {.backend = b, .form = form};
    e3tp_message why;
    void *state;
    if (form >= b->forms || !b->form_name(p->problem, p->tier, form))
        return false;
    ck_assert_int_eq(e3tp_candidate_create(&k, &state, p->problem, p->tier, &p->allocator, &why),
                     E3TP_OK);
    b->destroy(p->state, &p->allocator);
    p->state = state;
    e3tp_plan_find_needs(p);
    return true;
}

#endif
