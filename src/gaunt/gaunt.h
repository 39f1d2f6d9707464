/* SPDX-License-Identifier: MIT */
/* The Gaunt product by 2-D Fourier series (arXiv 2401.10216). README.md: formula, layout, cost. */
#ifndef E3TP_GAUNT_H
#define E3TP_GAUNT_H

#include "problem/backend.h"

extern const e3tp_backend e3tp_backend_gaunt;

#endif
