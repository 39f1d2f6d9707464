/* SPDX-License-Identifier: MIT */
/* e3tp: tensor products of irreps of O(3).

   Describe the problem (e3tp_desc), get a plan (e3tp_plan), execute it many times. Letters, here
   and in Python alike: x, y are the operands, w the weights, z the result; gz is a cotangent of z,
   and gx, gy, gw the gradients that it gives. `b` counts rows of a batch. All sizes are in elements
   unless they say bytes. Signs, normalisations, weight order: e3nn's (docs/conventions.md).

   Threads: a descriptor belongs to one thread at a time; a plan is frozen and may be executed by
   any number of threads at once; plans may be created in parallel. The library never prints, exits
   or aborts (E3TP_VERBOSE=1|2 in the environment prints plan lines to stderr). */
#ifndef E3TP_H
#define E3TP_H

#include "base.h"
#include "so3.h"
#include "version.h"

E3TP_BEGIN_DECLS

/* WHAT is computed. */
typedef enum e3tp_op {
    E3TP_OP_TENSOR_PRODUCT = 0, /* e3nn's TensorProduct: irreps, paths, weights */
    E3TP_OP_GAUNT = 1,      /* product of two functions on the sphere, projected to given degrees */
    E3TP_OP_BRACKET = 2,    /* their Poisson bracket r.(grad x x grad y) */
    E3TP_OP_COMPLETE = 3,   /* both: every coupling of degrees */
    E3TP_OP_MATRIX = 4,     /* product of two matrices that stand for them */
    E3TP_OP_CROSS = 5,      /* cross product of two vector fields on the sphere */
    E3TP_OP_DOT = 6,        /* their dot product, a function */
    E3TP_OP_GAUNT_POWER = 7 /* powers of one function on the sphere, projected to given degrees */
} e3tp_op;

/* HOW it is computed. AUTO chooses only among methods that compute the same map. */
typedef enum e3tp_method {
    E3TP_METHOD_AUTO = 0,
    E3TP_METHOD_CG = 1,    /* direct sparse contraction */
    E3TP_METHOD_GAUNT = 2, /* 2-D Fourier (arXiv 2401.10216) */
    E3TP_METHOD_GRID = 3,  /* samples on the sphere */
    E3TP_METHOD_MATRIX = 4 /* products of small matrices */
} e3tp_method;

/* Instruction set. AUTO obeys the environment variable E3TP_ISA, else takes the best usable. */
typedef enum e3tp_isa {
    E3TP_ISA_AUTO = 0,
    E3TP_ISA_GENERIC = 1,
    E3TP_ISA_AVX2 = 2,   /* AVX2 and FMA */
    E3TP_ISA_AVX512 = 3, /* AVX-512 F, BW, DQ, VL */
    E3TP_ISA_NEON = 4
} e3tp_isa;

typedef enum e3tp_pass {
    E3TP_FORWARD = 0,
    E3TP_BACKWARD = 1,
    E3TP_DOUBLE_BACKWARD = 2,
    E3TP_JVP = 3
} e3tp_pass;

typedef enum e3tp_operand { E3TP_X = 0, E3TP_Y = 1, E3TP_Z = 2, E3TP_W = 3 } e3tp_operand;

/* Order of elements in a row. A block is mul copies of an irrep of degree l; blocks follow one
   another.

   - MUL_IR      [block][u][m], e3nn's

   - IR_MUL      [block][m][u]

   - BATCH_LAST  [block][m][u][b]: the transpose of IR_MUL, the batch innermost */
typedef enum e3tp_layout { E3TP_MUL_IR = 0, E3TP_IR_MUL = 1, E3TP_BATCH_LAST = 2 } e3tp_layout;

/* e3nn's connection modes, with e3nn's weight shapes (docs/conventions.md). */
typedef enum e3tp_mode {
    E3TP_UVW = 0,
    E3TP_UVU = 1,
    E3TP_UVV = 2,
    E3TP_UUW = 3,
    E3TP_UUU = 4,
    E3TP_UVUV = 5,
    E3TP_UVU_LT_V = 6, /* uvu<v */
    E3TP_U_LT_VW = 7   /* u<vw */
} e3tp_mode;

