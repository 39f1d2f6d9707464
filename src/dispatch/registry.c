/* SPDX-License-Identifier: MIT */
/* The ordered table of backends: adding one is one line. */
#include "cg/cg.h"
#include "dispatch/dispatch.h"
#include "gaunt/gaunt.h"
#include "grid/grid.h"
#include "matrix/matrix.h"

const e3tp_backend *const e3tp_backends[] = {
    &e3tp_backend_grid,
    &e3tp_backend_gaunt,
    &e3tp_backend_matrix,
    &e3tp_backend_cg,
    NULL,
};

const e3tp_backend *e3tp_backend_of(e3tp_method method)
{
    for (size_t i = 0; e3tp_backends[i]; i++)
        if (e3tp_backends[i]->method == method)
            return e3tp_backends[i];
    return NULL;
}
