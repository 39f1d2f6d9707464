# SPDX-License-Identifier: MIT
"""Tensor products of irreps of O(3): ctypes over libe3tp."""

from ._lib import Unsupported, abi_version, build_info, isa_tiers, version
from .math import bracket_strength, gaunt_strength, wigner_3j, wigner_D
from .products import Instruction, TensorProduct

__all__ = [
    "Instruction",
    "TensorProduct",
    "Unsupported",
    "abi_version",
    "bracket_strength",
    "build_info",
    "gaunt_strength",
    "isa_tiers",
    "version",
    "wigner_3j",
    "wigner_D",
]
