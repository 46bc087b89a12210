"""Which precompile stands at which address under which rule set.

Owns: that table and nothing else. Specification: the meta EIPs 7569 (Cancun) and 7600 (Prague).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chain.types import ADDRESS_BYTES, Address
from vm.forks import Fork
from vm.precompiles import blake2f, bls12_381, bn254, frontier, kzg, modexp
from vm.precompiles.interface import Precompile

_CANCUN: Final = {
    0x01: frontier.ECRECOVER,
    0x02: frontier.SHA256,
    0x03: frontier.RIPEMD160,
    0x04: frontier.IDENTITY,
    0x05: modexp.MODEXP,
    0x06: bn254.BN254_ADD,
    0x07: bn254.BN254_MULTIPLY,
    0x08: bn254.BN254_PAIRING,
    0x09: blake2f.BLAKE2F,
    0x0A: kzg.POINT_EVALUATION,
}
_PRAGUE: Final = _CANCUN | {
    0x0B: bls12_381.BLS12_G1_ADD,
    0x0C: bls12_381.BLS12_G1_MSM,
    0x0D: bls12_381.BLS12_G2_ADD,
    0x0E: bls12_381.BLS12_G2_MSM,
    0x0F: bls12_381.BLS12_PAIRING,
    0x10: bls12_381.BLS12_MAP_FP_TO_G1,
    0x11: bls12_381.BLS12_MAP_FP2_TO_G2,
}


def _by_address(table: Mapping[int, Precompile]) -> Mapping[Address, Precompile]:
    return MappingProxyType(
        {Address(number.to_bytes(ADDRESS_BYTES, "big")): precompile for number, precompile in table.items()}
    )


PRECOMPILES: Final[Mapping[Fork, Mapping[Address, Precompile]]] = MappingProxyType(
    {Fork.CANCUN: _by_address(_CANCUN), Fork.PRAGUE: _by_address(_PRAGUE)}
)
"""Read-only. Every address in it is warm from the start of a transaction (EIP-2929)."""
