"""The node's identity: an ed25519 key in a private file, and the peer id that follows from it.

Owns: the key file (format, permissions, creation) and the derivation of the peer id.
Never: signs anything of consensus or of accounts; those are other keys.
Specification: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
"""

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from nacl.signing import SigningKey

from chain.errors import EnvironmentFault
from p2p.multiaddress import peer_id_text as peer_id_text
from p2p.network import PeerId

SECRET_BYTES = 32

_FILE_PREFIX = "ed25519 "
_FILE_BYTES = len(_FILE_PREFIX) + 2 * SECRET_BYTES + 1
# Protobuf of crypto.pb.PublicKey {Type = Ed25519 (1), Data = 32 bytes}, behind an identity multihash header.
INLINED_KEY_HEADER = bytes((0x00, 0x24, 0x08, 0x01, 0x12, 0x20))


class IdentityUnusable(EnvironmentFault):
    """The key file is missing, malformed or readable by others; the text names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The key pair of this node on the network. `secret` is the 32-byte ed25519 seed."""

    secret: bytes = field(repr=False)
    peer_id: PeerId

    @property
    def text(self) -> str:
        """Peer id as text, the form that operators exchange."""
        return peer_id_text(self.peer_id)


def identity_from_secret(secret: bytes) -> NodeIdentity:
    """Identity of a 32-byte seed. Raises IdentityUnusable on another length."""
    if len(secret) != SECRET_BYTES:
        raise IdentityUnusable(f"a node key has {SECRET_BYTES} bytes, not {len(secret)}")
    public_key = bytes(SigningKey(secret).verify_key)
    return NodeIdentity(secret, INLINED_KEY_HEADER + public_key)


def create_identity(path: Path) -> NodeIdentity:
    """Write a new random key, mode 0600, durable before it returns. Never overwrites: IdentityUnusable if it exists."""
    identity = identity_from_secret(secrets.token_bytes(SECRET_BYTES))
    content = f"{_FILE_PREFIX}{identity.secret.hex()}\n".encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError as error:
        raise IdentityUnusable(f"{path} exists already; a node key is never overwritten") from error
    except OSError as error:
        raise IdentityUnusable(f"cannot write the node key {path}: {error.strerror}") from error
    return identity


def load_identity(path: Path) -> NodeIdentity:
    """Read the key file. Raises IdentityUnusable, also when others than the owner may read or write it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise IdentityUnusable(f"cannot read the node key {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise IdentityUnusable(
            f"the node key {path} is open to other users (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}"
        )
    text = content.decode("ascii", errors="replace").rstrip("\n")
    if not text.startswith(_FILE_PREFIX):
        raise IdentityUnusable(f"{path} is not a node key file")
    try:
        secret = bytes.fromhex(text.removeprefix(_FILE_PREFIX))
    except ValueError as error:
        raise IdentityUnusable(f"{path} is not a node key file") from error
    return identity_from_secret(secret)


def load_or_create_identity(path: Path) -> NodeIdentity:
    """The identity in `path`, created on the first start."""
    return load_identity(path) if path.exists() else create_identity(path)