typedef enum e3tp_irrep_norm {
    E3TP_NORM_COMPONENT = 0,
    E3TP_NORM_NORM = 1,
    E3TP_NORM_NONE = 2
} e3tp_irrep_norm;
typedef enum e3tp_path_norm {
    E3TP_PATH_ELEMENT = 0,
    E3TP_PATH_PATH = 1,
    E3TP_PATH_NONE = 2
} e3tp_path_norm;

/* Where weights come from: nowhere, one row for the batch, one row per row of the batch. With
   SHARED the gradient gw is one row, summed over the batch. */
typedef enum e3tp_weights {
    E3TP_WEIGHTS_NONE = 0,
    E3TP_WEIGHTS_SHARED = 1,
    E3TP_WEIGHTS_ROW = 2
} e3tp_weights;

/* What a weighted path has in a row of weights: e3nn's path shape, or one number for all. */
typedef enum e3tp_weight_shape {
    E3TP_WEIGHT_BY_CHANNEL = 0,
    E3TP_WEIGHT_BY_PATH = 1
} e3tp_weight_shape;

typedef enum e3tp_quadrature {
    E3TP_GAUSS_LEGENDRE = 0,
    E3TP_EQUIANGULAR = 1,
    E3TP_LEBEDEV = 2 /* of grids for callers only (grid.h) */
} e3tp_quadrature;

/* How a plan finds its method, and of `cg` the form: which lanes vectors have, kernels for the
   whole of a product or for its paths.

   - ESTIMATE  the method of the lowest estimated cost, its form by rule: the descriptor and the
               tier alone decide

   - MEASURE   what is fastest of all methods that serve, or of the one that is named, and of their
               forms, eight at most: both passes of each in the calling thread on 64 to 256 rows of
               zeros (no more than the batch hint), four times at least and for 0.2 ms. Plans of one
               descriptor may then differ in what they take, and so in the rounding of their
               results; e3tp_plan_describe says what was taken. A convolution sums its products, for
               which another form may be best: ESTIMATE suits it. */
typedef enum e3tp_effort { E3TP_ESTIMATE = 0, E3TP_MEASURE = 1 } e3tp_effort;

/* One coupling of a block of x with a block of y into a block of z. */
typedef struct e3tp_path {
    size_t size; /* sizeof(e3tp_path) */
    uint32_t in1, in2, out;
    e3tp_mode mode;
    int has_weight;
    double path_weight; /* >= 0; e3nn's: it enters under the square root */
} e3tp_path;

static inline e3tp_path e3tp_path_init(uint32_t in1, uint32_t in2, uint32_t out, e3tp_mode mode,
                                       int has_weight)
{
    e3tp_path p;
    p.size = sizeof p;
    p.in1 = in1;
    p.in2 = in2;
    p.out = out;
    p.mode = mode;
    p.has_weight = has_weight;
    p.path_weight = 1.0;
    return p;
}

typedef struct e3tp_desc e3tp_desc;
typedef struct e3tp_plan e3tp_plan;

/* ---- descriptor ---- */

/* A new descriptor for one operation. *out is NULL on failure (INVALID: out NULL or unknown op;
   NOMEM). Setters return a status and also keep the first failure with a sentence: a caller may
   ignore them all and look at e3tp_plan_create alone. A NULL descriptor gives INVALID. */
E3TP_API e3tp_status e3tp_desc_create(e3tp_desc **out, e3tp_op op);
E3TP_API void e3tp_desc_destroy(e3tp_desc *d); /* NULL is fine */
/* Why the first setter that failed did, or else why the last e3tp_plan_create did; "" if none.
   Valid until d changes or is destroyed. Never NULL. */
E3TP_API const char *e3tp_desc_message(const e3tp_desc *d);

/* TENSOR_PRODUCT. The irreps of x, y or z (which = E3TP_X, E3TP_Y, E3TP_Z), copied. Empty lists and
   zero multiplicities are legal. l <= 12 for x and y, <= 24 for z. */
E3TP_API e3tp_status e3tp_desc_set_irreps(e3tp_desc *d, e3tp_operand which, const e3tp_irrep *s,
                                          size_t n);
E3TP_API e3tp_status e3tp_desc_set_irreps_text(e3tp_desc *d, e3tp_operand which, const char *text);
/* Appends a path; checked against the irreps at plan creation (index, parity, triangle,
 * multiplicities). */
