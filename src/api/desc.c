/* SPDX-License-Identifier: MIT */
/* The descriptor: setters that check one thing each and keep the first failure. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/objects.h"
#include "problem/signals.h"

static e3tp_status keep(e3tp_desc *d, e3tp_status s, const e3tp_message *m)
{
    if (s != E3TP_OK && d->status == E3TP_OK) {
        d->status = s;
        d->message = *m;
    }
    return s;
}

e3tp_status e3tp_desc_fail(e3tp_desc *d, e3tp_status s, const char *format, ...)
{
    e3tp_message m;
    va_list args;
    va_start(args, format);
    vsnprintf(m.text, sizeof m.text, format, args);
    va_end(args);
    return keep(d, s, &m);
}

#define FAIL(d, s, ...)                                                          \
    do {                                                                         \
        e3tp_message fail_message;                                               \
        return keep(d, e3tp_fail(&fail_message, s, __VA_ARGS__), &fail_message); \
    } while (0)

/* Every setter begins with it. */
#define CHECK(d, condition, ...)                  \
    do {                                          \
        if (!(d))                                 \
            return E3TP_E_INVALID;                \
        if (!(condition))                         \
            FAIL(d, E3TP_E_INVALID, __VA_ARGS__); \
    } while (0)

e3tp_status e3tp_desc_create(e3tp_desc **out, e3tp_op op)
{
    if (!out)
        return E3TP_E_INVALID;
    *out = NULL;
    if (!e3tp_op_name(op))
        return E3TP_E_INVALID;
    e3tp_desc *d = e3tp_zalloc(NULL, 1, sizeof *d);
    if (!d)
        return E3TP_E_NOMEM;
    d->spec.op = op;
    d->spec.weights = -1;
    d->accumulation = -1;
    d->spec.channels = d->spec.rank = 1;
    d->spec.spin = E3TP_SPIN_LEAST;
    for (int k = 0; k < 3; k++)
        d->spec.types[k] = E3TP_FIELD_TYPES;
    d->spec.power = 2;
    d->spec.oversample = 1;
    *out = d;
    return E3TP_OK;
}

void e3tp_desc_destroy(e3tp_desc *d)
{
    if (!d)
        return;
    for (int k = 0; k < 3; k++) {
        e3tp_free(NULL, d->spec.irreps[k]);
        e3tp_free(NULL, d->spec.var[k]);
    }
    e3tp_free(NULL, d->spec.paths);
    e3tp_free(NULL, d);
}

const char *e3tp_desc_message(const e3tp_desc *d)
{
    return d ? d->message.text : "the descriptor is NULL";
}

static bool is_xyz(e3tp_operand which)
{
    return which == E3TP_X || which == E3TP_Y || which == E3TP_Z;
}

static const char operand_letter[] = {'x', 'y', 'z'};

/* Replaces the irreps of an operand; its variances, which belong to the old list, go. */
static e3tp_status replace_irreps(e3tp_desc *d, e3tp_operand which, const e3tp_irrep *s, size_t n)
{
    e3tp_irrep *copy = e3tp_alloc(NULL, n, sizeof *copy);
    if (!copy)
        FAIL(d, E3TP_E_NOMEM, "no memory for the irreps of %c", operand_letter[which]);
    if (n)
        memcpy(copy, s, n * sizeof *copy);
    e3tp_free(NULL, d->spec.irreps[which]);
    e3tp_free(NULL, d->spec.var[which]);
    d->spec.irreps[which] = copy;
    d->spec.var[which] = NULL;
    d->spec.nirreps[which] = n;
    return E3TP_OK;
}

/* Two inputs of the largest degree couple to twice it; of functions, products are projected. */
enum { LMAX_IN = E3TP_PAIRED_LMAX, LMAX_OUT = 2 * LMAX_IN, MOST_POWER = 4 };

static int lmax_of(const e3tp_desc *d, e3tp_operand which)
{
    return which == E3TP_Z || e3tp_op_is_of_functions(d->spec.op) ? LMAX_OUT : LMAX_IN;
}

