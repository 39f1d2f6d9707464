/* SPDX-License-Identifier: MIT */
/* Frozen tables of a direct contraction, and the layout of a worker's scratch. */
#ifndef E3TP_CG_PLAN_H
#define E3TP_CG_PLAN_H

#include "cg/cg_folded.h"
#include "cg/cg_kernels.h"
#include "cg/cg_pairs.h"
#include "cg/cg_whole.h"
#include "problem/packed.h"

/* A bilinear contraction of two operands into a third. The tensor is symmetric under exchange of
   its legs, up to the sign (-1)^(l1+l2+l3), so gradients are contractions of the same kind. */
typedef enum e3tp_cg_target {
    E3TP_CG_TO_Z = 0, /* x, y -> z */
    E3TP_CG_TO_X = 1, /* gz, y -> gx */
    E3TP_CG_TO_Y = 2, /* x, gz -> gy */
    E3TP_CG_TARGETS = 3
} e3tp_cg_target;

/* The operands (0 x, 1 y, 2 z or gz) that each target reads, and the one that it writes. */
extern const int e3tp_cg_role[E3TP_CG_TARGETS][3];

/* What remains of a tensor when its non-zeros are taken four at a time. */
typedef struct e3tp_cg_table {
    e3tp_cg_quad *quads;
    e3tp_cg_quad_group *groups;
    e3tp_cg_entry *rest; /* by o */
    size_t ngroups, nrest;
} e3tp_cg_table;

/* The tensor of one triple of degrees, sorted for each target. */
typedef struct e3tp_cg_triple {
    int l[3];
    size_t n;
    e3tp_cg_entry *to[E3TP_CG_TARGETS];
    e3tp_cg_table table[E3TP_CG_TARGETS]; /* where the target's operands have no kernel of pairs */
    double sign[E3TP_CG_TARGETS]; /* of the tensor, legs exchanged, against that of cg_pairs.h */
} e3tp_cg_triple;

/* How a group goes through a block, step by step: so many tiles at a time; one tile of channels of
   all rows, where weights that all rows share have lines for one row; lanes over rows: one tile of
   rows, all channels of one operand with theirs or with one of the other; one channel of x and one
   of y, all rows. Groups that go alike take each step in turn. */
typedef enum e3tp_cg_walk {
    E3TP_CG_BY_TILES,
    E3TP_CG_BY_TILE,
    E3TP_CG_BY_ROWS,
    E3TP_CG_BY_CHANNEL
} e3tp_cg_walk;

/* Paths that share both operands of a target and differ in the degree of its result: the products
   of the operands are made once for all. */
typedef struct e3tp_cg_group {
    size_t first, count; /* in order[target] */
    e3tp_cg_walk walk;
    size_t alike;    /* how many groups from this one on go alike */
    e3tp_cg_set set; /* of the results' degrees; E3TP_CG_SETS too where they do not lie as the
                        kernels of sets want them */
    bool ready;      /* so do the weights, with the coefficients in them */
    int top;         /* the largest */
} e3tp_cg_group;

/* A path in the order of a target. */
typedef struct e3tp_cg_member {
    size_t path;
    size_t at[3], step[3]; /* packed blocks of the target's roles, two operands and the result:
                              first element, elements from tile to tile */
    int l[2];              /* degrees of the operands */
    int place;             /* of the result's degree among those of the operands */
    bool by_pair;          /* the operands have a kernel of cg_pairs.h */
    bool scales;           /* and one of them is a scalar: the kernel can store its result */
    bool first;            /* no path before it writes to its result */
    double c;              /* coefficient, with the sign of the tensor against that of cg_pairs.h */
} e3tp_cg_member;

/* Weights of a path in a worker's scratch, as lines of lanes: weight q of tile t is line
   lines + (t * weights + q) * line_step. Paths whose weights follow one another in memory alike are
   packed as the components of one block: the first has run = their number, the others 0. */
typedef struct e3tp_cg_path {
    size_t triple;
    size_t lines, line_step, run;   /* folded: the first is its number among weighted paths */
    size_t member[E3TP_CG_TARGETS]; /* its place in the orders */
    bool channels;                  /* channels share y; else each lane has operands of its own */
    bool in_place;                  /* the caller's weights serve as lines */
    bool joined; /* lanes over rows: weights that all rows share join channels, no lines */
} e3tp_cg_path;

/* Where a worker's scratch holds what, in elements. */
typedef struct e3tp_cg_layout {
    size_t v[4], g[4];      /* packed operands (3: y with rows as lanes), and their gradients */
    size_t own[3], part[2]; /* with factors: x, y, gz without; of a sum: gradients of a term */
    size_t lines[2];        /* of the weights, and of their gradients */
    size_t matrix[2];       /* of uvu and uvw paths, and of uvw paths turned */
    size_t middle[2];       /* products of uvw paths, and their gradients */
    size_t turned;          /* a matrix of weights of a uvw path, transposed */
    size_t components;      /* folded: lists of components */
    size_t total;
    size_t t[4], t_lines; /* second order: packed tangents of x and y (by v), lines of those of w */
    size_t total_second;
} e3tp_cg_layout;

/* uvu paths whose channels share y, by block of z or x: those of block i from at[i] on, to at[i+1].
 */
typedef struct e3tp_cg_list {
    size_t *path, *at;
} e3tp_cg_list;

/* The kernel of the whole product, lmax 0: none. */
typedef struct e3tp_cg_whole_product {
    int lmax;
    e3tp_cg_set set;
    e3tp_cg_results results;
} e3tp_cg_whole_product;

