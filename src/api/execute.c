/* SPDX-License-Identifier: MIT */
/* Execution: checks a call, cuts the batch into blocks of rows, and reduces batch-summed gradients
   over a tree that the batch size alone fixes. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "api/objects.h"
#include "core/checked.h"
#include "core/sums.h"

/* A call with its strides resolved; arrays as in e3tp_block_call. */
typedef struct call {
    const e3tp_plan *plan;
    e3tp_executor executor;
    e3tp_pass pass;
    const e3tp_buffers *b;
    size_t element; /* bytes */
    const void *in[OP_COUNT], *t[OP_COUNT];
    void *out[OP_COUNT];
    ptrdiff_t stride[OP_COUNT];
    size_t width[OP_COUNT];
    bool batch_last[OP_COUNT];
} call;

static void read_pointers(call *c)
{
    const e3tp_buffers *b = c->b;
    const e3tp_pass pass = c->pass;
    const bool second = pass == E3TP_DOUBLE_BACKWARD;
    c->in[OP_X] = b->x, c->in[OP_Y] = b->y, c->in[OP_W] = b->w;
    if (pass == E3TP_BACKWARD || second)
        c->in[OP_Z] = b->gz;
    if (second || pass == E3TP_JVP)
        c->t[OP_X] = b->ggx, c->t[OP_Y] = b->ggy, c->t[OP_W] = b->ggw;
    if (pass == E3TP_BACKWARD)
        c->out[OP_X] = b->gx, c->out[OP_Y] = b->gy, c->out[OP_W] = b->gw;
    if (second)
        c->out[OP_X] = b->hx, c->out[OP_Y] = b->hy, c->out[OP_W] = b->hw;
    if (pass != E3TP_BACKWARD)
        c->out[OP_Z] = pass == E3TP_FORWARD ? b->z : b->hz;
}

static void read_call(call *c, const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b)
{
    const e3tp_problem *q = p->problem;
    *c = (call){.plan = p,
                .executor = e3tp_plan_executor(p),
                .pass = pass,
                .b = b,
                .element = e3tp_dtype_size(q->dtype)};
    read_pointers(c);
    const ptrdiff_t given[OP_COUNT] = {b->stride_x, b->stride_y, b->stride_w, b->stride_z};
    const e3tp_operand operand[OP_COUNT] = {E3TP_X, E3TP_Y, E3TP_W, E3TP_Z};
    const size_t packed = b->batch ? b->batch : 1; /* 0 would be one row for all */
    for (int k = 0; k < OP_COUNT; k++) {
        c->width[k] = e3tp_plan_width(p, operand[k]);
        c->batch_last[k] = e3tp_op_batch_last(&c->executor, k);
        c->stride[k] = given[k] != E3TP_PACKED
                           ? given[k]
                           : (ptrdiff_t)(c->batch_last[k] ? packed : c->width[k]);
    }
    if (q->weights == E3TP_WEIGHTS_SHARED && given[OP_W] == E3TP_PACKED)
        c->stride[OP_W] = 0;
    /* To a backend, stride 0 of z means a sum over rows. */
    if (c->stride[OP_Z] == 0 && b->batch == 1)
        c->stride[OP_Z] = (ptrdiff_t)(c->batch_last[OP_Z] ? 1 : c->width[OP_Z]);
}

static e3tp_status check_stride(const call *c, int k, e3tp_message *m)
{
    const ptrdiff_t s = c->stride[k];
    const size_t least = c->batch_last[k] ? c->b->batch : c->width[k];
    const char *name = k == OP_Z ? "z" : e3tp_op_in_name[k];
    if (c->width[k] == 0 || c->b->batch == 0)
        return E3TP_OK;
    if (k == OP_W && c->plan->problem->weights == E3TP_WEIGHTS_SHARED && s != 0)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "stride of w: %td, expected 0 or packed, the weights are shared", s);
    if (s == 0 && k == OP_Z && c->b->batch > 1)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "stride of z: 0, but every row of the batch has its own result");
    if (s < 0 || (s > 0 && (size_t)s < least && c->b->batch > 1))
        return e3tp_fail(m, E3TP_E_INVALID, "stride of %s: %td, expected 0 or at least %zu", name,
                         s, least);
    size_t extent;
    if (!e3tp_mul_size((size_t)s, c->batch_last[k] ? c->width[k] : c->b->batch, &extent) ||
        extent > PTRDIFF_MAX / 8)
        return e3tp_fail(m, E3TP_E_INVALID, "stride of %s: %td times the batch overflows", name, s);
    return E3TP_OK;
}

