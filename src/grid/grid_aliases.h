/* SPDX-License-Identifier: MIT */
/* What a grid smaller than the least exact one does to the results of a product. */
#ifndef E3TP_GRID_ALIASES_H
#define E3TP_GRID_ALIASES_H

#include "grid/grid_shape.h"

/* A line with the least exact grid and the blocks of z that are not exact on this one; nothing for
   an exact grid. */
void e3tp_grid_describe_aliases(const e3tp_grid_shape *s, const e3tp_problem *p, char *buf,
                                size_t cap, size_t *used);

#endif