E3TP_API e3tp_status e3tp_desc_add_path(e3tp_desc *d, const e3tp_path *p);
/* Products that e3nn has as classes: x and y stand as they were set, all paths are made anew, in
   e3nn's order.

   - FULLY_CONNECTED   every path to the irreps of z: uvw, weighted

   - FULL              x, y simplified; every product of copies: uvuv, no weights; z sorted

   - ELEMENTWISE       x, y simplified and cut to equal multiplicities: uuu, no weights; z in the
   order of the paths; SHAPE where x and y do not hold equally many copies

   - CHANNELWISE       e3nn's uvu products of NequIP and MACE: uvu, weighted, a block of z for each
                       path, sorted, and paths in the order of their blocks

   - SQUARE            x simplified, y the same: the products of copies of x with one another, each
                       pair once: uvuv, uvu<v and uuu, no weights; z sorted

   - SQUARE_CONNECTED  the same to the irreps of z: uvw, u<vw and uuw, weighted

   keep  [n] irreps that z may have, multiplicities do not count; NULL: all; INVALID where z is
   given. The two squares take the irrep normalisation as it is now for their factors, and set it to
   NONE; a call passes one array as x and y, and the gradient is the sum of gx and gy. */
typedef enum e3tp_product {
    E3TP_PRODUCT_FULLY_CONNECTED = 0,
    E3TP_PRODUCT_FULL = 1,
    E3TP_PRODUCT_ELEMENTWISE = 2,
    E3TP_PRODUCT_CHANNELWISE = 3,
    E3TP_PRODUCT_SQUARE = 4,
    E3TP_PRODUCT_SQUARE_CONNECTED = 5
} e3tp_product;
E3TP_API e3tp_status e3tp_desc_set_product(e3tp_desc *d, e3tp_product kind, const e3tp_irrep *keep,
                                           size_t n);
/* The irreps of x, y or z, and the paths, as they stand: at most cap of them to out (NULL: none).
   Return how many there are; 0 for NULL and for other operations. */
E3TP_API size_t e3tp_desc_irreps(const e3tp_desc *d, e3tp_operand which, e3tp_irrep *out,
                                 size_t cap);
E3TP_API size_t e3tp_desc_paths(const e3tp_desc *d, e3tp_path *out, size_t cap);
/* TENSOR_PRODUCT, as the next two. */
E3TP_API e3tp_status e3tp_desc_set_normalization(e3tp_desc *d, e3tp_irrep_norm irrep,
                                                 e3tp_path_norm path);
/* Variance of each block of an operand, n as set by set_irreps, values >= 0; default 1. Lists that
   set_irreps or set_product make anew forget theirs: set these afterwards. */
E3TP_API e3tp_status e3tp_desc_set_variances(e3tp_desc *d, e3tp_operand which, const double *v,
                                             size_t n);
/* E3NN_044: a path with a degree above 11 is then INVALID. */
E3TP_API e3tp_status e3tp_desc_set_sign(e3tp_desc *d, e3tp_sign sign);

/* Products of signals: all operations but TENSOR_PRODUCT. Degrees of x, y, z: distinct, ascending,
   0..24; for x and y of fields and powers 0..12, and of those above the method cg serves none.
   Blocks of `channels` copies:

   - functions       one per degree l, parity (-1)^l

   - pseudo          one per degree l >= 1, parity (-1)^(l+1)

   - vector fields   per degree j one for each l = j-1, j, j+1 that exists, ascending, parity
   (-1)^(l+1): harmonics V^(j,l)_k = sqrt(2j+1) W(l,1,j) : Y_l e_k; a cross product has (-1)^l

     z[l3] = c[l3] sum a[l1] b[l2] kappa(l1,l2,l3) W(l1,l2,l3) : x[l1] (x) y[l2]

   - GAUNT     functions to functions; kappa is e3tp_gaunt_strength (arXiv 2401.10216). Where y of a
   call is the array of x, as alike in stride and layout, samples are taken once for both

   - BRACKET   functions to pseudo; e3tp_bracket_strength (arXiv 2605.15073)

   - COMPLETE  functions to functions, then pseudo; one or the other

   - MATRIX    the same blocks, by Z = X Y with X = sum x W(h,h,l): (-1)^l3 {l1 l2 l3; h h h}, the
   6j symbol, of which some are zero by accident (Unke and Maennel, arXiv 2401.07595)

   - CROSS, DOT  vector fields to vector fields, or to functions (arXiv 2602.21466)

   - GAUNT_POWER  functions to functions, of x alone: there is no y; e3tp_desc_set_power

   e3tp_plan_irreps gives the blocks, e3tp_plan_path_coefficient the kappas. With weights a row is
   a [R][n1][C], b [R][n2][C], c [R][n3][C] in one piece, n counting blocks, R the rank (c [n3][C]
   where it is common: e3tp_desc_set_common_output). */
