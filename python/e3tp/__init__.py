# SPDX-License-Identifier: MIT
"""Tensor products of irreps of O(3): ctypes over libe3tp. Built so far: the exact mathematics and introspection."""
from ._lib import Unsupported, abi_version, build_info, isa_tiers, version
from .math import bracket_strength, gaunt_strength, wigner_3j, wigner_D

__all__ = ["Unsupported", "abi_version", "bracket_strength", "build_info", "gaunt_strength", "isa_tiers", "version",
           "wigner_3j", "wigner_D"]
