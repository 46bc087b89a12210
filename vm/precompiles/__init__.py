"""Precompiled contracts: native functions at fixed addresses.

Owns: PRECOMPILES[fork][address], each entry a pure function with a price. Never touches state and never
charges: the call path asks `gas`, charges, then calls `run` and treats PrecompileFailure as a failed call.
Specification: yellow paper appendix E; EIPs 152, 196, 197, 198, 1108, 2537, 2565, 4844.
"""

from vm.precompiles.interface import HEAD_BYTES, Precompile, PrecompileFailure
from vm.precompiles.kzg import load_trusted_setup
from vm.precompiles.table import PRECOMPILES

__all__ = ["HEAD_BYTES", "PRECOMPILES", "Precompile", "PrecompileFailure", "load_trusted_setup"]