/* Bytes from the operand's pointer to the end of its last row. */
static size_t extent(const call *c, int k)
{
    if (c->b->batch == 0 || c->width[k] == 0)
        return 0;
    const size_t es = c->element, s = (size_t)c->stride[k];
    if (s == 0)
        return es * c->width[k];
    if (k == OP_W && c->b->index)
        return es * (s * (c->b->index_rows - 1) + c->width[k]);
    return es * (c->batch_last[k] ? s * (c->width[k] - 1) + c->b->batch
                                  : s * (c->b->batch - 1) + c->width[k]);
}

static e3tp_status check_work(const call *c, e3tp_message *m)
{
    const void *work = c->b->work;
    if (!work || c->b->index)
        return E3TP_OK;
    if ((uintptr_t)work % 64)
        return e3tp_fail(m, E3TP_E_INVALID, "work is not 64-byte aligned");
    const size_t bytes = e3tp_plan_work_bytes(c->plan, c->pass, c->b->batch);
    for (int k = 0; k < OP_COUNT; k++) {
        const size_t n = extent(c, k);
        const char *name = e3tp_overlap(work, bytes, c->in[k], n)    ? e3tp_op_in_name[k]
                           : e3tp_overlap(work, bytes, c->t[k], n)   ? e3tp_op_tangent_name[k]
                           : e3tp_overlap(work, bytes, c->out[k], n) ? e3tp_op_out_name[c->pass][k]
                                                                     : NULL;
        if (name)
            return e3tp_fail(m, E3TP_E_INVALID, "work overlaps %s", name);
    }
    return E3TP_OK;
}

static e3tp_status check_overlap(const call *c, e3tp_message *m)
{
    size_t n[OP_COUNT];
    for (int k = 0; k < OP_COUNT; k++)
        n[k] = extent(c, k);
    for (int k = 0; k < OP_COUNT; k++) {
        if (!c->out[k])
            continue;
        const char *const *names = e3tp_op_out_name[c->pass];
        for (int j = 0; j < OP_COUNT; j++) {
            const bool in = e3tp_overlap(c->out[k], n[k], c->in[j], n[j]);
            if (in || e3tp_overlap(c->out[k], n[k], c->t[j], n[j]))
                return e3tp_fail(m, E3TP_E_INVALID, "%s overlaps %s", names[k],
                                 in ? e3tp_op_in_name[j] : e3tp_op_tangent_name[j]);
        }
        for (int j = 0; j < k; j++)
            if (e3tp_overlap(c->out[k], n[k], c->out[j], n[j]))
                return e3tp_fail(m, E3TP_E_INVALID, "%s overlaps %s", names[k], names[j]);
    }
    return E3TP_OK;
}

static e3tp_status check_index(const call *c, e3tp_message *m)
{
    const e3tp_buffers *b = c->b;
    if (!b->index)
        return E3TP_OK;
    if (c->plan->problem->weights != E3TP_WEIGHTS_ROW)
        return e3tp_fail(m, E3TP_E_INVALID, "index: the plan's weights are not ROW");
    if (c->stride[OP_W] == 0)
        return e3tp_fail(m, E3TP_E_INVALID, "stride of w: 0, but rows are picked by an index");
    if (c->out[OP_W] && (size_t)c->stride[OP_W] != c->width[OP_W])
        return e3tp_fail(m, E3TP_E_INVALID,
                         "stride of w: %td, expected %zu for the gradient of a table",
                         c->stride[OP_W], c->width[OP_W]);
    const ptrdiff_t stride = c->stride[OP_W], width = (ptrdiff_t)c->width[OP_W];
    size_t table;
    if (!e3tp_mul_size((size_t)(stride > width ? stride : width), b->index_rows, &table) ||
        table > PTRDIFF_MAX / 8)
        return e3tp_fail(m, E3TP_E_INVALID, "index_rows: %zu rows of w overflow memory",
                         b->index_rows);
    for (size_t i = 0; i < b->batch; i++)
        if (b->index[i] < 0 || (size_t)b->index[i] >= b->index_rows)
            return e3tp_fail(m, E3TP_E_INVALID, "index[%zu]: %d, the table w has %zu rows", i,
                             b->index[i], b->index_rows);
    return E3TP_OK;
}