e3tp_status e3tp_desc_set_irreps(e3tp_desc *d, e3tp_operand which, const e3tp_irrep *s, size_t n)
{
    CHECK(d, d->spec.op == E3TP_OP_TENSOR_PRODUCT,
          "set_irreps: the operation takes degrees, not irreps");
    CHECK(d, is_xyz(which), "set_irreps: operand %d, expected x, y or z", (int)which);
    CHECK(d, s || n == 0, "set_irreps: the list for %c is NULL", operand_letter[which]);
    for (size_t i = 0; i < n; i++) {
        CHECK(d, s[i].parity == 1 || s[i].parity == -1,
              "irreps of %c: parity %d of entry %zu, expected 1 or -1", operand_letter[which],
              s[i].parity, i);
        CHECK(d, s[i].l <= lmax_of(d, which), "irreps of %c: l = %u of entry %zu is above %d",
              operand_letter[which], s[i].l, i, lmax_of(d, which));
    }
    return replace_irreps(d, which, s, n);
}

e3tp_status e3tp_desc_set_irreps_text(e3tp_desc *d, e3tp_operand which, const char *text)
{
    CHECK(d, text, "set_irreps_text: the text is NULL");
    size_t n = 0;
    if (e3tp_irreps_parse(text, NULL, 0, &n) != E3TP_OK)
        FAIL(d, E3TP_E_INVALID, "irreps \"%.100s\": expected terms such as 16x1o joined by +",
             text);
    e3tp_irrep *s = e3tp_alloc(NULL, n, sizeof *s);
    if (!s)
        FAIL(d, E3TP_E_NOMEM, "no memory for %zu irreps", n);
    e3tp_irreps_parse(text, s, n, &n);
    const e3tp_status status = e3tp_desc_set_irreps(d, which, s, n);
    e3tp_free(NULL, s);
    return status;
}

e3tp_status e3tp_desc_set_degrees(e3tp_desc *d, e3tp_operand which, const int *l, size_t n)
{
    CHECK(d, e3tp_op_is_signal(d->spec.op), "set_degrees: the operation takes irreps, not degrees");
    CHECK(d, is_xyz(which), "set_degrees: operand %d, expected x, y or z", (int)which);
    CHECK(d, l || n == 0, "set_degrees: the list for %c is NULL", operand_letter[which]);
    const int lmax = lmax_of(d, which);
    for (size_t i = 0; i < n; i++)
        CHECK(d, l[i] >= 0 && l[i] <= lmax && (i == 0 || l[i] > l[i - 1]),
              "degrees of %c: %d at place %zu, expected ascending numbers in 0..%d",
              operand_letter[which], l[i], i, lmax);
    e3tp_irrep s[LMAX_OUT + 1];
    for (size_t i = 0; i < n; i++)
        s[i] = (e3tp_irrep){1, (uint16_t)l[i], 1};
    return replace_irreps(d, which, s, n);
}

static e3tp_status grow_paths(e3tp_desc *d)
{
    const size_t capacity = d->path_capacity ? 2 * d->path_capacity : 16;
    e3tp_path *paths = e3tp_alloc(NULL, capacity, sizeof *paths);
    if (!paths)
        FAIL(d, E3TP_E_NOMEM, "no memory for %zu paths", capacity);
    if (d->spec.npaths)
        memcpy(paths, d->spec.paths, d->spec.npaths * sizeof *paths);
    e3tp_free(NULL, d->spec.paths);
    d->spec.paths = paths;
    d->path_capacity = capacity;
    return E3TP_OK;
}

