/* SPDX-License-Identifier: MIT */
/* A file is a stream of words. The first failure is kept in the reader; later reads then return 0
 * or NULL. */
#include "fixture.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COUNT = 1 << 20 };

typedef struct reader {
    FILE *file;
    size_t line;
    int failed;
    char *message;
    size_t capacity;
    char word[256];
} reader;

static void fail(reader *r, const char *what, const char *detail)
{
    if (!r->failed && r->capacity)
        (void)snprintf(r->message, r->capacity, "line %zu: %s '%s'", r->line, what, detail);
    r->failed = 1;
}

static int is_space(int c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next word, in r->word; NULL at the end of the file. */
static const char *next(reader *r)
{
    size_t n = 0;
    int c = ' ';
    if (r->failed)
        return NULL;
    while (c != EOF && is_space(c)) {
        c = fgetc(r->file);
        r->line += c == '\n';
    }
    while (c != EOF && !is_space(c) && n + 1 < sizeof r->word) {
        r->word[n++] = (char)c;
        c = fgetc(r->file);
    }
    r->word[n] = '\0';
    if (c != EOF && !is_space(c))
        fail(r, "overlong word", r->word);
    else if (c != EOF)
        (void)ungetc(c, r->file);
    return n && !r->failed ? r->word : NULL;
}

static const char *need(reader *r)
{
    const char *word = next(r);
    if (!word)
        fail(r, "unexpected", "end of file");
    return word;
}

static void expect(reader *r, const char *key)
{
    const char *word = need(r);
    if (word && strcmp(word, key) != 0)
        fail(r, "not the expected key:", word);
}

static double number(reader *r)
{
    char *end;
    const char *word = need(r);
    if (!word)
        return 0;
    const double v = strtod(word, &end);
    if (*end)
        fail(r, "not a number:", word);
    return v;
}

static size_t parse_count(reader *r, const char *word, size_t limit)
{
    char *end;
    if (!word)
        return 0;
    errno = 0;
    const unsigned long v = strtoul(word, &end, 10);
    if (errno || *end || *word == '-' || v > limit) {
        fail(r, "not a count:", word);
        return 0;
    }
    return (size_t)v;
}

static size_t count(reader *r, size_t limit)
{
    return parse_count(r, need(r), limit);
}

static int choice(reader *r, const char *const *names, int n)
{
    const char *word = need(r);
    for (int k = 0; word && k < n; k++)
        if (strcmp(word, names[k]) == 0)
            return k;
    if (word)
        fail(r, "unknown name:", word);
    return 0;
}

static void text(reader *r, const char *key, char *to, size_t capacity)
{
    expect(r, key);
    const char *word = need(r);
    if (word && strlen(word) >= capacity)
        fail(r, "overlong word", word);
    else if (word)
        memcpy(to, word, strlen(word) + 1);
}

static void *allocate(reader *r, size_t n, size_t size)
{
    void *p = r->failed || !n ? NULL : calloc(n, size);
    if (n && !p)
        fail(r, "no memory", "");
    return p;
}

static void values(reader *r, e3tp_fixture_array *a, size_t n)
{
    a->v = allocate(r, n, sizeof *a->v);
    a->n = a->v ? n : 0;
    for (size_t i = 0; i < a->n; i++)
        a->v[i] = number(r);
}

static void array(reader *r, const char *key, e3tp_fixture_array *a)
{
    expect(r, key);
    values(r, a, count(r, MAX_COUNT));
}

/* "-" for the default. */
static void variances(reader *r, const char *key, e3tp_fixture_array *a)
{
    expect(r, key);
    const char *word = need(r);
    if (word && strcmp(word, "-") != 0)
        values(r, a, parse_count(r, word, MAX_COUNT));
}

static void read_path(reader *r, e3tp_path *p, double *coefficient)
{
    static const char *const names[] = {"uvw", "uvu", "uvv", "uuw", "uuu", "uvuv", "uvu<v", "u<vw"};
    static const e3tp_mode modes[] = {E3TP_UVW, E3TP_UVU,  E3TP_UVV,      E3TP_UUW,
                                      E3TP_UUU, E3TP_UVUV, E3TP_UVU_LT_V, E3TP_U_LT_VW};
    const uint32_t in1 = (uint32_t)count(r, MAX_COUNT);
    const uint32_t in2 = (uint32_t)count(r, MAX_COUNT);
    const uint32_t out = (uint32_t)count(r, MAX_COUNT);
    const e3tp_mode mode = modes[choice(r, names, 8)];
    *p = e3tp_path_init(in1, in2, out, mode, (int)count(r, 1));
    p->path_weight = number(r);
    *coefficient = number(r);
}

/* One case, from after the word "case". */
static void read_case(reader *r, e3tp_fixture *f)
{
    static const char *const norms[] = {"component", "norm", "none"};
    static const e3tp_irrep_norm norm[] = {E3TP_NORM_COMPONENT, E3TP_NORM_NORM, E3TP_NORM_NONE};
    static const char *const pathnorms[] = {"element", "path", "none"};
    static const e3tp_path_norm pathnorm[] = {E3TP_PATH_ELEMENT, E3TP_PATH_PATH, E3TP_PATH_NONE};

    const char *name = need(r);
    if (name && strlen(name) >= sizeof f->name)
        fail(r, "overlong word", name);
    else if (name)
        memcpy(f->name, name, strlen(name) + 1);
    text(r, "in1", f->in1, sizeof f->in1);
    text(r, "in2", f->in2, sizeof f->in2);
    text(r, "out", f->out, sizeof f->out);
    variances(r, "in1_var", &f->in1_var);
    variances(r, "in2_var", &f->in2_var);
    variances(r, "out_var", &f->out_var);
    expect(r, "norm");
    f->norm = norm[choice(r, norms, 3)];
    expect(r, "pathnorm");
    f->pathnorm = pathnorm[choice(r, pathnorms, 3)];
    expect(r, "shared");
    f->shared = (int)count(r, 1);
    expect(r, "batch");
    f->batch = count(r, MAX_COUNT);
    expect(r, "ins");
    const size_t n = count(r, MAX_COUNT);
    f->paths = allocate(r, n, sizeof *f->paths);
    f->coefficients = allocate(r, n, sizeof *f->coefficients);
    for (; f->n_paths < n && !r->failed; f->n_paths++)
        read_path(r, &f->paths[f->n_paths], &f->coefficients[f->n_paths]);
    array(r, "x", &f->x);
    array(r, "y", &f->y);
    array(r, "w", &f->w);
    array(r, "z", &f->z);
    array(r, "gz", &f->gz);
    array(r, "gx", &f->gx);
    array(r, "gy", &f->gy);
    array(r, "gw", &f->gw);
    expect(r, "end");
    if (!r->failed &&
        (f->gx.n != f->x.n || f->gy.n != f->y.n || f->gw.n != f->w.n || f->gz.n != f->z.n))
        fail(r, "a gradient and its array differ in length:", f->name);
}

int fixture_load(e3tp_fixture **out, const char *path, char *message, size_t capacity)
{
    reader r = {.line = 1, .message = message, .capacity = capacity};
    e3tp_fixture *cases = NULL;
    int n = 0, room = 0;

    *out = NULL;
    if (capacity)
        message[0] = '\0';
    r.file = fopen(path, "r");
    if (!r.file) {
        if (capacity)
            (void)snprintf(message, capacity, "cannot open '%s'", path);
        return -1;
    }
    for (const char *word = next(&r); word; word = next(&r)) {
        if (strcmp(word, "case") != 0) {
            fail(&r, "not the expected key:", word);
            break;
        }
        if (n == room) {
            room += 64;
            e3tp_fixture *grown = realloc(cases, (size_t)room * sizeof *cases);
            if (!grown) {
                fail(&r, "no memory", "");
                break;
            }
            cases = grown;
        }
        cases[n] = (e3tp_fixture){.batch = 0};
        read_case(&r, &cases[n++]);
    }
    if (!r.failed && ferror(r.file))
        fail(&r, "cannot read", path);
    (void)fclose(r.file);
    if (r.failed) {
        fixture_free(cases, n);
        return -1;
    }
    *out = cases;
    return n;
}

void fixture_free(e3tp_fixture *cases, int n)
{
    for (int k = 0; cases && k < n; k++) {
        e3tp_fixture *f = &cases[k];
        double *const arrays[] = {f->in1_var.v, f->in2_var.v, f->out_var.v, f->coefficients,
                                  f->x.v,       f->y.v,       f->w.v,       f->z.v,
                                  f->gz.v,      f->gx.v,      f->gy.v,      f->gw.v};
        for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
            free(arrays[i]);
        free(f->paths);
    }
    free(cases);
}

const e3tp_fixture *fixture_find(const e3tp_fixture *cases, int n, const char *name)
{
    for (int k = 0; k < n; k++)
        if (strcmp(cases[k].name, name) == 0)
            return &cases[k];
    return NULL;
}
