"""`aurigraph keys …`: account keys in the node's keystore (Web3 Secret Storage v3, files 0600)."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chain.hd import ETHEREUM_ACCOUNT_PATH, derive_child, master_key, mnemonic_seed
from chain.secp256k1 import InvalidPrivateKey, PrivateKey
from chain.types import checksum_address
from node.commands.common import CommandFailed, CommandGroup, home_option, json_option, show, show_rows
from node.commands.secrets import password_option, read_password, read_secret_file
from node.home import NodeHome, write_private
from node.keystore import (
    LIGHT_SCRYPT_ROUNDS,
    SCRYPT_ROUNDS,
    Keystore,
    StoredKey,
    decrypt_keyfile,
    read_keyfile,
)

light_option = click.option(
    "--light", is_flag=True, help="Less key-derivation work (geth's light strength): faster, weaker."
)


@click.group(cls=CommandGroup)
def keys() -> None:
    """Account keys: new, list, show, import, export."""


@keys.command()
@home_option
@password_option
@light_option
@json_option
def new(home: NodeHome, password_file: Path | None, light: bool, as_json: bool) -> None:
    """Make a new random key."""
    password = read_password(password_file, "Password for the new key", confirm=True)
    _shown(Keystore(home.keystore).create(password, _rounds(light)), as_json)


@keys.command(name="list")
@home_option
@json_option
def list_keys(home: NodeHome, as_json: bool) -> None:
    """All keys of the keystore."""
    stored = Keystore(home.keystore).list()
    rows = [{"address": checksum_address(key.address), "file": str(key.path)} for key in stored]
    show_rows(rows, as_json, empty=f"no keys in {home.keystore}; make one with: aurigraph keys new")


@keys.command(name="show")
@click.argument("address")
@home_option
@json_option
def show_key(address: str, home: NodeHome, as_json: bool) -> None:
    """Where the key of ADDRESS lies."""
    _shown(Keystore(home.keystore).find(address), as_json)


@keys.command(name="import")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "keystore", "hex", "mnemonic"]),
    default="auto",
    show_default=True,
    help="What SOURCE holds: a keystore v3 file, a private key in hex, or a BIP-39 mnemonic.",
)
@click.option(
    "--index", type=click.IntRange(0, 2**31 - 1), default=0, help="Account of a mnemonic [default: 0]."
)
@click.option(
    "--source-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Password of a keystore file, if it differs from the new one.",
)
@home_option
@password_option
@light_option
@json_option
def import_key(
    source: Path,
    form: str,
    index: int,
    source_password_file: Path | None,
    home: NodeHome,
    password_file: Path | None,
    light: bool,
    as_json: bool,
) -> None:
    """Take in a key from the file SOURCE ('-': standard input for hex and mnemonic).

    The words of a mnemonic are not looked up in a list, so a mistyped word gives another key: compare the address.
    """
    form = _detected(source) if form == "auto" else form
    if form == "keystore":
        secret = read_password(source_password_file or password_file, f"Password of {source}")
        key = decrypt_keyfile(read_keyfile(source), secret, str(source))
    else:
        key = _key_from_text(read_secret_file(source), form, index, source)
    password = read_password(password_file, "Password to store the key under", confirm=True)
    _shown(Keystore(home.keystore).add(key, password, _rounds(light)), as_json)


@keys.command(name="export")
@click.argument("address")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--hex", "as_hex", is_flag=True, help="Write the bare private key instead of a keystore file.")
@home_option
@password_option
@json_option
def export_key(
    address: str, target: Path, as_hex: bool, home: NodeHome, password_file: Path | None, as_json: bool
) -> None:
    """Write the key of ADDRESS to the new file TARGET (mode 0600)."""
    keystore = Keystore(home.keystore)
    stored = keystore.find(address)
    if not target.parent.is_dir():
        raise CommandFailed(f"{target.parent} is not a folder")
    if as_hex:
        key = keystore.unlock(
            stored, read_password(password_file, f"Password of {checksum_address(stored.address)}")
        )
        write_private(target, b"0x" + key.secret.hex().encode() + b"\n")
    else:
        write_private(target, json.dumps(read_keyfile(stored.path)).encode())
    show({"address": checksum_address(stored.address), "file": str(target)}, as_json)


def _shown(stored: StoredKey, as_json: bool) -> None:
    show({"address": checksum_address(stored.address), "file": str(stored.path)}, as_json)


def _rounds(light: bool) -> int:
    return LIGHT_SCRYPT_ROUNDS if light else SCRYPT_ROUNDS


def _detected(source: Path) -> str:
    if str(source) == "-":
        raise CommandFailed("say what standard input holds: --format hex or --format mnemonic")
    with source.open("rb") as file:
        head = file.read(64).lstrip()
    if head.startswith(b"{"):
        return "keystore"
    return "mnemonic" if b" " in head.strip() else "hex"


def _key_from_text(text: bytes, form: str, index: int, source: Path) -> PrivateKey:
    try:
        decoded = text.decode("ascii").strip()
        if form == "mnemonic":
            return _account_of_mnemonic(decoded, index)
        return PrivateKey(bytes.fromhex(decoded.removeprefix("0x")))
    except (ValueError, InvalidPrivateKey) as error:
        raise CommandFailed(f"{source} holds no valid {form}: {error}") from error


def _account_of_mnemonic(mnemonic: str, index: int) -> PrivateKey:
    """m/44'/60'/0'/0/index, without deriving the accounts before it."""
    node = master_key(mnemonic_seed(mnemonic))
    for step in (*ETHEREUM_ACCOUNT_PATH, index):
        node = derive_child(node, step)
    return PrivateKey(node.secret)
