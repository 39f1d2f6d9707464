/* SPDX-License-Identifier: MIT */
/* Irreps of O(3), coupling coefficients, rotations and scalar spherical harmonics: exact, small,
   not fast.

   Everything here agrees with e3nn: polar axis y, azimuth from z towards x, order m = -l..l, so
   that the l = 1 block is (x, y, z) (docs/conventions.md). An index of a degree l runs 0..2l and is
   l + m. All arrays are dense, row-major, in double. Every function is re-entrant, allocates
   nothing and keeps no state. Degrees up to E3TP_SO3_LMAX are served; larger ones give
   E3TP_E_UNSUPPORTED. A function that fails leaves its outputs as they were, except where it says
   otherwise. */
#ifndef E3TP_SO3_H
#define E3TP_SO3_H

#include "base.h"

E3TP_BEGIN_DECLS

/* Largest degree of the coefficients, rotations and harmonics below: twice the degree 24 that the
   exactness tests cover, so that every product of two such degrees has its coefficients. */
#define E3TP_SO3_LMAX 48

/* mul copies of the irrep of degree l and parity +1 ("e") or -1 ("o"): mul * (2l+1) numbers. mul
 * may be 0. */
typedef struct e3tp_irrep {
    uint32_t mul;
    uint16_t l;
    int8_t parity;
} e3tp_irrep;

/* Sign convention of the coupling coefficients. They differ for half of the triples whose l1+l2+l3
 * is odd. */
typedef enum e3tp_sign {
    E3TP_SIGN_E3NN = 0,    /* e3nn >= 0.5, e3nn-jax, cuEquivariance */
    E3TP_SIGN_E3NN_044 = 1 /* e3nn <= 0.4.4 (MACE pins it); degrees up to 11 */
} e3tp_sign;

/* Scale of the spherical harmonics on the unit sphere. */
typedef enum e3tp_sh_norm {
    E3TP_SH_INTEGRAL = 0,  /* the integral of Y_m^2 over the sphere is 1 */
    E3TP_SH_COMPONENT = 1, /* sum over m of Y_m^2 is 2l+1 */
    E3TP_SH_NORM = 2       /* sum over m of Y_m^2 is 1 */
} e3tp_sh_norm;

/* ---- Irreps ---- */

/* Read e3nn's notation:

     irreps := "" | term ("+" term)*     term := [mul "x"] l parity     parity := e | o | y

   with decimal mul >= 0 (default 1) and l >= 0; y means parity (-1)^l; leading zeros and ASCII
   white space around every token are allowed; "x" and parities are lower case. Zero multiplicities
   are kept.

     out    [cap] the terms in order, or NULL to count only (cap is then ignored)
     count  the number of terms of `text`, whatever cap is; 0 where text is invalid

   Statuses: INVALID for NULL text or count and for text outside the grammar; UNSUPPORTED where
   l > 65535 or mul > 2^32-1; SHAPE where out is given and count > cap (the first cap terms are then
   written). After INVALID or UNSUPPORTED the content of out is unspecified. */
E3TP_API e3tp_status e3tp_irreps_parse(const char *text, e3tp_irrep *out, size_t cap,
                                       size_t *count);

/* Write s [n] as e3nn prints it, "1x0e+2x1o"; n = 0 gives "". snprintf's rules: at most cap bytes
   including the final 0 are written (buf may be NULL where cap is 0); returns the length of the
   whole text without 0. */
E3TP_API size_t e3tp_irreps_format(const e3tp_irrep *s, size_t n, char *buf, size_t cap);

/* Sum of mul * (2l+1) over s [n]; SIZE_MAX where that exceeds SIZE_MAX. */
E3TP_API size_t e3tp_irreps_dim(const e3tp_irrep *s, size_t n);

