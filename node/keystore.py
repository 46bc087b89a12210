"""Account keys on disk: Web3 Secret Storage version 3, one 0600 file a key, as geth and other wallets read them.

Owns file names, permissions and errors; encryption is eth-keyfile's (scrypt). Never prints or logs a secret.
Specification: Ethereum wiki, "Web3 Secret Storage Definition".
"""

from __future__ import annotations

import json
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.secp256k1 import InvalidPrivateKey, PrivateKey
from chain.types import Address, InvalidAddress, checksum_address, parse_address
from node.errors import KeystoreError
from node.home import write_private

CIPHER = "aes-128-ctr"  # the only one that version 3 defines
MAX_KEYFILE_BYTES = 16 << 10  # a key file is about 500 bytes
SCRYPT_ROUNDS = 1 << 18  # geth's "standard" strength
LIGHT_SCRYPT_ROUNDS = 1 << 12  # geth's "light" strength, for tests and small devices
# A file may ask for any work factor: bound it, or a bad file holds the program for hours (memory is 128*r*n bytes).
MAX_SCRYPT_MEMORY_BYTES = 1 << 30
MAX_PBKDF2_ROUNDS = 10_000_000


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key file and the address that it says it is for."""

    address: Address
    path: Path


class Keystore:
    """A folder of key files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self) -> list[StoredKey]:
        """All key files, by address. Raises KeystoreError for a file that is none."""
        if not self.folder.is_dir():
            return []
        files = sorted(path for path in self.folder.iterdir() if path.is_file() and path.suffix == ".json")
        keys = [StoredKey(_address_of(_read(path), path), path) for path in files]
        return sorted(keys, key=lambda key: key.address)

    def find(self, text: str) -> StoredKey:
        """The key of an address (any case, with or without 0x). Raises KeystoreError."""
        try:
            address = parse_address(text if text.lower().startswith("0x") else "0x" + text)
        except InvalidAddress as error:
            raise KeystoreError(f"{text!r} is not an address: {error}") from error
        for key in self.list():
            if key.address == address:
                return key
        raise KeystoreError(
            f"no key for {checksum_address(address)} in {self.folder}; see: aurigraph keys list"
        )

    def create(self, password: str, rounds: int = SCRYPT_ROUNDS) -> StoredKey:
        """Makes a new random key."""
        while True:
            try:
                key = PrivateKey(secrets.token_bytes(32))
            except InvalidPrivateKey:  # zero or not below the group order: 1 in 2**128
                continue
            return self.add(key, password, rounds)

    def add(self, key: PrivateKey, password: str, rounds: int = SCRYPT_ROUNDS) -> StoredKey:
        """Stores a key under a password. Raises KeystoreError if the address is there already."""
        from eth_keyfile.keyfile import create_keyfile_json  # slow to import: only when a key is written

        if any(stored.address == key.address for stored in self.list()):
            raise KeystoreError(f"a key for {checksum_address(key.address)} is in {self.folder} already")
        document = create_keyfile_json(key.secret, password.encode(), iterations=rounds)
        path = self.folder / f"{key.address.hex()}.json"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, json.dumps(document).encode())
        return StoredKey(key.address, path)

    def unlock(self, stored: StoredKey, password: str) -> PrivateKey:
        """Decrypts a key. Raises KeystoreError for a wrong password, damaged or too open file."""
        mode = stat.S_IMODE(stored.path.stat().st_mode)
        if mode & 0o077:
            raise KeystoreError(
                f"{stored.path} is open to others (mode {mode:04o}); run: chmod 600 {stored.path}"
            )
        return decrypt_keyfile(_read(stored.path), password, str(stored.path))


def read_keyfile(path: Path) -> dict[str, Any]:
    """The JSON document of a key file, for import. Raises KeystoreError."""
    return _read(path)


def decrypt_keyfile(document: dict[str, Any], password: str, source: str) -> PrivateKey:
    """The key in a keystore v3 document; `source` is named in errors. Raises KeystoreError."""
    from eth_keyfile.keyfile import decode_keyfile_json

    _check_document(document, source)
    try:
        secret = decode_keyfile_json(document, password.encode())
        return PrivateKey(secret)
    except ValueError as error:
        if "MAC" in str(error):
            raise KeystoreError(f"{source}: wrong password") from error
        raise KeystoreError(f"{source}: damaged key file: {error}") from error
    except InvalidPrivateKey as error:
        raise KeystoreError(f"{source}: holds no valid key: {error}") from error
    except (KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise KeystoreError(f"{source}: not a keystore v3 file: {error!r}") from error


def _check_document(document: dict[str, Any], source: str) -> None:
    crypto = document.get("crypto") or document.get("Crypto")
    parameters = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(crypto, dict) or not isinstance(parameters, dict):
        raise KeystoreError(f"{source}: not a keystore v3 file: no kdfparams")
    # eth-keyfile 0.10 does not look at the cipher's name and would decrypt with its own.
    if crypto.get("cipher") != CIPHER:
        raise KeystoreError(f"{source}: not a keystore v3 file: cipher is {crypto.get('cipher')!r}")
    numbers = {name: parameters.get(name, 1) for name in ("n", "r", "p", "c")}
    if any(type(value) is not int or value < 1 for value in numbers.values()):
        raise KeystoreError(f"{source}: kdfparams must be positive whole numbers")
    memory = 128 * numbers["n"] * numbers["r"] * numbers["p"]
    if memory > MAX_SCRYPT_MEMORY_BYTES or numbers["c"] > MAX_PBKDF2_ROUNDS:
        raise KeystoreError(f"{source}: asks for more key-derivation work than is sane")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_KEYFILE_BYTES:
            raise KeystoreError(f"{path}: too large for a key file")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise KeystoreError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise KeystoreError(f"{path}: not a key file: {error}") from error
    if not isinstance(document, dict):
        raise KeystoreError(f"{path}: not a key file: expected a JSON object")
    return document


def _address_of(document: dict[str, Any], path: Path) -> Address:
    text = document.get("address")
    if not isinstance(text, str):
        raise KeystoreError(f"{path}: names no address")
    try:
        return parse_address("0x" + text.removeprefix("0x"))
    except InvalidAddress as error:
        raise KeystoreError(f"{path}: names no valid address: {error}") from error