e3tp_status e3tp_desc_add_path(e3tp_desc *d, const e3tp_path *p)
{
    CHECK(d, p, "add_path: the path is NULL");
    CHECK(d, d->spec.op == E3TP_OP_TENSOR_PRODUCT,
          "add_path: the operation makes its paths itself");
    CHECK(d, p->size == sizeof *p, "add_path: size is %zu, expected %zu", p->size, sizeof *p);
    if (d->spec.npaths == d->path_capacity)
        E3TP_TRY(grow_paths(d));
    d->spec.paths[d->spec.npaths++] = *p;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_normalization(e3tp_desc *d, e3tp_irrep_norm irrep, e3tp_path_norm path)
{
    CHECK(d, d->spec.op == E3TP_OP_TENSOR_PRODUCT, "set_normalization: the operation has no paths");
    CHECK(d, irrep >= E3TP_NORM_COMPONENT && irrep <= E3TP_NORM_NONE,
          "there is no irrep normalisation %d", (int)irrep);
    CHECK(d, path >= E3TP_PATH_ELEMENT && path <= E3TP_PATH_NONE,
          "there is no path normalisation %d", (int)path);
    d->spec.irrep_norm = irrep;
    d->spec.path_norm = path;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_variances(e3tp_desc *d, e3tp_operand which, const double *v, size_t n)
{
    CHECK(d, d->spec.op == E3TP_OP_TENSOR_PRODUCT, "set_variances: the operation has no paths");
    CHECK(d, is_xyz(which), "set_variances: operand %d, expected x, y or z", (int)which);
    CHECK(d, n == d->spec.nirreps[which], "variances of %c: %zu given, expected %zu, one per irrep",
          operand_letter[which], n, d->spec.nirreps[which]);
    CHECK(d, v || n == 0, "variances of %c: the list is NULL", operand_letter[which]);
    for (size_t i = 0; i < n; i++)
        CHECK(d, v[i] >= 0 && isfinite(v[i]),
              "variances of %c: %g at place %zu, expected a finite number >= 0",
              operand_letter[which], v[i], i);
    double *copy = e3tp_alloc(NULL, n, sizeof *copy);
    if (!copy)
        FAIL(d, E3TP_E_NOMEM, "no memory for the variances of %c", operand_letter[which]);
    if (n)
        memcpy(copy, v, n * sizeof *copy);
    e3tp_free(NULL, d->spec.var[which]);
    d->spec.var[which] = copy;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_sign(e3tp_desc *d, e3tp_sign sign)
{
    CHECK(d, d->spec.op == E3TP_OP_TENSOR_PRODUCT, "set_sign: the operation has no paths");
    CHECK(d, sign == E3TP_SIGN_E3NN || sign == E3TP_SIGN_E3NN_044, "there is no sign convention %d",
          (int)sign);
    d->spec.sign = sign;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_channels(e3tp_desc *d, size_t channels)
{
    CHECK(d, e3tp_op_is_signal(d->spec.op),
          "set_channels: the irreps of this operation have multiplicities");
    CHECK(d, channels <= UINT32_MAX, "channels: %zu is above 2^32 - 1", channels);
    d->spec.channels = channels;
    return E3TP_OK;
}

static bool takes_two_signals(e3tp_op op)
{
    return e3tp_op_is_signal(op) && op != E3TP_OP_GAUNT_POWER;
}

e3tp_status e3tp_desc_set_y_channels(e3tp_desc *d, size_t n)
{
    CHECK(d, takes_two_signals(d->spec.op),
          "set_y_channels: only products of two signals have channels of y");
    d->spec.y_channels = n;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_y_zonal(e3tp_desc *d, int zonal)
{
    CHECK(d, e3tp_op_is_of_functions(d->spec.op),
          "set_y_zonal: only products of two functions on the sphere have a y about the pole");
    d->spec.zonal = zonal != 0;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_rank(e3tp_desc *d, size_t rank)
{
    CHECK(d, e3tp_op_is_signal(d->spec.op), "set_rank: only products of signals have a rank");
    CHECK(d, rank >= 1 && rank <= UINT16_MAX, "rank: %zu, expected 1..%d", rank, UINT16_MAX);
    d->spec.rank = rank;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_common_output(e3tp_desc *d, int common)
{
    CHECK(d, takes_two_signals(d->spec.op),
          "set_common_output: only products of two signals have factors of z");
    d->spec.common_output = common != 0;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_spin(e3tp_desc *d, int spin)
{
    CHECK(d, d->spec.op == E3TP_OP_MATRIX, "set_spin: only matrix products have a spin");
    CHECK(d, spin >= E3TP_SPIN_FULL && spin <= E3TP_SO3_LMAX,
          "spin: %d, expected 0..%d, E3TP_SPIN_LEAST or E3TP_SPIN_FULL", spin, E3TP_SO3_LMAX);
    d->spec.spin = spin;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_field_types(e3tp_desc *d, e3tp_operand which, unsigned types)
{
    CHECK(d, e3tp_signal_is_field(d->spec.op, (int)which),
          "set_field_types: operand %d is no vector field", (int)which);
    CHECK(d, types && types <= E3TP_FIELD_TYPES, "field types: %u, expected bits 1..%d", types,
          E3TP_FIELD_TYPES);
    d->spec.types[which] = types;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_power(e3tp_desc *d, int power)
{
    CHECK(d, d->spec.op == E3TP_OP_GAUNT_POWER, "set_power: the operation has no powers");
    CHECK(d, power >= 1 && power <= MOST_POWER, "power: %d, expected 1..%d", power, MOST_POWER);
    d->spec.power = power;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_grid(e3tp_desc *d, int n_theta, int n_phi, e3tp_quadrature q,
                               int allow_aliasing)
{
    CHECK(d,
          (n_theta == 0 && n_phi == 0) ||
              (n_theta > 0 && n_phi > 0 && n_theta <= 1000 && n_phi <= 1000),
          "grid: %d x %d, expected 0 x 0 or both in 1..1000", n_theta, n_phi);
    CHECK(d, q == E3TP_GAUSS_LEGENDRE || q == E3TP_EQUIANGULAR, "there is no quadrature %d",
          (int)q);
    d->spec.grid_theta = n_theta;
    d->spec.grid_phi = n_phi;
    d->spec.quadrature = q;
    d->spec.allow_aliasing = allow_aliasing != 0;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_oversample(e3tp_desc *d, double factor)
{
    CHECK(d, factor >= 1 && factor <= E3TP_OVERSAMPLE_MOST, "oversample: %g, expected 1..%d",
          factor, E3TP_OVERSAMPLE_MOST);
    d->spec.oversample = factor;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_dtype(e3tp_desc *d, e3tp_dtype t)
{
    CHECK(d, t == E3TP_F32 || t == E3TP_F64, "there is no dtype %d", (int)t);
    d->spec.dtype = t;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_weight_shape(e3tp_desc *d, e3tp_weight_shape shape)
{
    CHECK(d, shape == E3TP_WEIGHT_BY_CHANNEL || shape == E3TP_WEIGHT_BY_PATH,
          "there is no weight shape %d", (int)shape);
    CHECK(d, d->spec.op == E3TP_OP_TENSOR_PRODUCT, "set_weight_shape: the operation has no paths");
    d->spec.weight_by_path = shape == E3TP_WEIGHT_BY_PATH;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_accumulation(e3tp_desc *d, e3tp_dtype t)
{
    CHECK(d, t == E3TP_F32 || t == E3TP_F64, "there is no dtype %d", (int)t);
    d->accumulation = (int)t;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_weights(e3tp_desc *d, e3tp_weights kind)
{
    CHECK(d, kind >= E3TP_WEIGHTS_NONE && kind <= E3TP_WEIGHTS_ROW, "there is no weight kind %d",
          (int)kind);
    d->spec.weights = (int)kind;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_layout(e3tp_desc *d, e3tp_operand which, e3tp_layout l)
{
    CHECK(d, is_xyz(which), "set_layout: operand %d, expected x, y or z", (int)which);
    CHECK(d, l >= E3TP_MUL_IR && l <= E3TP_BATCH_LAST, "there is no layout %d", (int)l);
    d->spec.layout[which] = l;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_method(e3tp_desc *d, e3tp_method m)
{
    CHECK(d, m == E3TP_METHOD_AUTO || e3tp_backend_of(m), "there is no method %d", (int)m);
    d->method = m;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_isa(e3tp_desc *d, e3tp_isa isa)
{
    CHECK(d, isa == E3TP_ISA_AUTO || e3tp_isa_name(isa), "there is no tier %d", (int)isa);
    d->isa = isa;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_effort(e3tp_desc *d, e3tp_effort e)
{
    CHECK(d, e == E3TP_ESTIMATE || e == E3TP_MEASURE, "there is no effort %d", (int)e);
    d->effort = e;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_threads(e3tp_desc *d, int n)
{
    CHECK(d, n >= 0, "threads: %d, expected 0 or more", n);
    d->threads = n;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_batch_hint(e3tp_desc *d, size_t rows)
{
    CHECK(d, true, "%s", "");
    d->spec.batch_hint = rows;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_allocator(e3tp_desc *d, e3tp_alloc_fn alloc, e3tp_free_fn release,
                                    void *ctx)
{
    CHECK(d, !alloc == !release, "allocator: both functions or neither");
    d->allocator = (e3tp_allocator){alloc, release, ctx};
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_parallel_for(e3tp_desc *d, e3tp_parallel_fn fn, void *ctx)
{
    CHECK(d, true, "%s", "");
    d->parallel_fn = fn;
    d->parallel_ctx = ctx;
    return E3TP_OK;
}

e3tp_status e3tp_desc_set_planner_lock(e3tp_desc *d, void (*lock)(void *), void (*unlock)(void *),
                                       void *ctx)
{
    CHECK(d, !lock == !unlock, "planner lock: both functions or neither");
    d->spec.planner_lock = (e3tp_planner_lock){lock, unlock, ctx};
    return E3TP_OK;
}
