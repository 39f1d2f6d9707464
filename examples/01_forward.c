/* SPDX-License-Identifier: MIT */
/* A message on two edges: the channels of 4x0e+4x1o by harmonics to l = 1, weights per edge. */
#include <e3tp/e3tp.h>
#include <stdio.h>

int main(void)
{
    e3tp_desc *desc;
    e3tp_plan *plan;
    e3tp_desc_create(&desc, E3TP_OP_TENSOR_PRODUCT);
    e3tp_desc_set_irreps_text(desc, E3TP_X, "4x0e+4x1o");
    e3tp_desc_set_irreps_text(desc, E3TP_Y, "0e+1o");
    e3tp_desc_set_irreps_text(desc, E3TP_Z, "4x0e+4x1o");
    for (uint32_t l = 0; l < 2; l++) { /* l x l -> 0e: a weight for each of the four channels */
        const e3tp_path path = e3tp_path_init(l, l, 0, E3TP_UVU, 1);
        e3tp_desc_add_path(desc, &path);
    }
    e3tp_desc_set_weights(desc, E3TP_WEIGHTS_ROW);
    if (e3tp_plan_create(&plan, desc) != E3TP_OK)
        return fprintf(stderr, "%s\n", e3tp_desc_message(desc)), 1;

    float x[2 * 16] = {1, 2, 3}, y[2 * 4] = {1, 0, 1, 0}, w[2 * 8] = {1, 1, 1}, z[2 * 16];
    e3tp_buffers b = e3tp_buffers_init(2); /* rows */
    b.x = x, b.y = y, b.w = w, b.z = z;
    if (e3tp_forward(plan, &b) == E3TP_OK)
        printf("z[0] = %g\n", z[0]);
    e3tp_plan_destroy(plan);
    e3tp_desc_destroy(desc);
    return 0;
}
