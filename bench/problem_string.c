/* SPDX-License-Identifier: MIT */
#include "problem_string.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 32 };

typedef struct pair {
    char key[32], value[BENCH_TEXT];
} pair;

typedef struct word {
    const char *name;
    int value;
} word;

static const word ops[] = {
    {"tp", E3TP_OP_TENSOR_PRODUCT}, {"gaunt", E3TP_OP_GAUNT},       {"bracket", E3TP_OP_BRACKET},
    {"complete", E3TP_OP_COMPLETE}, {"matrix", E3TP_OP_MATRIX},     {"cross", E3TP_OP_CROSS},
    {"dot", E3TP_OP_DOT},           {"power", E3TP_OP_GAUNT_POWER}, {NULL, 0}};
static const word modes[] = {{"uvw", E3TP_UVW}, {"uvu", E3TP_UVU}, {"uvv", E3TP_UVV},
                             {"uuw", E3TP_UUW}, {"uuu", E3TP_UUU}, {"uvuv", E3TP_UVUV},
                             {NULL, 0}};
static const word dtypes[] = {{"f32", E3TP_F32}, {"f64", E3TP_F64}, {NULL, 0}};
static const word passes[] = {{"fwd", E3TP_FORWARD},
                              {"bwd", E3TP_BACKWARD},
                              {"dbl", E3TP_DOUBLE_BACKWARD},
                              {"jvp", E3TP_JVP},
                              {NULL, 0}};
static const word methods[] = {{"auto", E3TP_METHOD_AUTO},   {"cg", E3TP_METHOD_CG},
                               {"gaunt", E3TP_METHOD_GAUNT}, {"matrix", E3TP_METHOD_MATRIX},
                               {"grid", E3TP_METHOD_GRID},   {NULL, 0}};
static const word isas[] = {{"auto", E3TP_ISA_AUTO}, {"generic", E3TP_ISA_GENERIC},
                            {"avx2", E3TP_ISA_AVX2}, {"avx512", E3TP_ISA_AVX512},
                            {"neon", E3TP_ISA_NEON}, {NULL, 0}};
static const word layouts[] = {
    {"mul_ir", E3TP_MUL_IR}, {"ir_mul", E3TP_IR_MUL}, {"batch_last", E3TP_BATCH_LAST}, {NULL, 0}};
static const word weight_kinds[] = {{"none", E3TP_WEIGHTS_NONE},
                                    {"shared", E3TP_WEIGHTS_SHARED},
                                    {"row", E3TP_WEIGHTS_ROW},
                                    {NULL, 0}};
static const word weight_shapes[] = {{"channel", 0}, {"path", 1}, {NULL, 0}};
static const word second_operands[] = {{"own", 0}, {"x", 1}, {NULL, 0}};
static const word gradients[] = {{"xyw", 0}, {"xw", 1}, {NULL, 0}};
static const word path_kinds[] = {{"all", 0}, {"natural", 1}, {NULL, 0}};

static int find(const word *list, const char *name, int *value)
{
    for (; list->name; list++)
        if (strcmp(list->name, name) == 0) {
            *value = list->value;
            return 1;
        }
    return 0;
}

static const char *name_of(const word *w, int value)
{
    while (w->name && w->value != value)
        w++;
    return w->name;
}

const char *bench_pass_name(e3tp_pass pass)
{
    return name_of(passes, (int)pass);
}

const char *bench_op_name(e3tp_op op)
{
    return name_of(ops, (int)op);
}

int bench_is_second_order(e3tp_pass pass)
{
    return pass == E3TP_DOUBLE_BACKWARD || pass == E3TP_JVP;
}

static int number(const char *text, long low, long high, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    return end != text && *end == 0 && *value >= low && *value <= high;
}