/* Stable sort by e3nn's key (l, parity): 0o < 0e < 1o < 1e < ...
     in, out  [n]; out may not overlap in
     p, inv   [n] or NULL: p[old] = new, inv[new] = old
   Statuses: INVALID for NULL in or out with n > 0. Time grows as n^2 where the list is far from
   sorted. */
E3TP_API e3tp_status e3tp_irreps_sort(const e3tp_irrep *in, size_t n, e3tp_irrep *out, size_t *p,
                                      size_t *inv);

/* Drop terms of multiplicity 0 and merge adjacent equal irreps, as e3nn does (no sorting). out [n]
   may be in. Terms whose merged multiplicity would exceed 2^32-1 stay apart. Returns the new number
   of terms. */
E3TP_API size_t e3tp_irreps_simplify(const e3tp_irrep *in, size_t n, e3tp_irrep *out);

/* ---- Coupling coefficients ---- */

/* e3nn's wigner_3j: the real invariant tensor W of unit Frobenius norm,

     out  [2l1+1][2l2+1][2l3+1]

     W[a,b,c] = i^L sum q[m1,a] q[m2,b] q[m3,c] (l1 l2 l3; m1 m2 m3),     L = l1+l2+l3

   with q the complex-to-real change of basis. The Racah sum is done in integers, so zeros are exact
   and values are off by 1e-16 at most. Statuses: INVALID for NULL out, a negative degree, degrees
   outside the triangle |l1-l2| <= l3 <= l1+l2, an unknown sign, or the old sign with a degree above
   11; UNSUPPORTED above E3TP_SO3_LMAX. */
E3TP_API e3tp_status e3tp_wigner_3j(int l1, int l2, int l3, e3tp_sign sign, double *out);

/* Wigner's 6j symbol {j1 j2 j3; j4 j5 j6} of integers; exactly 0 where a triangle (123), (156),
   (426), (453) fails and where the symbol vanishes by accident. Relative error at most 3 eps.
   Statuses: INVALID for NULL out or a negative j; UNSUPPORTED above E3TP_SO3_LMAX. */
E3TP_API e3tp_status e3tp_wigner_6j(int j1, int j2, int j3, int j4, int j5, int j6, double *out);

/* Strength of the path (l1, l2, l3) in the product of two functions on the sphere, and in their
   Poisson bracket {A, B} = r.(grad A x grad B): for orthonormal real harmonics

     integral Y1 Y2 Y3   = gaunt_strength * W        (l1+l2+l3 even, else 0)
     integral {Y1,Y2} Y3 = bracket_strength * W      (l1+l2+l3 odd, else 0)

   with W = e3tp_wigner_3j in the E3TP_SIGN_E3NN convention. Never negative; 0 outside the triangle
   and for negative degrees; symmetric in the arguments, but for rounding. Degrees up to 256; NaN
   above. */
E3TP_API double e3tp_gaunt_strength(int l1, int l2, int l3);
E3TP_API double e3tp_bracket_strength(int l1, int l2, int l3);

/* ---- Rotations ---- */

/* Wigner D of the rotation R = R_y(alpha) R_x(beta) R_y(gamma): gamma first, active, radians, any
   real.

     out  [2l+1][2l+1], Y(R x) = out Y(x); for l = 1 out is R itself

   out = Z(alpha) J Z(beta) J Z(gamma), J the image of the axis swap (x,y,z) -> (-y,-x,z).
   Orthogonal to about (l+1) eps. Statuses: INVALID for NULL out or negative l; UNSUPPORTED above
   E3TP_SO3_LMAX. */
E3TP_API e3tp_status e3tp_wigner_D(int l, double alpha, double beta, double gamma, double *out);

/* D of an orthogonal matrix, on the irrep of degree l and the given parity:
     R    [3][3], v' = R v; det R = -1 gives parity * D(-R)
     out  [2l+1][2l+1]; out = R for (l, parity) = (1, -1)
   Built by coupling, D^l = (2l+1) W (D^(l-1) x R) W^T with W = W(l, l-1, 1): a polynomial of degree
   l in R, no angles, so full accuracy near the identity and at half turns. R is used as it comes: a
   deviation d of R from orthogonality gives one of about l*d in out. Statuses: INVALID for NULL,
   negative l, a parity other than +1 or -1, or an R with an entry of R R^T - 1 above 1e-6 (NaN
   included); UNSUPPORTED above E3TP_SO3_LMAX. */
