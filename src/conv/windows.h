/* SPDX-License-Identifier: MIT */
/* The walk over windows of edges, for results that are not receivers': workers take pieces of a
   window. A row of the gradient of a sender, or of an operand of many types, is kept for each edge
   of the window and then added to the senders or types, in the order of places; what a table gets
   likewise, strip by strip of the window; sums over few types, and shared ones, go to leaves that
   are added at the end. What a piece, a strip, a sender, a type or a leaf gets is in an order that
   graph, plan and types alone fix. */
#ifndef E3TP_CONV_WINDOWS_H
#define E3TP_CONV_WINDOWS_H

#include "conv/segment.h"

/* Memory for so many workers, and the walk in it. */
size_t e3tp_windows_bytes(const e3tp_sweep *s, size_t workers);
void e3tp_windows_run(const e3tp_sweep *s, size_t workers, char *memory);

#endif