static e3tp_status check_call(const call *c, e3tp_message *m)
{
    const e3tp_problem *q = c->plan->problem;
    if (c->b->batch > PTRDIFF_MAX / 8)
        return e3tp_fail(m, E3TP_E_INVALID, "batch: %zu is too large", c->b->batch);
    const bool needs_z = c->pass == E3TP_FORWARD || c->pass == E3TP_JVP;
    if (needs_z && !c->out[OP_Z] && c->width[OP_Z] && c->b->batch)
        return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", e3tp_op_out_name[c->pass][OP_Z]);
    E3TP_TRY(check_index(c, m));
    for (int k = 0; k < OP_COUNT; k++) {
        const bool used =
            !(k == OP_W && q->weights == E3TP_WEIGHTS_NONE) && !(k == OP_Z && needs_z);
        if (used && !c->in[k] && c->width[k] && c->b->batch)
            return e3tp_fail(m, E3TP_E_INVALID, "%s is NULL", e3tp_op_in_name[k]);
        E3TP_TRY(check_stride(c, k, m));
    }
    E3TP_TRY(check_work(c, m));
    return check_overlap(c, m);
}

static e3tp_status check(const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b, call *c,
                         e3tp_message *m)
{
    if (!p)
        return e3tp_fail(m, E3TP_E_INVALID, "the plan is NULL");
    if (!b)
        return e3tp_fail(m, E3TP_E_INVALID, "the buffers are NULL");
    if (b->size != sizeof *b)
        return e3tp_fail(m, E3TP_E_INVALID,
                         "buffers: size is %zu, expected %zu (e3tp_buffers_init sets it)", b->size,
                         sizeof *b);
    if (pass < E3TP_FORWARD || pass > E3TP_JVP)
        return e3tp_fail(m, E3TP_E_INVALID, "there is no pass %d", (int)pass);
    read_call(c, p, pass, b);
    return check_call(c, m);
}

/* ---- the batch
 * ------------------------------------------------------------------------------------- */

enum { MAX_LEAVES = 64 };
static const size_t max_partial_bytes = (size_t)64 << 20;

/* How a batch is cut: the same for every thread count. */
typedef struct cut {
    size_t block, blocks, leaves;
    size_t partial[OP_COUNT]; /* bytes of one partial gradient per operand, 0: not summed */
    size_t leaf_bytes;
} cut;

static size_t partial_element(const e3tp_plan *p)
{
    return p->wide ? sizeof(double) : e3tp_dtype_size(p->problem->dtype);
}

/* summed: elements of the gradients that are summed over the batch, 0 for others. */
static void cut_batch(const e3tp_plan *p, e3tp_pass pass, size_t batch,
                      const size_t summed[OP_COUNT], cut *k)
{
    const size_t element = partial_element(p);
    k->block = p->needs[pass].rows;
    k->blocks = (batch + k->block - 1) / k->block;
    k->leaf_bytes = 0;
    for (int i = 0; i < OP_COUNT; i++) {
        k->partial[i] = e3tp_round_up(summed[i] * element, 64);
        k->leaf_bytes += k->partial[i];
    }
    k->leaves = k->blocks;
    if (k->leaf_bytes) {
        const size_t fit = max_partial_bytes / k->leaf_bytes;
        const size_t most = fit < 1 ? 1 : fit < MAX_LEAVES ? fit : MAX_LEAVES;
        k->leaves = k->blocks < most ? k->blocks : most;
    }
}

typedef struct job {
    const call *c;
    cut k;
    size_t summed[OP_COUNT];
    char *scratch, *partials;
    size_t scratch_bytes, workers;
    bool past, w_streams; /* as in e3tp_rows */
    atomic_size_t next;
} job;

static void *advance(const call *c, int k, const void *p, size_t row)
{
    if (!p || c->stride[k] == 0 || (k == OP_W && c->b->index))
        return (void *)(uintptr_t)p;
    return (char *)(uintptr_t)p + row * c->element * (c->batch_last[k] ? 1 : (size_t)c->stride[k]);
}

static void *out_at(const job *j, int k, size_t leaf, size_t row)
{
    const call *c = j->c;
    if (!c->out[k] || !j->k.partial[k] || (j->k.leaves == 1 && !c->plan->wide))
        return advance(c, k, c->out[k], row);
    char *at = j->partials + leaf * j->k.leaf_bytes;
    for (int i = 0; i < k; i++)
        at += j->k.partial[i];
    return at;
}

/* The sums of one block in single precision, behind the scratch of a block. */
static float *block_sums(const job *j, int k, void *scratch)
{
    char *at = (char *)scratch + j->c->plan->needs[j->c->pass].scratch[j->c->b->index != NULL];
    for (int i = 0; i < k; i++)
        at += e3tp_round_up(j->summed[i] * sizeof(float), 64);
    return (float *)(void *)at;
}

