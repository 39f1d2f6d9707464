/* SPDX-License-Identifier: MIT */
/* Product of two functions on the sphere to degree 4, and its gradient. */
#include <e3tp/e3tp.h>
#include <stdio.h>

enum { N = 25 };

static int product(e3tp_method method)
{
    const int degrees[5] = {0, 1, 2, 3, 4};
    e3tp_desc *desc;
    e3tp_plan *plan;
    e3tp_desc_create(&desc, E3TP_OP_GAUNT);
    e3tp_desc_set_degrees(desc, E3TP_X, degrees, 5);
    e3tp_desc_set_degrees(desc, E3TP_Y, degrees, 5);
    e3tp_desc_set_degrees(desc, E3TP_Z, degrees, 5);
    e3tp_desc_set_dtype(desc, E3TP_F64);
    e3tp_desc_set_method(desc, method);
    if (e3tp_plan_create(&plan, desc) != E3TP_OK)
        return fprintf(stderr, "%s\n", e3tp_desc_message(desc)), 1;
    e3tp_desc_destroy(desc);

    double x[N], y[N], z[N], gz[N] = {1}, gx[N];
    for (int i = 0; i < N; i++)
        x[i] = 1.0 / (i + 1), y[i] = i % 3 - 1;
    e3tp_buffers b = e3tp_buffers_init(1);
    b.x = x, b.y = y, b.z = z, b.gz = gz, b.gx = gx;
    if (e3tp_forward(plan, &b) != E3TP_OK || e3tp_backward(plan, &b) != E3TP_OK)
        return 1;
    printf("%-5s z[0] = %.12f, d z[0] / d x[1] = %.12f\n", e3tp_plan_method(plan), z[0], gx[1]);
    e3tp_plan_destroy(plan);
    return 0;
}

int main(void)
{
    return product(E3TP_METHOD_AUTO);
}
