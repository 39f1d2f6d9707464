/* SPDX-License-Identifier: MIT */
/* Cases of tensor_product.txt and graph.txt, over the words of the file. */
#include "fixture.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { MAX_COUNT = 1 << 20 };

static void text(words *r, const char *key, char *to, size_t capacity)
{
    words_expect(r, key);
    const char *word = words_need(r);
    if (word && strlen(word) >= capacity)
        words_fail(r, "overlong word", word);
    else if (word)
        memcpy(to, word, strlen(word) + 1);
}

static void *allocate(words *r, size_t n, size_t size)
{
    void *p = r->failed || !n ? NULL : calloc(n, size);
    if (n && !p)
        words_fail(r, "no memory", "");
    return p;
}

static void values(words *r, e3tp_fixture_array *a, size_t n)
{
    a->v = allocate(r, n, sizeof *a->v);
    a->n = a->v ? n : 0;
    for (size_t i = 0; i < a->n; i++)
        a->v[i] = words_number(r);
}

static void array(words *r, const char *key, e3tp_fixture_array *a)
{
    words_expect(r, key);
    values(r, a, words_count(r, MAX_COUNT));
}

/* "-" for the default. */
static void variances(words *r, const char *key, e3tp_fixture_array *a)
{
    words_expect(r, key);
    const char *word = words_need(r);
    if (word && strcmp(word, "-") != 0)
        values(r, a, words_parse_count(r, word, MAX_COUNT));
}

static void read_path(words *r, e3tp_path *p, double *coefficient)
{
    static const char *const names[] = {"uvw", "uvu", "uvv", "uuw", "uuu", "uvuv", "uvu<v", "u<vw"};
    static const e3tp_mode modes[] = {E3TP_UVW, E3TP_UVU,  E3TP_UVV,      E3TP_UUW,
                                      E3TP_UUU, E3TP_UVUV, E3TP_UVU_LT_V, E3TP_U_LT_VW};
    const uint32_t in1 = (uint32_t)words_count(r, MAX_COUNT);
    const uint32_t in2 = (uint32_t)words_count(r, MAX_COUNT);
    const uint32_t out = (uint32_t)words_count(r, MAX_COUNT);
    const e3tp_mode mode = modes[words_choice(r, names, 8)];
    *p = e3tp_path_init(in1, in2, out, mode, (int)words_count(r, 1));
    p->path_weight = words_number(r);
    *coefficient = words_number(r);
}

/* The arrays in the order of the file, and the place of the one that each is shaped like. */
static const struct kept {
    const char *key;
    size_t offset, like;
} kept[] = {
#define AT(name) offsetof(e3tp_fixture, name)
    {"x", AT(x), 0},     {"y", AT(y), 1},     {"w", AT(w), 2},     {"z", AT(z), 3},
    {"gz", AT(gz), 3},   {"gx", AT(gx), 0},   {"gy", AT(gy), 1},   {"gw", AT(gw), 2},
    {"ggx", AT(ggx), 0}, {"ggy", AT(ggy), 1}, {"ggw", AT(ggw), 2}, {"hx", AT(hx), 0},
    {"hy", AT(hy), 1},   {"hw", AT(hw), 2},   {"hz", AT(hz), 3},
#undef AT
};

static e3tp_fixture_array *array_of(e3tp_fixture *f, size_t i)
{
    return (e3tp_fixture_array *)((char *)f + kept[i].offset);
}

/* One case, from after the word "case". */
static void read_case(words *r, e3tp_fixture *f)
{
    static const char *const norms[] = {"component", "norm", "none"};
    static const e3tp_irrep_norm norm[] = {E3TP_NORM_COMPONENT, E3TP_NORM_NORM, E3TP_NORM_NONE};
    static const char *const pathnorms[] = {"element", "path", "none"};
    static const e3tp_path_norm pathnorm[] = {E3TP_PATH_ELEMENT, E3TP_PATH_PATH, E3TP_PATH_NONE};

    const char *name = words_need(r);
    if (name && strlen(name) >= sizeof f->name)
        words_fail(r, "overlong word", name);
    else if (name)
        memcpy(f->name, name, strlen(name) + 1);
    text(r, "in1", f->in1, sizeof f->in1);
    text(r, "in2", f->in2, sizeof f->in2);
    text(r, "out", f->out, sizeof f->out);
    variances(r, "in1_var", &f->in1_var);
    variances(r, "in2_var", &f->in2_var);
    variances(r, "out_var", &f->out_var);
    words_expect(r, "norm");
    f->norm = norm[words_choice(r, norms, 3)];
    words_expect(r, "pathnorm");
    f->pathnorm = pathnorm[words_choice(r, pathnorms, 3)];
    words_expect(r, "shared");
    f->shared = (int)words_count(r, 1);
    words_expect(r, "batch");
    f->batch = words_count(r, MAX_COUNT);
    words_expect(r, "ins");
    const size_t n = words_count(r, MAX_COUNT);
    f->paths = allocate(r, n, sizeof *f->paths);
    f->coefficients = allocate(r, n, sizeof *f->coefficients);
    for (; f->n_paths < n && !r->failed; f->n_paths++)
        read_path(r, &f->paths[f->n_paths], &f->coefficients[f->n_paths]);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        array(r, kept[i].key, array_of(f, i));
    words_expect(r, "end");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!r->failed && array_of(f, i)->n != array_of(f, kept[i].like)->n)
            words_fail(r, "an array and what it is shaped like differ in length:", kept[i].key);
}

/* What a layer has before its case, from after the word "graph". */
static void read_graph(words *r, e3tp_fixture *f)
{
    f->nodes = words_count(r, MAX_COUNT);
    f->num_senders = words_count(r, MAX_COUNT);
    f->of_vectors = (int)words_count(r, 1);
    f->scale = words_number(r);
    array(r, "receivers", &f->receivers);
    array(r, "senders", &f->senders);
    words_expect(r, "case");
}

int fixture_load(e3tp_fixture **out, const char *path, char *message, size_t capacity)
{
    words r;
    e3tp_fixture *cases = NULL;
    int n = 0, room = 0;

    *out = NULL;
    if (words_open(&r, path, message, capacity) != 0)
        return -1;
    for (const char *word = words_next(&r); word; word = words_next(&r)) {
        const bool graph = strcmp(word, "graph") == 0;
        if (!graph && strcmp(word, "case") != 0) {
            words_fail(&r, "not the expected key:", word);
            break;
        }
        if (n == room) {
            room += 64;
            e3tp_fixture *grown = realloc(cases, (size_t)room * sizeof *cases);
            if (!grown) {
                words_fail(&r, "no memory", "");
                break;
            }
            cases = grown;
        }
        cases[n] = (e3tp_fixture){.batch = 0};
        if (graph)
            read_graph(&r, &cases[n]);
        read_case(&r, &cases[n++]);
    }
    if (words_close(&r) != 0) {
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
        free(f->in1_var.v);
        free(f->in2_var.v);
        free(f->out_var.v);
        free(f->receivers.v);
        free(f->senders.v);
        free(f->coefficients);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            free(array_of(f, i)->v);
        free(f->paths);
    }
    free(cases);
}
