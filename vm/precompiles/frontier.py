"""The four precompiles of the first release: ecrecover, sha256, ripemd160, identity (0x01 to 0x04).

Never does: reject an input. A signature that recovers nothing gives empty output, not a failure.
Specification: yellow paper appendix E.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import import_module
from typing import Final

from chain.errors import EnvironmentFault
from chain.secp256k1 import InvalidSignature, recover_address
from chain.types import Hash32
from vm.precompiles.interface import Precompile, fixed_price, fixed_reach, guarded, price_per_word

ECRECOVER_GAS: Final = 3000
_ECRECOVER_INPUT_BYTES: Final = 128
_RIPEMD160_OF_NOTHING: Final = "9c1185a5c5e9fc54612808977ee8f548b2258d31"

Digest = Callable[[bytes], bytes]


def ecrecover(payload: bytes) -> bytes:
    """(digest, v, r, s), 32 bytes each and cut or padded with zeros: the address in 32 bytes, or nothing.

    A high s is accepted here: EIP-2 concerns transactions only.
    """
    padded = payload[:_ECRECOVER_INPUT_BYTES].ljust(_ECRECOVER_INPUT_BYTES, b"\x00")
    v = int.from_bytes(padded[32:64], "big")
    if v not in (27, 28):
        return b""
    r = int.from_bytes(padded[64:96], "big")
    s = int.from_bytes(padded[96:128], "big")
    try:
        address = recover_address(Hash32(padded[:32]), v - 27, r, s, allow_high_s=True)
    except InvalidSignature:
        return b""
    return bytes(12) + address


def sha256(payload: bytes) -> bytes:
    """SHA-256 (FIPS 180-4), 32 bytes."""
    return hashlib.sha256(payload).digest()


def _openssl_ripemd160() -> Digest:
    def digest(payload: bytes) -> bytes:
        return hashlib.new("ripemd160", payload, usedforsecurity=False).digest()

    return digest


def _pycryptodome_ripemd160() -> Digest:
    constructor = import_module("Crypto.Hash.RIPEMD160").new

    def digest(payload: bytes) -> bytes:
        result: bytes = constructor(payload).digest()
        return result

    return digest


def select_ripemd160(
    candidates: tuple[Callable[[], Digest], ...] = (
        _openssl_ripemd160,
        _pycryptodome_ripemd160,
    ),
) -> Digest:
    """The first implementation that works here: OpenSSL 3 ships RIPEMD-160 switched off on some systems.

    Raises EnvironmentFault when none does.
    """
    for load in candidates:
        try:
            digest = load()
            if digest(b"").hex() == _RIPEMD160_OF_NOTHING:
                return digest
        except (ImportError, ValueError):
            continue
    raise EnvironmentFault("no RIPEMD-160 is installed: run `pip install pycryptodome`")


_ripemd160_digest: Final = select_ripemd160()


def ripemd160(payload: bytes) -> bytes:
    """RIPEMD-160, 20 bytes behind 12 zero bytes."""
    return bytes(12) + _ripemd160_digest(payload)


def identity(payload: bytes) -> bytes:
    """The input itself."""
    return bytes(payload)


ECRECOVER: Final = Precompile(
    "ecrecover", fixed_price(ECRECOVER_GAS), guarded(ecrecover), fixed_reach(_ECRECOVER_INPUT_BYTES)
)
SHA256: Final = Precompile("sha256", price_per_word(60, 12), guarded(sha256))
RIPEMD160: Final = Precompile("ripemd160", price_per_word(600, 120), guarded(ripemd160))
IDENTITY: Final = Precompile("identity", price_per_word(15, 3), guarded(identity))