static void add_block_sums(const job *j, size_t leaf, void *scratch)
{
    for (int k = 0; k < OP_COUNT; k++)
        if (j->summed[k])
            e3tp_sum_add_wide(out_at(j, k, leaf, 0), block_sums(j, k, scratch), j->summed[k]);
}

static void run_block(const job *j, size_t leaf, size_t block, void *scratch)
{
    const call *c = j->c;
    const size_t row = block * j->k.block, left = c->b->batch - row;
    e3tp_block_call q = {.executor = &c->executor,
                         .pass = c->pass,
                         .n = left < j->k.block ? left : j->k.block,
                         .index = c->b->index ? c->b->index + row : NULL,
                         .past = j->past,
                         .gw_past = j->past,
                         .w_streams = j->w_streams};
    if (j->past && left > (j->workers + 1) * j->k.block)
        q.ahead = j->workers * j->k.block;
    for (int k = 0; k < OP_COUNT; k++) {
        const bool wide = c->plan->wide && j->summed[k];
        q.in[k] = advance(c, k, c->in[k], row);
        q.t[k] = advance(c, k, c->t[k], row);
        q.out[k] = wide ? block_sums(j, k, scratch) : out_at(j, k, leaf, row);
        q.stride[k] = c->stride[k];
        if (wide)
            memset(q.out[k], 0, j->summed[k] * sizeof(float));
    }
    e3tp_block_run(&q, scratch);
    if (c->plan->wide)
        add_block_sums(j, leaf, scratch);
}

/* The first leaf of a worker is that of its number. */
static size_t leaf_after(job *j, size_t leaf)
{
    return j->workers == 1 ? leaf + 1
                           : atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
}

static void work(void *ctx, size_t worker)
{
    job *j = ctx;
    void *scratch = j->scratch + worker * j->scratch_bytes;
    for (size_t leaf = worker; leaf < j->k.leaves; leaf = leaf_after(j, leaf)) {
        const size_t from = leaf * j->k.blocks / j->k.leaves,
                     to = (leaf + 1) * j->k.blocks / j->k.leaves;
        for (size_t block = from; block < to; block++)
            run_block(j, leaf, block, scratch);
    }
}

static void deliver_sums(const job *j, int k)
{
    const call *c = j->c;
    if (c->plan->wide)
        e3tp_sum_round(c->out[k], out_at(j, k, 0, 0), j->summed[k]);
    else if (j->k.leaves > 1)
        memcpy(c->out[k], out_at(j, k, 0, 0), j->summed[k] * c->element);
}

static void reduce(const job *j)
{
    const size_t element = partial_element(j->c->plan);
    for (int k = 0; k < OP_COUNT; k++) {
        if (!j->k.partial[k])
            continue;
        e3tp_sum_leaves(element, out_at(j, k, 0, 0), j->k.leaf_bytes, j->k.leaves, j->summed[k]);
        deliver_sums(j, k);
    }
}

/* Below it a second thread costs more than it brings: waking one takes a few microseconds. */
static const double seconds_per_worker = 20e-6;

static size_t worker_count(const e3tp_plan *p, e3tp_pass pass, size_t batch, size_t items)
{
    const double most = e3tp_plan_cost(p, pass) * (double)batch / seconds_per_worker;
    const size_t pays = most < 1 ? 1 : most > 1e6 ? 1000000 : (size_t)most;
    return (size_t)e3tp_parallel_workers(&p->parallel, pays < items ? pays : items);
}

/* Of a worker: a block's scratch, and its sums where these are added up in double. */
static size_t worker_bytes(const e3tp_plan *p, e3tp_pass pass, const size_t summed[OP_COUNT],
                           bool indexed)
{
    size_t bytes = p->needs[pass].scratch[indexed];
    for (int k = 0; k < OP_COUNT && p->wide; k++)
        bytes += e3tp_round_up(summed[k] * sizeof(float), 64);
    return bytes;
}

