import json
from pathlib import Path

import pytest
from eth_account import Account

from chain.secp256k1 import PrivateKey
from node.errors import KeystoreError
from node.keystore import LIGHT_SCRYPT_ROUNDS, Keystore

KEY = PrivateKey(b"\x11" * 32)


def test_a_stored_key_comes_back_and_the_file_is_private(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "keys")
    stored = keystore.add(KEY, "pässword", LIGHT_SCRYPT_ROUNDS)
    assert stored.path.stat().st_mode & 0o777 == 0o600
    assert keystore.list() == [stored]
    assert keystore.unlock(keystore.find("0x" + KEY.address.hex()), "pässword") == KEY
    assert keystore.find(KEY.address.hex().upper()) == stored


def test_another_wallet_reads_our_file_and_we_read_its(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    stored = keystore.add(KEY, "secret", LIGHT_SCRYPT_ROUNDS)
    assert bytes(Account.decrypt(stored.path.read_text(), "secret")) == KEY.secret
    other = PrivateKey(b"\x22" * 32)
    document = Account.encrypt(other.secret, "theirs", kdf="pbkdf2", iterations=2_000)
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    assert keystore.unlock(keystore.find("0x" + other.address.hex()), "theirs") == other


def test_a_wrong_password_a_second_copy_and_an_open_file_are_refused(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    stored = keystore.add(KEY, "right", LIGHT_SCRYPT_ROUNDS)
    with pytest.raises(KeystoreError, match="wrong password"):
        keystore.unlock(stored, "wrong")
    with pytest.raises(KeystoreError, match="already"):
        keystore.add(KEY, "again", LIGHT_SCRYPT_ROUNDS)
    stored.path.chmod(0o644)
    with pytest.raises(KeystoreError, match="chmod 600"):
        keystore.unlock(stored, "right")


@pytest.mark.parametrize("address", ["0x" + "00" * 20, "nonsense", "0x12"])
def test_an_unknown_address_is_named(tmp_path: Path, address: str) -> None:
    with pytest.raises(KeystoreError, match=r"no key for|is not an address"):
        Keystore(tmp_path).find(address)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"address": 5}',
        b'{"address": "00"}',
        b"\xff\xfe",
        b"[" * 5000,
        b" " * 20_000,
    ],
)
def test_a_file_that_is_no_key_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(KeystoreError, match=r"bad\.json"):
        Keystore(tmp_path).list()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("crypto", "kdfparams", "n"), 1 << 40, "more key-derivation work"),
        (("crypto", "kdfparams", "n"), -1, "positive whole numbers"),
        (("crypto", "kdfparams", "n"), "4096", "positive whole numbers"),
        (("crypto", "kdfparams"), None, "no kdfparams"),
        (("crypto", "kdf"), "md5", "damaged|not a keystore"),
        (("crypto", "cipher"), "rot13", "damaged|not a keystore"),
        (("crypto", "ciphertext"), "zz", "damaged|not a keystore"),
        (("crypto", "ciphertext"), "00", "wrong password"),
        (("version",), 9, "damaged|not a keystore"),
    ],
)
def test_a_hostile_key_file_is_refused_quickly(
    tmp_path: Path, path: tuple[str, ...], value: object, words: str
) -> None:
    keystore = Keystore(tmp_path)
    stored = keystore.add(KEY, "x", LIGHT_SCRYPT_ROUNDS)
    document = json.loads(stored.path.read_text())
    target = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    stored.path.write_text(json.dumps(document))
    with pytest.raises(KeystoreError, match=words):
        keystore.unlock(stored, "x")
