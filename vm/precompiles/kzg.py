"""KZG point evaluation: p(z) = y for the polynomial behind a commitment (0x0a).

Owns: the input layout and the trusted setup, which is read once (2 s) from the file that py-evm ships and
whose digest is fixed here. The node calls `load_trusted_setup` beside its start, so that later blocks need not wait.
Specification: EIP-4844, section "Point evaluation precompile".
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import ckzg

from chain.errors import EnvironmentFault
from vm.precompiles.interface import Precompile, PrecompileFailure, fixed_price, fixed_reach, guarded

POINT_EVALUATION_GAS: Final = 50_000
INPUT_BYTES: Final = 192
VERSIONED_HASH_VERSION: Final = b"\x01"
FIELD_ELEMENTS_PER_BLOB: Final = 4096
BLS_MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001

_SUCCESS: Final = FIELD_ELEMENTS_PER_BLOB.to_bytes(32, "big") + BLS_MODULUS.to_bytes(32, "big")
_SETUP_PACKAGE: Final = "eth"
_SETUP_FILE: Final = Path("_utils", "kzg_trusted_setup.txt")
_SETUP_SHA256: Final = "d39b9f2d047cc9dca2de58f264b6a09448ccd34db967881a6713eacacf0f26b7"
_NO_PRECOMPUTED_TABLES: Final = 0
"""Tables speed up proofs of cells (EIP-7594), which no precompile needs."""


@lru_cache(maxsize=1)
def load_trusted_setup() -> Any:
    """The setup of the ceremony, in the form ckzg wants; 2 s the first time.

    Raises EnvironmentFault when the file is missing or not the one of the ceremony.
    """
    spec = find_spec(_SETUP_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentFault("the KZG trusted setup is missing: py-evm is not installed")
    path = Path(spec.submodule_search_locations[0]) / _SETUP_FILE
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EnvironmentFault(f"the KZG trusted setup cannot be read: {error}") from error
    if digest != _SETUP_SHA256:
        raise EnvironmentFault(f"{path} is not the KZG trusted setup: its SHA-256 is {digest}")
    return ckzg.load_trusted_setup(str(path), _NO_PRECOMPUTED_TABLES)


def point_evaluation(payload: bytes) -> bytes:
    """versioned hash (32) z (32) y (32) commitment (48) proof (48): two constants of the scheme, 64 bytes.

    Raises PrecompileFailure for another length, a hash that is not the commitment's, z or y not below
    BLS_MODULUS, a malformed point, and a proof that does not hold.
    """
    if len(payload) != INPUT_BYTES:
        raise PrecompileFailure(f"point evaluation takes {INPUT_BYTES} bytes, not {len(payload)}")
    versioned_hash, z, y = payload[:32], payload[32:64], payload[64:96]
    commitment, proof = payload[96:144], payload[144:]
    if versioned_hash != VERSIONED_HASH_VERSION + hashlib.sha256(commitment).digest()[1:]:
        raise PrecompileFailure("versioned hash is not the commitment's")
    try:
        holds = ckzg.verify_kzg_proof(commitment, z, y, proof, load_trusted_setup())
    except RuntimeError:
        raise PrecompileFailure("malformed commitment, proof or field element") from None
    if not holds:
        raise PrecompileFailure("the proof does not hold")
    return _SUCCESS


POINT_EVALUATION: Final = Precompile(
    "point_evaluation",
    fixed_price(POINT_EVALUATION_GAS),
    guarded(point_evaluation),
    fixed_reach(INPUT_BYTES + 1),
)