/* "4" is 0..4, "2:6" is 2..6. */
static int degrees(const char *text, int range[2])
{
    const char *colon = strchr(text, ':');
    char first[16] = "0";
    long a, b;
    if (colon && (size_t)(colon - text) < sizeof first) {
        memcpy(first, text, (size_t)(colon - text));
        first[colon - text] = 0;
    }
    if (!number(first, 0, 48, &a) || !number(colon ? colon + 1 : text, a, 48, &b))
        return 0;
    range[0] = (int)a;
    range[1] = (int)b;
    return 1;
}

static int set_text(bench_problem *p, const char *k, const char *v, int *ok)
{
    char *const at = !strcmp(k, "in1")    ? p->in1
                     : !strcmp(k, "in2")  ? p->in2
                     : !strcmp(k, "out")  ? p->out
                     : !strcmp(k, "name") ? p->name
                                          : NULL;
    int *const range = !strcmp(k, "l1")   ? p->l1
                       : !strcmp(k, "l2") ? p->l2
                       : !strcmp(k, "l3") ? p->l3
                                          : NULL;
    if (at)
        *ok = (size_t)snprintf(at, BENCH_TEXT, "%s", v) < BENCH_TEXT;
    else if (range)
        *ok = degrees(v, range);
    return at || range;
}

static int set_word(bench_problem *p, const char *k, const char *v, int *ok)
{
    static const struct {
        const char *key;
        const word *list;
    } rules[] = {{"op", ops},
                 {"mode", modes},
                 {"dtype", dtypes},
                 {"pass", passes},
                 {"method", methods},
                 {"isa", isas},
                 {"layout", layouts},
                 {"weights", weight_kinds},
                 {"shape", weight_shapes},
                 {"y", second_operands},
                 {"gradients", gradients},
                 {"paths", path_kinds}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        int value = 0;
        if (strcmp(rules[i].key, k))
            continue;
        *ok = find(rules[i].list, v, &value);
        switch (i) {
        case 0:
            p->op = (e3tp_op)value;
            break;
        case 1:
            p->mode = (e3tp_mode)value;
            break;
        case 2:
            p->dtype = (e3tp_dtype)value;
            break;
        case 3:
            p->pass = (e3tp_pass)value;
            break;
        case 4:
            p->method = (e3tp_method)value;
            break;
        case 5:
            p->isa = (e3tp_isa)value;
            break;
        case 6:
            p->layout = (e3tp_layout)value;
            break;
        case 7:
            p->weights = value;
            break;
        case 8:
            p->by_path = value;
            break;
        case 9:
            p->square = value;
            break;
        case 10:
            p->skip_gy = value;
            break;
        default:
            p->natural = value;
            break;
        }
        return 1;
    }
    return 0;
}

static int set_number(bench_problem *p, const char *k, const char *v, int *ok)
{
    long n = 0;
    *ok = number(v, 0, 1L << 30, &n);
    if (!strcmp(k, "lmax_out"))
        p->lmax_out = (int)n;
    else if (!strcmp(k, "sep"))
        p->sep = n != 0;
    else if (!strcmp(k, "channels"))
        p->channels = (size_t)n;
    else if (!strcmp(k, "cy"))
        p->y_channels = (size_t)n;
    else if (!strcmp(k, "zonal"))
        p->zonal = n != 0;
    else if (!strcmp(k, "rank"))
        p->rank = (size_t)n;
    else if (!strcmp(k, "cz"))
        p->common_output = n != 0;
    else if (!strcmp(k, "power"))
        p->power = (int)n;
    else if (!strcmp(k, "batch"))
        p->batch = (size_t)n;
    else if (!strcmp(k, "threads"))
        p->threads = (int)n;
    else if (!strcmp(k, "seed"))
        p->seed = (unsigned long long)n;
    else
        return 0;
    return 1;
}

static int may_vary(const char *key)
{
    static const char *const keys[] = {"method",  "isa",   "dtype",   "layout", "pass",
                                       "threads", "batch", "weights", "shape",  "y"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i], key))
            return 1;
    return 0;
}