E3TP_API e3tp_status e3tp_desc_set_degrees(e3tp_desc *d, e3tp_operand which, const int *l,
                                           size_t n);
/* CROSS, DOT. The harmonics V^(j,l) of which an operand that is a vector field consists: bits of
   e3tp_field_type, not none; default all. The blocks of x, y or z are those left, in their order.
   With x MAGNETIC and y ABOVE a cross product has every coupling of degrees j1, j2 >= 1: odd j1 +
   j2 + j3 where z has l = j3, even where it has l = j3 - 1 or j3 + 1. INVALID: another operation,
   an operand that is no field, other bits. */
typedef enum e3tp_field_type {
    E3TP_FIELD_BELOW = 1,    /* l = j - 1 */
    E3TP_FIELD_MAGNETIC = 2, /* l = j */
    E3TP_FIELD_ABOVE = 4     /* l = j + 1 */
} e3tp_field_type;
E3TP_API e3tp_status e3tp_desc_set_field_types(e3tp_desc *d, e3tp_operand which, unsigned types);
E3TP_API e3tp_status e3tp_desc_set_channels(e3tp_desc *d, size_t channels); /* default 1 */
/* Products of two signals. 0 (default): y has as many channels as x and z. 1: it has one, which
   meets all of theirs, the filter of a convolution: blocks of y are single, its gradient is summed
   over the channels, factors keep their shapes (b[l2] is a number for each channel all the same).
   INVALID: another operation, GAUNT_POWER; of a plan, neither 1 nor as many as x. */
E3TP_API e3tp_status e3tp_desc_set_y_channels(e3tp_desc *d, size_t n);
/* GAUNT, BRACKET, COMPLETE, MATRIX. Not 0: y is symmetric about the pole, the axis y of the
   harmonics, and of each degree has its coefficient of order 0 alone; all others count as zero. A
   block of y is one number for each of its channels, its row [n2][channels of y], and so is its
   gradient. Turned into the frame of an edge, a filter whose angular part are harmonics of the
   edge's direction is such a y (arXiv 2302.03655). e3tp_plan_irreps gives blocks of y as 0e, what
   they are under turns about the pole. Served by CG. Default 0. INVALID: another operation. */
E3TP_API e3tp_status e3tp_desc_set_y_zonal(e3tp_desc *d, int zonal);
/* z is the sum of R products with weights of their own, 1 <= R <= 65535; default 1. R > 1 needs
   weights. As R grows the sum reaches all products with a free weight for every path. */
E3TP_API e3tp_status e3tp_desc_set_rank(e3tp_desc *d, size_t rank);
/* Products of two signals. 1: the R products have the same factors of z (0, the default: each has
   its own),

     z[l3] = c[l3] sum over r, l1, l2 of a[r][l1] b[r][l2] kappa W : x[l1] (x) y[l2]

   a row of weights is a [R][n1][C], b [R][n2][C], c [n3][C], and the products are added before z is
   made of them, once for all, and so is what gradients need of gz. Any rank. INVALID: another
   operation, GAUNT_POWER; of a plan, no weights. */
E3TP_API e3tp_status e3tp_desc_set_common_output(e3tp_desc *d, int common);
/* MATRIX: h, matrices of 2h + 1 rows, 2h at least the largest degree; LEAST (default): the smallest
   such; FULL: the smallest that loses no coupling by accident. */
#define E3TP_SPIN_LEAST (-1)
#define E3TP_SPIN_FULL (-2)
E3TP_API e3tp_status e3tp_desc_set_spin(e3tp_desc *d, int spin);
/* GAUNT_POWER: the largest power N, 1..4; default 2. F = sum x[l] Y[l] is the function that x
   stands for, and [F^n]_l the coefficients of its n-th power of degree l:

     z[l] = [F^N]_l                        weights NONE
     z[l] = sum over n = 1..N of w[n][l] [F^n]_l   weights, a row is [N][n3][C]

   the symmetric contraction of MACE (arXiv 2206.07697) with weights per power, degree and channel
   in place of weights per path. A plan has no paths; where no degrees of x make one of z, z is
   zero, and e3tp_plan_describe says so. y, ggy in buffers are not looked at. */
