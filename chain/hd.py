"""Keys from a mnemonic: BIP-39 seed, BIP-32 derivation, BIP-44 account path.

Owns m/44'/60'/0'/0/index, the path of every Ethereum wallet. Never draws a mnemonic (that needs randomness)
and does not hold the word list: any phrase of a valid length derives keys, as BIP-39 demands of the seed
function; a wallet that wants the word checksum checks it before.
"""

import hashlib
import hmac
import unicodedata
from typing import Final, NamedTuple

from chain.errors import CallerError
from chain.secp256k1 import CURVE_ORDER, InvalidPrivateKey, PrivateKey

HARDENED: Final = 0x8000_0000
ETHEREUM_ACCOUNT_PATH: Final = (44 | HARDENED, 60 | HARDENED, 0 | HARDENED, 0)
"""m/44'/60'/0'/0 (BIP-44 with the coin type of Ether from SLIP-44)."""

WORD_COUNTS: Final = (12, 15, 18, 21, 24)
SEED_ROUNDS: Final = 2048
MAX_SEED_BYTES: Final = 64
MIN_SEED_BYTES: Final = 16


class InvalidMnemonic(CallerError):
    """Not a phrase of 12, 15, 18, 21 or 24 words."""


class InvalidDerivation(CallerError):
    """A path index out of range, a seed of wrong length, or one of the 2**-127 seeds that give no key."""


class ExtendedKey(NamedTuple):
    """A secret and the chain code that its children are derived with, 32 bytes each."""

    secret: bytes
    chain_code: bytes

    def __repr__(self) -> str:
        """Show nothing: both halves are secret."""
        return "ExtendedKey(...)"


def mnemonic_seed(mnemonic: str, passphrase: str = "") -> bytes:
    """Return the 64-byte seed of a mnemonic (BIP-39).

    Raises:
        InvalidMnemonic: wrong number of words. The message does not repeat them.
    """
    words = unicodedata.normalize("NFKD", mnemonic).split()
    if len(words) not in WORD_COUNTS:
        raise InvalidMnemonic(f"a mnemonic has 12, 15, 18, 21 or 24 words, not {len(words)}")
    salt = "mnemonic" + unicodedata.normalize("NFKD", passphrase)
    return hashlib.pbkdf2_hmac("sha512", " ".join(words).encode(), salt.encode(), SEED_ROUNDS)


def master_key(seed: bytes) -> ExtendedKey:
    """Return the root key of a seed of 16 to 64 bytes (BIP-32).

    Raises:
        InvalidDerivation: wrong length, or the seed gives no key.
    """
    if not MIN_SEED_BYTES <= len(seed) <= MAX_SEED_BYTES:
        raise InvalidDerivation(f"a seed has {MIN_SEED_BYTES} to {MAX_SEED_BYTES} bytes")
    digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
    if not 0 < int.from_bytes(digest[:32], "big") < CURVE_ORDER:
        raise InvalidDerivation("this seed gives no master key")
    return ExtendedKey(digest[:32], digest[32:])


def derive_child(parent: ExtendedKey, index: int) -> ExtendedKey:
    """Return child `index` of a private key (BIP-32 CKDpriv); from HARDENED on, hardened.

    Raises:
        InvalidDerivation: the index is not below 2**32, or this child does not exist.
    """
    if not 0 <= index < 2**32:
        raise InvalidDerivation("a path index is a number below 2**32")
    if index >= HARDENED:
        public_part = b"\x00" + parent.secret
    else:
        public_part = PrivateKey(parent.secret).public_key
    digest = hmac.digest(parent.chain_code, public_part + index.to_bytes(4, "big"), "sha512")
    tweak = int.from_bytes(digest[:32], "big")
    secret = (tweak + int.from_bytes(parent.secret, "big")) % CURVE_ORDER
    if tweak >= CURVE_ORDER or secret == 0:
        raise InvalidDerivation(f"child {index} does not exist: take the next index")
    return ExtendedKey(secret.to_bytes(32, "big"), digest[32:])


def derive_accounts(mnemonic: str, count: int, *, passphrase: str = "") -> tuple[PrivateKey, ...]:
    """Return the first `count` Ethereum accounts of a mnemonic: m/44'/60'/0'/0/0 and so on.

    Raises:
        InvalidMnemonic: wrong number of words.
        InvalidDerivation: an index does not exist.
    """
    node = master_key(mnemonic_seed(mnemonic, passphrase))
    for index in ETHEREUM_ACCOUNT_PATH:
        node = derive_child(node, index)
    try:
        return tuple([PrivateKey(derive_child(node, index).secret) for index in range(count)])
    except InvalidPrivateKey:
        raise InvalidDerivation("a derived secret is out of range") from None
