"""The folder of one node: where each file lies, and how a new one is laid out.

Owns the names and permissions of the files. Never opens the database or the signer: their packages do.

    genesis.json          the chain
    config.toml           local settings
    node_key              network identity (0600)
    validator_key.json    consensus key, only on validators (0600); the signer guard's state lies beside it
    node.sock             while it runs: JSON-RPC for the node's own user (0600)
    keystore/             account keys, keystore v3 (0700, files 0600)
    data/chain/           LevelDB      data/wal/  consensus log      data/mempool.journal, data/peers.json
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from node.errors import HomeError


@dataclass(frozen=True, slots=True)
class NodeHome:
    """Paths inside a node's folder; nothing is created by reading them."""

    root: Path

    @property
    def genesis(self) -> Path:
        return self.root / "genesis.json"

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def node_key(self) -> Path:
        return self.root / "node_key"

    @property
    def validator_key(self) -> Path:
        return self.root / "validator_key.json"

    @property
    def keystore(self) -> Path:
        return self.root / "keystore"

    @property
    def database(self) -> Path:
        return self.root / "data" / "chain"

    @property
    def wal(self) -> Path:
        return self.root / "data" / "wal"

    @property
    def journal(self) -> Path:
        return self.root / "data" / "mempool.journal"

    @property
    def ipc_socket(self) -> Path:
        return self.root / "node.sock"

    @property
    def peer_book(self) -> Path:
        return self.root / "data" / "peers.json"

    def make_folders(self) -> None:
        """Creates the folders that hold files of the running node. Raises HomeError.

        The root may be a folder that the operator made, or any other: its mode is not touched.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.keystore, self.database.parent):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
            self.wal.mkdir(exist_ok=True)
        except OSError as error:
            raise HomeError(f"{error.filename or self.root}: cannot be made: {error.strerror}") from error

    def require_initialised(self) -> None:
        """Raises HomeError with the command that helps when there is no genesis file."""
        if not self.genesis.is_file():
            raise HomeError(f"{self.root} holds no node; make one with: aurigraph init --home {self.root}")


def default_home() -> Path:
    """AURIGRAPH_HOME, or .aurigraph in the user's home folder."""
    return Path(os.environ.get("AURIGRAPH_HOME") or Path.home() / ".aurigraph")


def write_private(path: Path, content: bytes) -> None:
    """Creates a file that only its owner can read; an existing file is never overwritten. Raises HomeError."""
    _write_new(path, content, 0o600)


def write_public(path: Path, content: bytes) -> None:
    """Creates a world-readable file; an existing file is never overwritten. Raises HomeError."""
    _write_new(path, content, 0o644)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)  # half a file on a full disk would be taken for a damaged one later
            raise
    except FileExistsError as error:
        raise HomeError(f"{path} exists already and is not overwritten") from error
    except OSError as error:
        raise HomeError(f"{path}: cannot be written: {error.strerror}") from error