E3TP_API e3tp_status e3tp_desc_set_power(e3tp_desc *d, int power);

/* Both. */
E3TP_API e3tp_status e3tp_desc_set_dtype(e3tp_desc *d, e3tp_dtype t); /* default F32 */
E3TP_API e3tp_status
e3tp_desc_set_weights(e3tp_desc *d, e3tp_weights kind); /* default: SHARED for products with
                                                            weighted paths, NONE for signals */
/* TENSOR_PRODUCT; default BY_CHANNEL. BY_PATH: a row of weights is one number for each path that
   has weights BY_CHANNEL, in the order of the paths. */
E3TP_API e3tp_status e3tp_desc_set_weight_shape(e3tp_desc *d, e3tp_weight_shape shape);
E3TP_API e3tp_status e3tp_desc_set_layout(e3tp_desc *d, e3tp_operand which,
                                          e3tp_layout l);               /* default MUL_IR */
E3TP_API e3tp_status e3tp_desc_set_method(e3tp_desc *d, e3tp_method m); /* default AUTO */
E3TP_API e3tp_status e3tp_desc_set_isa(e3tp_desc *d, e3tp_isa isa);     /* default AUTO */
E3TP_API e3tp_status e3tp_desc_set_effort(e3tp_desc *d, e3tp_effort e); /* default ESTIMATE */
/* Samples for `grid`: rows and columns, 0 0 = the smallest exact of whole fours of columns. A
   smaller grid is refused by `grid` and by AUTO (UNSUPPORTED) unless aliasing is allowed, any other
   than the default by `gaunt`; the other methods have none. Where it is allowed AUTO takes another
   method if there is one, as that gives the product itself, and a grid that aliases only where
   `grid` alone serves (GAUNT_POWER). Of a smaller grid e3tp_plan_describe says which blocks of z
   are not exact; all others are, to rounding. */
E3TP_API e3tp_status e3tp_desc_set_grid(e3tp_desc *d, int n_theta, int n_phi, e3tp_quadrature q,
                                        int allow_aliasing);
/* The grid that `grid` takes where none is set: the smallest exact one times this factor in each
   direction, rounded up (columns to whole fours); 1..E3TP_OVERSAMPLE_MOST, default 1. The product
   is the same; its samples are closer to one another, for what is done between products. As with a
   grid that is set, `gaunt` refuses a factor above 1 (UNSUPPORTED), and the other methods have no
   grid. INVALID: a factor outside the range; of a plan, one above 1 together with a grid of
   set_grid. */
#define E3TP_OVERSAMPLE_MOST 8
E3TP_API e3tp_status e3tp_desc_set_oversample(e3tp_desc *d, double factor);
/* The smallest grid on which a product of n functions on the sphere, of degrees 0..lmax[i], is
   exact to degree lmax_out: *n_theta rings of *n_phi samples. The degrees that can meet count, each
   at most the sum of the others. They sum to S: S + 1 samples, and floor(S/2) + 1 rings of
   Gauss-Legendre, equiangular S + 1 (S where S is odd). For two factors the least that set_grid
   takes for GAUNT and COMPLETE, and for CROSS and DOT of fields to those degrees. INVALID, and both
   0: lmax NULL, n outside 1..16383, a degree outside 0..65535, no such rule; n_theta and n_phi may
   not be NULL. Thread-safe. */
E3TP_API e3tp_status e3tp_grid_size(const int *lmax, size_t n, int lmax_out, e3tp_quadrature q,
                                    int *n_theta, int *n_phi);
/* At most so many; 0: OpenMP's maximum as it is when the plan is created. A call takes no more than
   OpenMP's maximum at that time, and runs serially inside a parallel region and in a forked child.
   With set_parallel_for: as many as given here. */
E3TP_API e3tp_status e3tp_desc_set_threads(e3tp_desc *d, int n);
E3TP_API e3tp_status
e3tp_desc_set_batch_hint(e3tp_desc *d, size_t rows); /* rows per call to plan for; 0: unknown */
/* Element type in which gradients summed over the batch add up; default: the dtype. F64 for F32
   data: a block of rows (some hundred; of signals some thousand) sums in single precision, blocks
   add up in double. F32 for F64 data is refused (UNSUPPORTED). */
