# SPDX-License-Identifier: MIT
"""Fully connected products (uvw, every path) of networks; the first operand, the second, the result."""

DOCK = "10x1o+10x1e+48x0e+48x0o"
TETRIS = "64x0e+24x1e+24x1o+16x2e+16x2o"

# One set of weights for all rows.
SHARED = {
    "e3tools-transformer": ("64x0e+16x1o", "0e+1o", "64x0e+16x1o"),
    "tetris-1": ("0e+1o+2e+3o", "0e+1o+2e+3o", TETRIS),
    "tetris-2": (TETRIS, "0e+1o+2e", "0o+6x0e"),
}
# Weights of their own for each row.
BY_ROW = {
    "DiffDock-1": (DOCK, "0e+1o", DOCK),
    "DiffDock-2": (DOCK, "0e+1o+2e", DOCK),
    "e3tools-conv": ("64x0e+16x1o", "0e+1o", "80x0e+16x1o"),
}
