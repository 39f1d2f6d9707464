/* SPDX-License-Identifier: MIT */
/* Direct sparse contraction; serves every operation. README.md: formula, layout, cost. */
#ifndef E3TP_CG_H
#define E3TP_CG_H

#include "problem/backend.h"

extern const e3tp_backend e3tp_backend_cg;

#endif