E3TP_API e3tp_status e3tp_desc_set_accumulation(e3tp_desc *d, e3tp_dtype t);
E3TP_API e3tp_status e3tp_desc_set_allocator(e3tp_desc *d, e3tp_alloc_fn alloc,
                                             e3tp_free_fn release, void *ctx);
E3TP_API e3tp_status e3tp_desc_set_parallel_for(e3tp_desc *d, e3tp_parallel_fn fn, void *ctx);
/* The host's lock around FFTW's planner, where the host uses FFTW itself; must outlive the plan
   (destruction locks too). NULL, NULL: the library's own mutex. */
E3TP_API e3tp_status e3tp_desc_set_planner_lock(e3tp_desc *d, void (*lock)(void *),
                                                void (*unlock)(void *), void *ctx);

/* ---- plan ---- */

/* Freezes the descriptor's problem, which may then be changed or destroyed. On failure *out is NULL
   and the sentence is in e3tp_desc_message(d). INVALID, SHAPE, UNSUPPORTED (method or tier cannot
   serve), NOMEM. */
E3TP_API e3tp_status e3tp_plan_create(e3tp_plan **out, e3tp_desc *d);
E3TP_API void e3tp_plan_destroy(e3tp_plan *p); /* NULL is fine; nobody may be executing p */

E3TP_API size_t e3tp_plan_width(const e3tp_plan *p,
                                e3tp_operand which); /* elements per row; W: weight row */
E3TP_API size_t e3tp_plan_work_bytes(const e3tp_plan *p, e3tp_pass pass, size_t batch);
E3TP_API const char *e3tp_plan_method(const e3tp_plan *p);           /* "cg", "grid", ... */
E3TP_API const char *e3tp_plan_isa(const e3tp_plan *p);              /* "generic", "avx2", ... */
E3TP_API double e3tp_plan_flops(const e3tp_plan *p, e3tp_pass pass); /* needed per row */
E3TP_API double e3tp_plan_bytes(const e3tp_plan *p, e3tp_pass pass); /* operands per row */
E3TP_API double e3tp_plan_cost(const e3tp_plan *p, e3tp_pass pass);  /* estimated seconds per row */
E3TP_API e3tp_weights e3tp_plan_weights(const e3tp_plan *p);         /* NONE for NULL */
E3TP_API size_t e3tp_plan_num_paths(const e3tp_plan *p);
E3TP_API double e3tp_plan_path_coefficient(
    const e3tp_plan *p, size_t path); /* e3nn's final coefficient, of signals kappa; NaN outside */
/* The blocks of x, y and z that a path couples; INVALID outside. A product of signals has a path
   for each kappa that is not zero. */
E3TP_API e3tp_status e3tp_plan_path_blocks(const e3tp_plan *p, size_t path, uint32_t blocks[3]);
/* The blocks of x, y or z, at most cap of them to out (NULL: none); returns how many there are. */
E3TP_API size_t e3tp_plan_irreps(const e3tp_plan *p, e3tp_operand which, e3tp_irrep *out,
                                 size_t cap);
/* Text for people and bug reports; snprintf rules: returns the length needed, writes at most cap
 * bytes. */
E3TP_API size_t e3tp_plan_describe(const e3tp_plan *p, char *buf, size_t cap);

/* ---- execution ---- */

/* Operands of a call. Strides: distance in elements from a row to the next (MUL_IR, IR_MUL,
   weights), or from a component to the next (BATCH_LAST, >= batch). 0 = one row for the whole batch
   (x, y, w only), and its gradient, one row, is summed over the batch. E3TP_PACKED: the width, or
   the batch for BATCH_LAST; for shared weights 0. Gradients have their operand's stride. A NULL
   gradient is not wanted and not computed; a forward pass needs z. Outputs are overwritten and must
   not overlap anything. Alignment: the element's; results that begin at a multiple of 64 bytes, as
   their rows then should, may be written past the caches in calls of more than 16 MB. */
