# SPDX-License-Identifier: MIT
"""Tensor products of irreps of O(3): ctypes over libe3tp. Names, signs and defaults are e3nn's."""

from ._lib import Unsupported, abi_version, build_info, isa_tiers, methods, set_num_threads, version
from .fused import LastLayer, LinearBasis, SHConvolution
from .graph import Convolution, Graph
from .grids import FromS2Grid, ToS2Grid, grid_error_pointwise, grid_size_pointwise, sphere_grid
from .harmonics import SphericalHarmonics, spherical_harmonics
from .irreps import Irrep, Irreps
from .math import bracket_strength, gaunt_strength, lebedev, wigner_3j, wigner_D, wigner_D_from_matrix
from .products import (
    ElementwiseTensorProduct,
    FullTensorProduct,
    FullyConnectedTensorProduct,
    Instruction,
    TensorProduct,
    TensorSquare,
    uvu_tensor_product,
)
from .radial import RadialBasis
from .signals import GauntPower, SignalProduct, grid_size
from .splines import Spline

__all__ = [
    "Convolution",
    "ElementwiseTensorProduct",
    "FromS2Grid",
    "FullTensorProduct",
    "FullyConnectedTensorProduct",
    "GauntPower",
    "Graph",
    "Instruction",
    "Irrep",
    "Irreps",
    "LastLayer",
    "LinearBasis",
    "RadialBasis",
    "SHConvolution",
    "SignalProduct",
    "SphericalHarmonics",
    "Spline",
    "TensorProduct",
    "TensorSquare",
    "ToS2Grid",
    "Unsupported",
    "abi_version",
    "bracket_strength",
    "build_info",
    "gaunt_strength",
    "grid_error_pointwise",
    "grid_size",
    "grid_size_pointwise",
    "isa_tiers",
    "lebedev",
    "methods",
    "set_num_threads",
    "sphere_grid",
    "spherical_harmonics",
    "uvu_tensor_product",
    "version",
    "wigner_3j",
    "wigner_D",
    "wigner_D_from_matrix",
]