/* What departs from the form that is estimated to be the fastest: bits of a form. */
enum {
    E3TP_CG_OTHER_LANES = 1, /* over rows in place of channels, or the reverse */
    E3TP_CG_PLAIN = 2, /* no kernel of the whole, no folded paths, no pairs of channels joined */
    E3TP_CG_FORMS = 4
};

typedef struct e3tp_cg_plan {
    const e3tp_problem *problem;
    unsigned form;
    size_t ntriples;
    e3tp_cg_triple *triples;
    e3tp_cg_entry *entries; /* of all triples */
    e3tp_cg_path *path;     /* [npaths] */
    e3tp_cg_member *order[E3TP_CG_TARGETS];
    e3tp_cg_group *groups[E3TP_CG_TARGETS];
    size_t ngroups[E3TP_CG_TARGETS];
    e3tp_lanes lanes;
    bool y_lanes, y_rows;     /* forms of y that are read */
    bool *written[3];         /* [blocks of gx, gy, z] some member is the first to write it */
    e3tp_packed packed[4];    /* x, y, z in `lanes`; y with lanes over rows */
    bool joins;               /* some path is joined */
    size_t block_rows;        /* rows with results of their own */
    size_t sum_rows;          /* rows whose results are summed: more, as one row of z is kept */
    size_t tiles_at_once;     /* of E3TP_CG_BY_TILES: as many as stay in the first-level cache */
    size_t tiles_held;        /* of the contractions that give gradients of weights, at once */
    size_t lines;             /* of all weights, for the larger of block_rows and sum_rows */
    e3tp_cg_list shared[2];   /* by block of z, of x */
    bool direct;              /* all paths are such */
    bool folded;              /* and channels have no weights of their own (cg_folded.h) */
    e3tp_cg_classes folds[2]; /* folded: to z, to gx */
    size_t folded_weights;    /* folded: of a row, one for each weighted path */
    size_t max_components;    /* elements of the lists of components that kernels take */
    bool ir_mul[3], whole[3]; /* x and z: layout IR_MUL; and blocks of whole tiles */
    e3tp_cg_whole_product whole_product;
    size_t max_matrix; /* elements of matrices at a time: the largest path's at least */
    size_t max_middle; /* elements of what a path keeps between its two steps */
    size_t max_turned; /* of one matrix of shared weights */
    e3tp_cg_layout scratch;
    const struct e3tp_cg_runner *runner;
} e3tp_cg_plan;

enum { E3TP_CG_JOINED = 32 }; /* pairs of channels at a time whose products shared weights join */

/* Whether a matrix of weights connects the products of channels with the channels of z. */
static inline bool e3tp_cg_connects(const e3tp_coupling *c)
{
    return c->mode == E3TP_UVW || c->mode == E3TP_U_LT_VW || (c->mode == E3TP_UUW && c->has_weight);
}

/* Which block of operand k (0 x, 1 y, 2 z) a path has, and the block. */
static inline uint32_t e3tp_cg_block_index(const e3tp_coupling *c, int k)
{
    return k == 0 ? c->in1 : k == 1 ? c->in2 : c->out;
}

static inline const e3tp_block *e3tp_cg_block(const e3tp_problem *p, size_t path, int k)
{
    return &p->blocks[k][e3tp_cg_block_index(&p->paths[path], k)];
}

/* One of these per template object. */
typedef struct e3tp_cg_runner {
    void (*run)(const e3tp_cg_plan *p, e3tp_pass pass, const e3tp_rows *r, void *scratch);
    void (*second)(const e3tp_cg_plan *p, const e3tp_rows *r, const e3tp_tangents *t,
                   void *scratch);
    bool (*has_whole)(const e3tp_cg_whole_product *w); /* a kernel, by which forward goes */
} e3tp_cg_runner;

e3tp_status e3tp_cg_plan_create(e3tp_cg_plan **out, const e3tp_problem *p, unsigned form,
                                const e3tp_allocator *a, e3tp_message *why);
/* Whether a form is there and another than those of fewer bits. */
bool e3tp_cg_has_form(const e3tp_problem *p, const e3tp_cg_runner *r, unsigned form);
void e3tp_cg_plan_destroy(e3tp_cg_plan *p, const e3tp_allocator *a);
/* A tensor in the order of a target, of degrees l of its operands and its result. Freed by destroy,
   after a failure too. */
e3tp_status e3tp_cg_table_create(e3tp_cg_table *t, const int l[3], const e3tp_cg_entry *e,
                                 size_t ne, const e3tp_allocator *a, e3tp_message *why);
void e3tp_cg_table_destroy(e3tp_cg_table *t, const e3tp_allocator *a);
/* A step of creation, when forms and layouts are chosen: order, groups and written. */
e3tp_status e3tp_cg_make_groups(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why);
/* Of products of irreps; lmax 0: none. */
e3tp_cg_whole_product e3tp_cg_find_whole(const e3tp_problem *p, e3tp_lanes lanes);
/* Steps of creation where paths are folded: folds; the sizes that they need. */
e3tp_status e3tp_cg_make_classes(e3tp_cg_plan *g, const e3tp_allocator *a, e3tp_message *why);
void e3tp_cg_size_classes(e3tp_cg_plan *g);
/* Whether the plan of a problem is folded, by estimate. */
bool e3tp_cg_is_folded(const e3tp_problem *p);
/* About the non-zeros of a path, as the estimates of costs are calibrated by: the bound
   2 (2l1+1)(2l2+1), less the boundary. */
double e3tp_cg_nonzeros(const e3tp_problem *p, const e3tp_coupling *c);

#endif