#define E3TP_PACKED PTRDIFF_MIN
typedef struct e3tp_buffers {
    size_t size; /* sizeof(e3tp_buffers) */
    size_t batch;
    const void *x, *y, *w;
    void *z;
    const void *gz;
    void *gx, *gy, *gw;
    const void *ggx, *ggy,
        *ggw; /* double backward: cotangents of gx, gy, gw; JVP: tangents of x, y, w */
    void *hx, *hy, *hw, *hz; /* double backward; JVP writes hz */
    ptrdiff_t stride_x, stride_y, stride_w, stride_z;
    /* [batch] row of the table w for each row of the batch, weights ROW; NULL: w has a row for
       each. gw, ggw and hw are tables like w; their rows must be packed where gw or hw is wanted.
     */
    const int32_t *index;
    size_t index_rows; /* of the table */
    void *work; /* NULL, or e3tp_plan_work_bytes, 64-byte aligned, one per concurrent call; a call
                   with an index does not use it */
} e3tp_buffers;

static inline e3tp_buffers e3tp_buffers_init(size_t batch)
{
    e3tp_buffers b;
    b.size = sizeof b;
    b.batch = batch;
    b.x = b.y = b.w = NULL;
    b.z = NULL;
    b.gz = NULL;
    b.gx = b.gy = b.gw = NULL;
    b.ggx = b.ggy = b.ggw = NULL;
    b.hx = b.hy = b.hw = b.hz = NULL;
    b.stride_x = b.stride_y = b.stride_w = b.stride_z = E3TP_PACKED;
    b.index = NULL;
    b.index_rows = 0;
    b.work = NULL;
    return b;
}

/* Statuses of all: INVALID or UNSUPPORTED, where e3tp_buffers_check tells why; NOMEM, but not where
   work is given and used. */

/* z from x, y, w. */
E3TP_API e3tp_status e3tp_forward(const e3tp_plan *p, const e3tp_buffers *b);
/* gx, gy, gw (each skippable) from x, y, w, gz. */
E3TP_API e3tp_status e3tp_backward(const e3tp_plan *p, const e3tp_buffers *b);
/* hx, hy, hw, hz (each skippable): the gradients by x, y, w and gz of

     sum(ggx gx + ggy gy + ggw gw)

   where gx, gy, gw are the results of the backward pass for x, y, w, gz. ggx, ggy, ggw have their
   gradients' shapes; NULL is zero. */
E3TP_API e3tp_status e3tp_double_backward(const e3tp_plan *p, const e3tp_buffers *b);
/* hz: the change of z along tangents ggx, ggy, ggw of x, y, w; NULL is zero. */
E3TP_API e3tp_status e3tp_jvp(const e3tp_plan *p, const e3tp_buffers *b);
/* The status that the call would return but for NOMEM, with the sentence why in msg (snprintf
   rules, may be NULL). */
E3TP_API e3tp_status e3tp_buffers_check(const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b,
                                        char *msg, size_t cap);

/* ---- layouts ---- */

/* Copies a batch of rows of the given irreps from one layout to another: no product needs it, as
   each operand may have its own layout.

     irreps        [n], l <= E3TP_SO3_LMAX; parities do not matter
     from, to      rows as in e3tp_buffers, strides likewise, E3TP_PACKED too; they must not overlap

   INVALID for NULL where there is data, unknown layouts or dtypes, strides under which rows
   overlap; UNSUPPORTED where E3TP_ISA names no usable tier. Re-entrant, serial, allocates nothing.
 */
E3TP_API e3tp_status e3tp_convert(e3tp_dtype t, const e3tp_irrep *irreps, size_t n, size_t batch,
                                  e3tp_layout from_layout, const void *from, ptrdiff_t from_stride,
                                  e3tp_layout to_layout, void *to, ptrdiff_t to_stride);

/* ---- introspection ---- */

E3TP_API const char *e3tp_status_string(e3tp_status s); /* static, never NULL */
E3TP_API unsigned e3tp_version(void);                   /* major * 10000 + minor * 100 + patch */
E3TP_API unsigned e3tp_abi_version(void);
E3TP_API size_t e3tp_build_info(char *buf, size_t cap); /* compiler, libraries, tiers */
E3TP_API const char *e3tp_isa_name(e3tp_isa isa);       /* NULL if unknown */
E3TP_API int e3tp_isa_compiled(e3tp_isa isa);
E3TP_API int e3tp_isa_usable(e3tp_isa isa);           /* compiled, and this machine can run it */
E3TP_API const char *e3tp_method_name(e3tp_method m); /* NULL for AUTO, unknown */
/* Whether a method can serve an operation at all; 0 for AUTO. */
E3TP_API int e3tp_method_serves(e3tp_method m, e3tp_op op);

E3TP_END_DECLS

#endif