E3TP_API e3tp_status e3tp_wigner_D_from_matrix(int l, int parity, const double R[9], double *out);

/* ---- Spherical harmonics, scalar reference ---- */

/* Real spherical harmonics and their first derivatives.
     ls      [nls] degrees in any order, repeats allowed; dim = sum of 2l+1
     xyz     [n][3]
     values  [n][dim], or NULL where not wanted
     grad    [n][3][dim], d values / d (x, y, z), or NULL where not wanted
   normalize = 0: homogeneous polynomials of degree l in (x, y, z), as e3nn's normalize=False.
   normalize = 1: the polynomials of x / |x|; grad is that of the normalised form. Only an exactly
   zero vector counts as the origin; one of any other length, 1e-300 and 1e300 included, has its
   true direction. At the origin: the values of normalize = 0 (the constant for l = 0, else 0); grad
   is the polynomial's for normalize = 0 and 0 for normalize = 1. Poles and axes are ordinary
   points. NaN and Inf in xyz flow through. Error at most 2 (l+1) eps |Y_l| r^l, |Y_l| the norm over
   m. Statuses: INVALID for a NULL array that is needed, a negative degree, an unknown norm, or
   another normalize; UNSUPPORTED above E3TP_SO3_LMAX. n = 0 and nls = 0 are legal. */
E3TP_API e3tp_status e3tp_sh_eval(const int *ls, size_t nls, int normalize, e3tp_sh_norm norm,
                                  const double *xyz, size_t n, double *values, double *grad);

/* ---- Quadrature on the sphere ---- */

/* Largest degree of e3tp_lebedev. */
#define E3TP_LEBEDEV_DEGREE 47

/* Lebedev's rules: points on the sphere that the 48 symmetries of the octahedron map onto each
   other, to the bit; two thirds as many as a product of Gauss-Legendre and equal steps takes. The
   smallest that gives the mean over the sphere of every polynomial in (x, y, z) to `degree`:

     degree  3  5  7  9 11 13* 15  17  19  21  23  25*  27*  29  31  35  41  47
     points  6 14 26 38 50 74  86 110 146 170 194 230  266  302 350 434 590 770

   and for a degree between them the next one. Some weights of the rules marked * are negative; A,
   the sum of |w|, is 1.47, 1.29 and 1.08 for these, else 1.

     count  points; 0 for a degree that is negative or above E3TP_LEBEDEV_DEGREE
     xyz    [count][3] unit vectors, or NULL where not wanted; those that differ by signs together
     w      [count] weights, sum 1, or NULL where not wanted

   Each number is the double nearest to the exact one, so that the mean of a harmonic of degree l is
   off by (l+1) eps A |Y_l| at most, |Y_l| the norm over m, and by what summing adds. Two functions
   to degrees l1 and l2 and a harmonic of degree l3 take degree l1 + l2 + l3. Statuses: INVALID for
   a negative degree; UNSUPPORTED above E3TP_LEBEDEV_DEGREE. Source: V. I. Lebedev, Zh. Vychisl.
   Mat. Mat. Fiz. 15 (1975) 48 and 16 (1976) 293, V. I. Lebedev, D. N. Laikov, Dokl. Math. 59 (1999)
   477: a weight for each orbit of the group, from the means of the polynomials that it leaves as
   they are; the numbers are computed by tools/gen_lebedev.py. */
E3TP_API size_t e3tp_lebedev_count(int degree);
E3TP_API e3tp_status e3tp_lebedev(int degree, double *xyz, double *w);

E3TP_END_DECLS

#endif
