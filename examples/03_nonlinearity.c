/* SPDX-License-Identifier: MIT */
/* tanh of a function on the sphere to degree 3, by samples, and its gradient: on the grid that
   keeps the result equivariant to 1e-3. */
#include <e3tp/grid.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LMAX = 3, N = (LMAX + 1) * (LMAX + 1) };

static double phi(double x, void *ctx)
{
    (void)ctx;
    return tanh(x);
}

int main(void)
{
    const int degrees[LMAX + 1] = {0, 1, 2, 3};
    e3tp_s2grid_desc d = e3tp_s2grid_desc_init(degrees, LMAX + 1);
    e3tp_s2grid *grid;
    double error;
    char why[400];
    d.dtype = E3TP_F64;
    if (e3tp_s2grid_size_pointwise(phi, NULL, 1.0, LMAX, LMAX, d.quadrature, 1e-3, &d.n_theta,
                                   &d.n_phi, &error) != E3TP_OK)
        return 1;
    if (e3tp_s2grid_create(&grid, &d, why, sizeof why) != E3TP_OK)
        return fprintf(stderr, "%s\n", why), 1;

    const size_t samples = e3tp_s2grid_samples(grid);
    double x[N] = {0.5, 1, -1, 2}, z[N], gz[N] = {1}, gx[N];
    double *f = malloc(2 * samples * sizeof *f), *gf = f + samples;
    if (!f)
        return 1;
    e3tp_s2grid_to(grid, 1, x, f, NULL);
    for (size_t i = 0; i < samples; i++)
        f[i] = tanh(f[i]);
    e3tp_s2grid_from(grid, 1, f, z, NULL);

    e3tp_s2grid_from_backward(grid, 1, gz, gf, NULL);
    for (size_t i = 0; i < samples; i++)
        gf[i] *= 1 - f[i] * f[i];
    e3tp_s2grid_to_backward(grid, 1, gf, gx, NULL);
    printf("%d x %d samples, error %.1e: z[0] = %.6f, d z[0] / d x[1] = %.6f\n", d.n_theta, d.n_phi,
           error, z[0], gx[1]);
    free(f);
    e3tp_s2grid_destroy(grid);
    return 0;
}
