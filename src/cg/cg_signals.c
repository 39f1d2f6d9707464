/* SPDX-License-Identifier: MIT */
/* Which products of signals have kernels of their own, and their plans. */
#include "cg/cg_signals.h"

#include "cg/cg_plan.h"

E3TP_RUNNERS(e3tp_cg_signal_runner, e3tp_cg_signal_runner, runners);

/* Whether blocks `first` to before first + lmax + 1 - least of operand k are degrees least..lmax.
 */
static bool holds_degrees(const e3tp_problem *p, int k, size_t first, int least, int lmax)
{
    for (int l = least; l <= lmax; l++)
        if (p->blocks[k][first + (size_t)(l - least)].l != l)
            return false;
    return true;
}

/* A Gaunt product with as many results as those to twice the largest degree. */
static bool is_wide(const e3tp_problem *p)
{
    return p->op == E3TP_OP_GAUNT && p->nblocks[2] == 2 * p->nblocks[0] - 1;
}

static bool is_built(const e3tp_problem *p, e3tp_tier tier, int lmax, bool wide)
{
    const e3tp_cg_signal_runner *r = runners[p->dtype][tier];
    return r && r->has(lmax, wide);
}

bool e3tp_cg_has_signal(const e3tp_problem *p, e3tp_tier tier)
{
    const bool gaunt = p->op == E3TP_OP_GAUNT || p->op == E3TP_OP_COMPLETE,
               bracket = p->op == E3TP_OP_BRACKET || p->op == E3TP_OP_COMPLETE;
    const size_t n = p->nblocks[0];
    const int lmax = (int)n - 1;
    if ((!gaunt && !bracket) || (p->common_y && !p->factor_weights) || p->sign != E3TP_SIGN_E3NN ||
        lmax < 1 || lmax > E3TP_CG_SIGNALS_LMAX || p->nblocks[1] != n)
        return false;
    if (is_wide(p))
        return holds_degrees(p, 0, 0, 0, lmax) && holds_degrees(p, 1, 0, 0, lmax) &&
               holds_degrees(p, 2, 0, 0, 2 * lmax) && is_built(p, tier, lmax, true);
    if (p->nblocks[2] != (gaunt ? n : 0) + (bracket ? n - 1 : 0))
        return false;
    return holds_degrees(p, 0, 0, 0, lmax) && holds_degrees(p, 1, 0, 0, lmax) &&
           (!gaunt || holds_degrees(p, 2, 0, 0, lmax)) &&
           (!bracket || holds_degrees(p, 2, gaunt ? n : 0, 1, lmax)) &&
           is_built(p, tier, lmax, false);
}

/* Non-zeros of the tensor per second, for a tile, below the largest degree and at it, where the
   code no longer fits the first-level cache: calibration by the bench, 128 channels, a core of
   about 4 GHz. */
static const double speed[2][E3TP_TIER_COUNT] = {
    {[E3TP_TIER_AVX2_] = 4.0e9, [E3TP_TIER_AVX512_] = 7.9e9},
    {[E3TP_TIER_AVX2_] = 2.9e9, [E3TP_TIER_AVX512_] = 5.7e9}};

double e3tp_cg_signal_seconds(const e3tp_problem *p, e3tp_tier tier, e3tp_pass pass)
{
    const bool most = p->nblocks[0] > E3TP_CG_SIGNALS_LMAX;
    double nonzeros = 0;
    for (size_t i = 0; i < p->npaths; i++)
        nonzeros += e3tp_cg_nonzeros(p, &p->paths[i]);
    return nonzeros / e3tp_tier_speed(speed[most], tier) * (pass == E3TP_BACKWARD ? 2 : 1);
}

e3tp_status e3tp_cg_signal_create(e3tp_cg_signal **out, const e3tp_problem *p, e3tp_tier tier,
                                  const e3tp_allocator *a, e3tp_message *why)
{
    e3tp_cg_signal *g = e3tp_zalloc(a, 1, sizeof *g);
    if (!g)
        return e3tp_fail(why, E3TP_E_NOMEM, "cg: no memory for the plan");
    e3tp_signal_tiles_set(&g->tiles, p, g, 1);
    e3tp_signal_bind(&g->tiles, &runners[p->dtype][tier]->walk, tier);
    g->lmax = (int)p->nblocks[0] - 1;
    g->gaunt = p->op != E3TP_OP_BRACKET;
    g->bracket = p->op != E3TP_OP_GAUNT;
    g->wide = is_wide(p);
    *out = g;
    return E3TP_OK;
}
