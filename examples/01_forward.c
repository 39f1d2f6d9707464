/* SPDX-License-Identifier: MIT */
/* The product of a MACE layer on two edges: 4x0e+4x1o by harmonics to l = 1, weights per edge and
 * channel. */
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
    e3tp_path paths[3] = {e3tp_path_init(0, 0, 0, E3TP_UVU, 1),
                          e3tp_path_init(0, 1, 1, E3TP_UVU, 1),
                          e3tp_path_init(1, 1, 0, E3TP_UVU, 1)};
    for (int i = 0; i < 3; i++)
        e3tp_desc_add_path(desc, &paths[i]);
    e3tp_desc_set_weights(desc, E3TP_WEIGHTS_ROW);
    if (e3tp_plan_create(&plan, desc) != E3TP_OK)
        return fprintf(stderr, "%s\n", e3tp_desc_message(desc)), 1;

    float x[2 * 16] = {1, 2, 3}, y[2 * 4] = {1, 0, 1, 0}, w[2 * 12] = {1, 1, 1}, z[2 * 16];
    e3tp_buffers b = e3tp_buffers_init(2);
    b.x = x, b.y = y, b.w = w, b.z = z;
    if (e3tp_forward(plan, &b) != E3TP_OK)
        return 1;
    printf("z[0] = %g\n", z[0]);
    e3tp_plan_destroy(plan);
    e3tp_desc_destroy(desc);
    return 0;
}