static size_t split(const char *line, pair *pairs, char *why, size_t cap)
{
    size_t n = 0;
    while (*(line += strspn(line, " \t\r\n"))) {
        const size_t length = strcspn(line, " \t\r\n");
        const char *equals = memchr(line, '=', length);
        const size_t k = equals ? (size_t)(equals - line) : 0, v = equals ? length - k - 1 : 0;
        if (!equals || n == MAX_KEYS || k >= sizeof pairs->key || v >= sizeof pairs->value) {
            snprintf(why, cap, "not key=value: '%.*s'", (int)length, line);
            return 0;
        }
        memcpy(pairs[n].key, line, k);
        memcpy(pairs[n].value, equals + 1, v);
        pairs[n].key[k] = pairs[n].value[v] = 0;
        n++;
        line += length;
    }
    if (!n)
        snprintf(why, cap, "empty problem");
    return n;
}

/* The part of value before the first comma goes to head; the rest is returned, NULL if there is
 * none. */
static const char *next_choice(const char *value, char *head)
{
    const size_t n = strcspn(value, ",");
    memcpy(head, value, n);
    head[n] = 0;
    return value[n] ? value + n + 1 : NULL;
}

static int set_pair(bench_problem *p, const pair *q, char *why, size_t cap)
{
    int ok = 0;
    if (!set_text(p, q->key, q->value, &ok) && !set_word(p, q->key, q->value, &ok) &&
        !set_number(p, q->key, q->value, &ok))
        snprintf(why, cap, "unknown key '%s'", q->key);
    else if (!ok)
        snprintf(why, cap, "bad value in %s=%s", q->key, q->value);
    else
        return 1;
    return 0;
}

static int build(const pair *pairs, size_t n, bench_problem *p, char *why, size_t cap)
{
    *p = (bench_problem){.mode = E3TP_UVU,
                         .lmax_out = 24,
                         .sep = 1,
                         .channels = 1,
                         .rank = 1,
                         .power = 2,
                         .batch = 1024,
                         .weights = -1,
                         .threads = 1,
                         .seed = 1};
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (!set_pair(p, &pairs[i], why, cap))
            return 0;
        at += (size_t)snprintf(p->text + at, sizeof p->text - at, "%s%s=%s", i ? " " : "",
                               pairs[i].key, pairs[i].value);
        if (at >= sizeof p->text) {
            snprintf(why, cap, "problem string too long");
            return 0;
        }
    }
    if (p->op == E3TP_OP_TENSOR_PRODUCT && (!*p->in1 || !*p->in2))
        snprintf(why, cap, "op=tp needs in1= and in2=");
    else if (p->batch == 0)
        snprintf(why, cap, "batch=0 has no time per item");
    else
        return 1;
    return 0;
}

/* Depth first over the pairs with several values. */
static size_t expand(pair *pairs, size_t n, size_t from, bench_problem *p, size_t cap, char *why,
                     size_t cap_why)
{
    for (size_t i = from; i < n; i++) {
        if (!may_vary(pairs[i].key) || !strchr(pairs[i].value, ','))
            continue;
        const pair all = pairs[i];
        size_t made = 0;
        for (const char *rest = all.value; rest;) {
            rest = next_choice(rest, pairs[i].value);
            const size_t more = expand(pairs, n, i + 1, p + made, cap - made, why, cap_why);
            if (!more)
                return 0;
            made += more;
        }
        pairs[i] = all;
        return made;
    }
    if (!cap)
        snprintf(why, cap_why, "more than %d variants", BENCH_MAX_VARIANTS);
    return cap && build(pairs, n, p, why, cap_why) ? 1 : 0;
}

size_t bench_problem_parse(const char *line, bench_problem *p, size_t cap, char *why,
                           size_t cap_why)
{
    pair pairs[MAX_KEYS];
    const size_t n = split(line, pairs, why, cap_why);
    return n ? expand(pairs, n, 0, p, cap, why, cap_why) : 0;
}