size_t e3tp_plan_work_bytes(const e3tp_plan *p, e3tp_pass pass, size_t batch)
{
    if (!p || pass < E3TP_FORWARD || pass > E3TP_JVP)
        return 0;
    const size_t none[OP_COUNT] = {0}, all[OP_COUNT] = {p->problem->dim[0], p->problem->dim[1],
                                                        e3tp_plan_width(p, E3TP_W), 0};
    const bool gradients = pass == E3TP_BACKWARD || pass == E3TP_DOUBLE_BACKWARD;
    const size_t *summed = gradients ? all : none;
    cut k;
    cut_batch(p, pass, batch, summed, &k);
    const size_t partials = k.leaf_bytes ? k.leaf_bytes * MAX_LEAVES : 0;
    const size_t bound = max_partial_bytes > k.leaf_bytes ? max_partial_bytes : k.leaf_bytes;
    return (size_t)p->parallel.threads * worker_bytes(p, pass, summed, true) +
           (partials < bound ? partials : bound);
}

/* Gradients that sum over the batch: of operands with one row, and of tables of weights. */
static void find_sums(const call *c, size_t summed[OP_COUNT])
{
    for (int k = 0; k < OP_COUNT; k++) {
        const bool table = k == OP_W && c->b->index;
        summed[k] = k == OP_Z || !c->out[k] ? 0
                    : table                 ? c->b->index_rows * c->width[k]
                    : c->stride[k] == 0     ? c->width[k]
                                            : 0;
    }
}

/* Operands and results that have a row for each row of the batch. */
static size_t call_bytes(const call *c)
{
    const size_t row = c->b->batch * c->element;
    size_t bytes = 0;
    for (int k = 0; k < OP_COUNT; k++)
        if (c->stride[k] != 0)
            bytes += (size_t)((c->in[k] != NULL) + (c->t[k] != NULL) + (c->out[k] != NULL)) *
                     c->width[k] * row;
    return bytes;
}

static e3tp_status execute(const call *c)
{
    const e3tp_plan *p = c->plan;
    const size_t batch = c->b->batch;
    job j = {.c = c};
    find_sums(c, j.summed);
    for (int k = 0; k < OP_COUNT; k++)
        if (j.summed[k])
            memset(c->out[k], 0, j.summed[k] * c->element);
    if (batch == 0 || (!c->out[OP_X] && !c->out[OP_Y] && !c->out[OP_W] && !c->out[OP_Z]))
        return E3TP_OK;
    cut_batch(p, c->pass, batch, j.summed, &j.k);
    j.scratch_bytes = worker_bytes(p, c->pass, j.summed, c->b->index != NULL);
    j.workers = worker_count(p, c->pass, batch, j.k.leaves);
    j.past = call_bytes(c) > E3TP_MOST_KEPT_BYTES;
    j.w_streams = c->stride[OP_W] && batch * c->width[OP_W] * c->element > E3TP_MOST_NEAR_BYTES;
    const size_t scratch = j.workers * j.scratch_bytes;
    const size_t partials = j.k.leaves > 1 || p->wide ? j.k.leaves * j.k.leaf_bytes : 0;
    /* work holds no partial gradients of tables */
    const bool enough = c->b->work && !c->b->index;
    char *own = enough ? NULL : e3tp_alloc(&p->allocator, scratch + partials, 1);
    if (!enough && !own)
        return E3TP_E_NOMEM;
    j.scratch = own ? own : c->b->work;
    j.partials = j.scratch + scratch;
    memset(j.partials, 0, partials);
    atomic_init(&j.next, j.workers);
    e3tp_parallel_run(&p->parallel, j.workers, work, &j);
    reduce(&j);
    e3tp_free(&p->allocator, own);
    return E3TP_OK;
}

static e3tp_status checked_execute(const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b)
{
    call c;
    E3TP_TRY(check(p, pass, b, &c, NULL));
    return execute(&c);
}

e3tp_status e3tp_forward(const e3tp_plan *p, const e3tp_buffers *b)
{
    return checked_execute(p, E3TP_FORWARD, b);
}

e3tp_status e3tp_backward(const e3tp_plan *p, const e3tp_buffers *b)
{
    return checked_execute(p, E3TP_BACKWARD, b);
}

e3tp_status e3tp_double_backward(const e3tp_plan *p, const e3tp_buffers *b)
{
    return checked_execute(p, E3TP_DOUBLE_BACKWARD, b);
}

e3tp_status e3tp_jvp(const e3tp_plan *p, const e3tp_buffers *b)
{
    return checked_execute(p, E3TP_JVP, b);
}

e3tp_status e3tp_buffers_check(const e3tp_plan *p, e3tp_pass pass, const e3tp_buffers *b, char *msg,
                               size_t cap)
{
    call c;
    e3tp_message m = {""};
    const e3tp_status s = check(p, pass, b, &c, &m);
    e3tp_message_copy(&m, msg, cap);
    return s;
}
