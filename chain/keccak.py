"""Keccak-256, and the well-known hashes of empty things.

Owns the choice of the implementation: tiny-keccak, else safe-pysha3. Slower libraries are refused, because
hashing is on the path of every transaction and trie node: pycryptodome costs 25 times as much per call.
Importing this module also selects the fast back end of eth-hash, which third-party libraries use; it must
therefore be imported before them. Specification: the Keccak submission (padding 0x01), not FIPS 202 SHA-3.
"""

import hashlib
import os
from collections.abc import Callable
from importlib import import_module
from typing import Final

from chain.errors import EnvironmentFault
from chain.types import Hash32

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

_EMPTY: Final = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def _tiny_keccak() -> Callable[[bytes], bytes]:
    implementation: Callable[[bytes], bytes] = import_module("tiny_keccak").keccak256
    return implementation


def _pysha3() -> Callable[[bytes], bytes]:
    constructor = import_module("sha3").keccak_256

    def keccak(message: bytes) -> bytes:
        digest: bytes = constructor(message).digest()
        return digest

    return keccak


def _select_implementation(
    candidates: tuple[Callable[[], Callable[[bytes], bytes]], ...] = (_tiny_keccak, _pysha3),
) -> Callable[[bytes], Hash32]:
    """Return the first implementation that is installed and computes Keccak-256.

    Raises:
        EnvironmentFault: none of them is usable on this machine.
    """
    for load in candidates:
        try:
            implementation = load()
            if implementation(b"").hex() == _EMPTY:
                return implementation  # type: ignore[return-value]
        except (ImportError, AttributeError):
            continue
    raise EnvironmentFault("no fast keccak-256 is installed: run `pip install tiny-keccak` (or safe-pysha3)")


keccak256: Final[Callable[[bytes], Hash32]] = _select_implementation()
"""Keccak-256 of `bytes`: 32 bytes."""

EMPTY_KECCAK: Final = Hash32(bytes.fromhex(_EMPTY))
"""Hash of nothing: the code hash of an account without code."""

EMPTY_TRIE_ROOT: Final = keccak256(b"\x80")
"""Root of a Merkle Patricia trie without entries: keccak(rlp(b""))."""

EMPTY_OMMERS_HASH: Final = keccak256(b"\xc0")
"""keccak(rlp([])): the ommers hash of every block after the merge (EIP-3675)."""

EMPTY_REQUESTS_HASH: Final = Hash32(hashlib.sha256(b"").digest())
"""The requests hash of a block without execution requests (EIP-7685)."""
