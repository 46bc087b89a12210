"""Which precompile stands at which address under which rule set.

Owns: that table and nothing else.
Specification: the meta EIPs 609 (Byzantium), 1679 (Istanbul), 7569 (Cancun), 7600 (Prague) and 7607 (Osaka).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chain.types import ADDRESS_BYTES, Address
from vm.forks import Fork
from vm.precompiles import blake2f, bls12_381, bn254, frontier, kzg, modexp, p256
from vm.precompiles.interface import Precompile

_FRONTIER: Final = {
    0x01: frontier.ECRECOVER,
    0x02: frontier.SHA256,
    0x03: frontier.RIPEMD160,
    0x04: frontier.IDENTITY,
}
_BYZANTIUM: Final = _FRONTIER | {
    0x05: modexp.MODEXP_BYZANTIUM,
    0x06: bn254.BN254_ADD_BYZANTIUM,
    0x07: bn254.BN254_MULTIPLY_BYZANTIUM,
    0x08: bn254.BN254_PAIRING_BYZANTIUM,
}
_ISTANBUL: Final = _BYZANTIUM | {
    0x06: bn254.BN254_ADD,
    0x07: bn254.BN254_MULTIPLY,
    0x08: bn254.BN254_PAIRING,
    0x09: blake2f.BLAKE2F,
}
_BERLIN: Final = _ISTANBUL | {0x05: modexp.MODEXP}
_CANCUN: Final = _BERLIN | {0x0A: kzg.POINT_EVALUATION}
_PRAGUE: Final = _CANCUN | {
    0x0B: bls12_381.BLS12_G1_ADD,
    0x0C: bls12_381.BLS12_G1_MSM,
    0x0D: bls12_381.BLS12_G2_ADD,
    0x0E: bls12_381.BLS12_G2_MSM,
    0x0F: bls12_381.BLS12_PAIRING,
    0x10: bls12_381.BLS12_MAP_FP_TO_G1,
    0x11: bls12_381.BLS12_MAP_FP2_TO_G2,
}


_OSAKA: Final = _PRAGUE | {0x05: modexp.MODEXP_OSAKA, 0x100: p256.P256_VERIFY}


def _by_address(table: Mapping[int, Precompile]) -> Mapping[Address, Precompile]:
    return MappingProxyType(
        {Address(number.to_bytes(ADDRESS_BYTES, "big")): precompile for number, precompile in table.items()}
    )


_SETS: Final = tuple(
    [
        (first, _by_address(table))
        for first, table in (
            (Fork.FRONTIER, _FRONTIER),
            (Fork.BYZANTIUM, _BYZANTIUM),
            (Fork.ISTANBUL, _ISTANBUL),
            (Fork.BERLIN, _BERLIN),
            (Fork.CANCUN, _CANCUN),
            (Fork.PRAGUE, _PRAGUE),
            (Fork.OSAKA, _OSAKA),
        )
    ]
)
"""Each from its first rule set on."""

PRECOMPILES: Final[Mapping[Fork, Mapping[Address, Precompile]]] = MappingProxyType(
    {fork: [table for first, table in _SETS if first <= fork][-1] for fork in Fork}
)
"""Read-only. Every address in it is warm from the start of a transaction (EIP-2929)."""
