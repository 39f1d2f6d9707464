# SPDX-License-Identifier: MIT
"""The report's prose, as HTML."""

GOALS = "Each is judged by its worst case; reached: worst to best."

CEILINGS = """The vector is what lanes have of their own, x, y, weights of rows, and what left the registers: it bounds
cg where operands have lanes (elementwise, channel-wise). The number is of a plan, or of rows that share weights: it
bounds products with matrices (grid, gaunt, matrix, folded paths and joined channels of cg), where one serves several
vectors. Goals of avx512 over avx2 take the vector's."""

LIMITS = """By avx2 where the machine has it, float32, one thread unless said, shares of peak or bandwidth measured in
the same process. The floor is what a release should have, the goal what the kernels alone have shown to be possible."""

RIVALRY = """10 000 rows of one channel, float32, one core for e3tp and for each peer, in turns in one process by
<code>bench/run --peers</code>. First e3tp's best method against the fastest peer for the same map, then each method
against the fastest peer that has its algorithm; a ratio above 1 means that e3tp is faster. The algorithms of the paper
are written for JAX from their formulas; every result agreed with e3tp's before it was timed. A peer without a time has
the reason in its place."""

PUBLISHED = """The paper's own code, as measured by us on another machine: forward, MIMO, one core (Sapphire
Rapids, {there} Gflop/s by AVX-512), and that scaled by the multiply-add peaks to this one ({here:.0f} Gflop/s).
Where the fastest peer of the algorithm takes no longer, the peers of this page are no weaker than the paper's
code."""

GROWTH = """Both axes logarithmic; in the legends the exponent of L, least squares of the logarithms from L = 3 on.
Batch 10 000 (1 000 above L = 8, of vector fields above 4), multiplicity 1, float32, one core. J = l1+l2+l3: the Gaunt
product has the couplings of even J, the bracket those of odd, the complete and the matrix product all; of the
instruction product the even half and the whole. Cross and dot multiply vector fields, three components for each degree,
to a field and to a function; in MIMO by cg to L = 4 and 6 only, above which it takes longer than all else together. A
kind by its fastest method; forward and backward: the sum of both. SISO, L x L to L, has J = 3L: even and odd L
alternate."""

CROSSOVERS = """The fastest method at each L: where they cross."""

RESOURCES = """MIMO, one core: per cent of the multiply-add peak, counting what the method needs; and the memory that
a call of all rows takes beside its operands, in KB."""

WIDE = """MIMO, 2 500 rows, by the method that AUTO takes: float64 beside float32, forward, one core; and float32 by
all threads beside one, on {cores} cores. Of the peak: the gain over that of the multiply-add peak, by the best samples;
- where the peak itself did not scale, as the machine did not have the cores. All paths to L = 6, all threads to 8. ns
per row."""

STREAMED = """MIMO, forward, one core, by the method that AUTO takes: operands of 128 KB that stay in the cache; the
protocol's 10 000 rows (1 000 at L = 10) by the fastest method; operands of 256 MB, every one read from memory and
written to it. Per cent of the bandwidth of reading, operands counted once. ns per row."""

PROTOCOL = """Batch 10 000 (1 000 above L = 8), multiplicity 1, float32, forward, one core. Two kinds of rows: the
<b>instruction product</b> with every path its own output (all paths, or the half of natural parity that the paper
times), and the <b>Gaunt product</b>, which sums its paths into one output per degree, by each method. They are
different maps; what the second gives up is counted under expressivity. SISO exists for even L only."""

KINDS = """128 channels of 8 rows (above L = 8 of one), 0..L x 0..L to 0..L, float32, one thread, channels innermost, in
the cache, by avx2; ns per row and channel. Gaunt: couplings of even l1+l2+l3; bracket: of odd; complete and matrix:
all; cross and dot: of vector fields, three components for each degree, by cg to L = 4 and 6. At L = 16 and 20 the Gaunt
product alone, which cg does not serve there; compared with the integrals of x y Y by Gauss-Legendre quadrature in
double. What each can express stands under expressivity."""

PARETO = """128 channels of 8 rows, float32, one thread, channels innermost, weights shared by all rows; the fastest
method. From left to right the rank grows: sums of 1, 2, ... products with weights of their own per degree, until every
path is free. The instruction product has a free weight for every path from the start, one point. Expressivity is the
generic dimension of the set of maps that the weights reach (below). A point up and to the left of the grey front is
beaten: another is faster and expresses as much. The two columns are two questions: maps of natural parity, and all."""

SHARES = """Operands stay in the second-level cache; per cent of the multiply-add peak of the same tier, type and
process. cg products: all paths of 0..L x 0..L to 0..L summed into one block per irrep, weighted, three flops counted
per non-zero of W, whatever the kernels execute, which is less.
Gaunt product: flops that the method needs; packing and transposing are time, not flops."""

LAYER = """Diamond, 1000 atoms, 158 neighbours each: edge vectors, harmonics to l = 3, 8 Bessel functions times an
envelope, a linear map to 1280 weights, the channel-wise product of 128x0e+128x1o with the harmonics on 10 paths, the
sum over neighbours. ns per edge. The whole is harmonics, radial functions and convolution one after the other; shares
are of the whole: flops that it needs, operands read or written once, each weight streamed once."""

UNFUSED = """The convolution has no parts to time: it gathers, multiplies and sums in registers and cache. The same
edges by other means, one thread: blocks of edges gathered, multiplied by <code>e3tp_forward</code> with every message
written, and added to their receivers. These times are no parts of the whole, and do not add up to it."""

