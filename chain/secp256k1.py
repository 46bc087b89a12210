"""secp256k1 keys and signatures, as accounts and validators use them.

Owns signing (RFC 6979 nonces, low s), verification and public key recovery, all through libsecp256k1, which
works in constant time and releases the interpreter lock. Never keeps a secret on disk or shows it in a text.
Specification: SEC 1; low s by EIP-2; addresses by the yellow paper, appendix F.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import coincurve

from chain.errors import CallerError, InvariantViolation
from chain.keccak import keccak256
from chain.types import HASH_BYTES, Address, Hash32

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_CURVE_ORDER: Final = CURVE_ORDER // 2
PUBLIC_KEY_BYTES: Final = 33
SIGNATURE_BYTES: Final = 64
SECRET_BYTES: Final = 32

PARSED_PUBLIC_KEYS: Final = 1024
"""Parsed public keys that are kept: parsing costs a square root (about 10 us), and the keys that are
verified again and again are those of a validator set, which is smaller than this."""


class InvalidSignature(CallerError):
    """The signature is out of range, has a high s, or belongs to no public key."""


class InvalidPrivateKey(CallerError):
    """The secret is not a number from 1 to the order of the curve."""


class InvalidPublicKey(CallerError):
    """The bytes are not a compressed point of the curve."""


class Signature(NamedTuple):
    """An ECDSA signature with the parity that recovers its public key."""

    y_parity: int
    r: int
    s: int


class PrivateKey:
    """A secret, its compressed public key (33 bytes) and its address."""

    __slots__ = ("_key", "address", "public_key")

    address: Address
    public_key: bytes

    def __init__(self, secret: bytes) -> None:
        """Take a secret of 32 bytes.

        Raises:
            InvalidPrivateKey: wrong length or out of range. The message does not repeat the secret.
        """
        if len(secret) != SECRET_BYTES:
            raise InvalidPrivateKey(f"a private key has {SECRET_BYTES} bytes, not {len(secret)}")
        if not 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
            raise InvalidPrivateKey("private key out of range")
        self._key = coincurve.PrivateKey(secret)
        self.public_key = self._key.public_key.format()
        self.address = _address_of_point(self._key.public_key)

    @property
    def secret(self) -> bytes:
        """The 32 secret bytes."""
        return bytes(self._key.secret)

    def sign(self, digest: Hash32) -> Signature:
        """Sign a digest of 32 bytes; the same digest always gives the same signature."""
        compact = self._sign_recoverable(digest)
        return Signature(
            compact[64], int.from_bytes(compact[:32], "big"), int.from_bytes(compact[32:64], "big")
        )

    def sign_compact(self, digest: Hash32) -> bytes:
        """Sign a digest of 32 bytes; return r and s in 32 bytes each."""
        return self._sign_recoverable(digest)[:SIGNATURE_BYTES]

    def _sign_recoverable(self, digest: Hash32) -> bytes:
        _require_digest(digest)
        compact = self._key.sign_recoverable(digest, hasher=None)
        if len(compact) != SIGNATURE_BYTES + 1 or compact[64] > 1:
            # Recovery ids 2 and 3 mean that r overflowed the curve order: about one digest in 2**127.
            raise InvariantViolation("signature that Ethereum formats cannot carry")
        return bytes(compact)

    def __repr__(self) -> str:
        """Name the key by its address, never by its secret."""
        return f"PrivateKey(address=0x{self.address.hex()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateKey) and self.public_key == other.public_key

    def __hash__(self) -> int:
        return hash(self.public_key)


def recover_address(digest: Hash32, y_parity: int, r: int, s: int, *, allow_high_s: bool = False) -> Address:
    """Return the address whose key signed `digest`.

    Args:
        digest: 32 bytes.
        y_parity: 0 or 1.
        r: first half of the signature.
        s: second half; above half of the curve order it is refused (EIP-2) unless `allow_high_s`, which
            only the ecrecover precompile needs.

    Raises:
        InvalidSignature: out of range, or no key fits.
    """
    _require_digest(digest)
    if not 0 < r < CURVE_ORDER or not 0 < s <= (CURVE_ORDER - 1 if allow_high_s else HALF_CURVE_ORDER):
        raise InvalidSignature("invalid signature: r or s out of range")
    if y_parity not in (0, 1):
        raise InvalidSignature("invalid signature: y parity is not 0 or 1")
    compact = r.to_bytes(32, "big") + s.to_bytes(32, "big") + (b"\x01" if y_parity else b"\x00")
    try:
        point = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError:
        raise InvalidSignature("invalid signature: no public key fits") from None
    return Address(keccak256(point.format(compressed=False)[1:])[12:])


def verify(public_key: bytes, digest: Hash32, signature: bytes) -> bool:
    """Tell whether `signature` (r and s, 32 bytes each) over `digest` was made by `public_key` (33 bytes).

    A high s is refused, so that one message has one signature per nonce.

    Raises:
        InvalidPublicKey: the public key is not a compressed point.
    """
    _require_digest(digest)
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = signature[:32], signature[32:]
    if not 0 < int.from_bytes(r, "big") < CURVE_ORDER or not 0 < int.from_bytes(s, "big") <= HALF_CURVE_ORDER:
        return False
    r, s = _der_integer(r), _der_integer(s)
    der = bytes((0x30, len(r) + len(s))) + r + s
    return _parse_public_key(public_key).verify(der, digest, hasher=None)


def address_of_public_key(public_key: bytes) -> Address:
    """Return the address of a compressed public key (33 bytes).

    Raises:
        InvalidPublicKey: not a compressed point.
    """
    return _address_of_point(_parse_public_key(public_key))


@lru_cache(maxsize=PARSED_PUBLIC_KEYS)
def _parse_public_key(public_key: bytes) -> coincurve.PublicKey:
    if len(public_key) != PUBLIC_KEY_BYTES or public_key[0] not in (2, 3):
        raise InvalidPublicKey(f"a public key has {PUBLIC_KEY_BYTES} bytes and begins with 02 or 03")
    try:
        return coincurve.PublicKey(public_key)
    except ValueError:
        raise InvalidPublicKey("public key is not a point of the curve") from None


def _address_of_point(point: coincurve.PublicKey) -> Address:
    return Address(keccak256(point.format(compressed=False)[1:])[12:])


def _der_integer(value: bytes) -> bytes:
    stripped = value.lstrip(b"\x00")
    if stripped[0] >= 0x80:
        stripped = b"\x00" + stripped
    return bytes((0x02, len(stripped))) + stripped


def _require_digest(digest: bytes) -> None:
    if len(digest) != HASH_BYTES:
        raise InvariantViolation(f"a digest has {HASH_BYTES} bytes, not {len(digest)}")
