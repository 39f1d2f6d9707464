/* SPDX-License-Identifier: MIT */
/* Products through samples on the sphere. README.md: formula, layout, cost. */
#ifndef E3TP_GRID_H
#define E3TP_GRID_H

#include "problem/backend.h"

extern const e3tp_backend e3tp_backend_grid;

#endif