PASSES = """Passes of the same convolution, fused, on a graph of 46 neighbours: weights read from memory, channels
innermost. Backward gives the gradients that are named, for all edges; double backward all four, as training on forces
wants them. Memory: each array that a pass reads or writes, once."""

LAYERS = """The same passes for layers that potentials have, 216 atoms (the second layer of MACE: 1000), and for all
paths from inputs to l = 2 and 3; ns per edge. 46 neighbours, once the 158 of MACE's medium model. Shares are of the
forward pass: of the multiply-add peak, counting what the product needs, and of the memory bandwidth, counting each
array once."""

FUSED = """The same graph and product, with harmonics made of edge vectors and weights of a cubic spline of the length,
256 knots, for some edges at a time in the cache: none is ever stored, and neither are their gradients; nor is a network
evaluated. Forces are gradients of features and vectors; training on forces, the double backward pass with tangents of
both, gives gradients of features and of the spline. Beside it the time of weights that are read, as float32 or as
bfloat16 (bf16), of edges that stand by receiver or, in full runs, in any order; and of weights that the spline writes
and the convolution reads; over the time of reading weights of float32 alone. Scratch is all memory beyond operands,
results and the graph."""

PRODUCT_PEERS = """Products of interatomic potentials and their kin by <code>bench/run --peers</code>, float32, ns per
row, in blocks of rows that stay in the cache, beside the fastest of e3nn (eager, scripted, compiled), e3nn-jax and
cuEquivariance's method for CPUs. A pass includes those before it: bwd is forward and gradients of all operands, dbl
gradients of those too. Every result was compared before it was timed."""

LAYER_PEERS = """The same products as layers: 216 nodes with 46 neighbours each, ns per edge. A peer gathers features,
multiplies by its own product and sums over receivers (<code>index_add</code>, <code>segment_sum</code>); weights of
each edge are there."""

ELSEWHERE = """<b>Not measured in this run:</b> mops and symmetrix are in no package registry. Times of the second layer
of MACE, 158 neighbours, as measured by us on another machine ({machine}), beside this machine's times of the
same work by the share that each reaches of its own machine's ceiling: weights read, or their gradients written, at the
bandwidth of reading (mops), or flops at the multiply-add peak of its type (symmetrix, whose time has its splines ready;
e3tp makes harmonics and weights in the cache). A ratio of shares above 1 means that e3tp is nearer to what its machine
can do."""

ROTATED = """All paths from degrees 0..L with harmonics 0..L of the edge vectors to 0..L, summed, 128 channels, a weight
for each path and channel that all edges share: in the frame of each edge, where harmonics have one order and paths
couple equal orders alone (frames and turns included), and as any other product. One thread. Percent of peak counts what
each form executes, making harmonics not counted."""

GRAPHS = """Forward, and gradients of features and vectors (bwd), on graphs of other sizes and kinds; 46 neighbours in
diamond, once 158, about 53 in what is like water. Without edges the time is that of the call; 54 atoms, 2484 edges, are
a small system, where calls may cost more than work. Scratch is all memory beyond operands, results and the graph."""

ROOFLINE = """The same passes under the ceilings of the machine, measured in the same process: flops that products and
splines need, over bytes that must be read or written once. What moves more often, or waits, lies below."""

HARMONICS = """Spherical harmonics of degrees 0..l by themselves, of 100 000 vectors (float64: 50 000), from memory to
memory, one thread. The gradient is the whole Jacobian. Errors are over the bound that <code>e3tp/sh.h</code> states."""

RADIAL = """Radial functions by themselves, one thread, 2048 edges in the cache."""

EXPRESSIVITY = """Measured by driving real plans with basis vectors, not by formula. A path (l1, l2 to l3) is reached
if its part of the result does not vanish; expressivity is the rank of the Jacobian of the map from weights to
strengths, computed exactly from the plan's own backward pass; the channels for every path are the generic dimension,
true for almost all weights. Inputs have natural parity and one copy per degree. Closed forms, where known, must
match. Numbers count the stated group, output copies and sharing of weights: with other conventions they differ. The
matrix product is the least that holds all degrees, with results of both parities; some of its paths are zero by
accident."""

ACCURACY = """Largest error of 16 rows against a direct evaluation in double, over the largest sum of |terms| of the
row."""

EQUIVARIANCE = """0..L x 0..L to 0..L, 8 rows, half of them turned by rotations, half by rotations with inversion:
the largest |P(Rx, Ry) - R P(x, y)| over the largest sum of |terms| of the definition in the row. Square and cube are
powers of one function. The table has it in units of the type's eps. What rounding makes of an exact product, the
bound: (2c + 2) eps, c of docs/numerics.md (cg 8, gaunt 12, grid 8, matrix 18), and 3 (L + 1) eps of a double, of the
cube 4 (L + 1), for the turning itself."""

AUTO = """AUTO ranks methods by estimated time of forward plus backward. Where only the forward pass was timed, a loss
may be a gain of the backward pass."""

NOTES = """<ul>
<li>Figures are medians of at least five interleaved rounds, three of what takes longest (column “rounds” of the table
of all results); machines are noisy: compare figures of this page only, and look at the interquartile range.</li>
<li>Nothing is timed before 16 of its rows agree with a direct evaluation in double; convolutions before they agree
with the product alone on some edges, with each other and with sums over all edges.</li>
<li>Times include packing and unpacking the caller's layout, <code>mul_ir</code> unless a row says otherwise.</li>
<li>“% of memory” counts operands once; in the cache it may exceed 100.</li>
<li>A product that keeps every path writes up to hundreds of numbers per input number: at batch 10 000 writing binds
it.</li>
</ul>"""
