"""The consensus key and the guard that keeps it from ever signing two different things for one step.

Owns: the key file, the record of what was signed last, and the decision whether a message may be signed.
Never does: decide what to sign (`engine`), or send anything.
Specification: the rule is that of CometBFT's `privval/file.go` (spec/core: height, round, step only grow);
the storage differs, because a rename without a directory sync has lost its state (cometbft issue 6031).

**Two slots.** The record is written alternately to two slots of a preallocated file, each with a sequence
number and a CRC. `store(n)` overwrites the slot of record n-2, syncs, and only then is signature n released.
A crash inside `store(n)` can damage that slot only: record n-1 was durable before signature n-1 was released,
and lies untouched in the other slot. So when one slot is unreadable, either it held n-2 (and the other one,
n-1, is the newest), or it was becoming n, whose signature nobody has seen: falling back to the other slot
forgets nothing that was released. What remains is a slot that rots later, after its signature was released;
for that the write-ahead log keeps every own message, and recovery raises the guard to the newest of them
(`observe`) before anything new is signed. Two unreadable slots cannot come from one crash: refuse to start.

**Log first, then record.** The log learns of a signed message before the record does. In the other order a crash
in between leaves a record that the log does not lead to; the restarted node would be refused its vote in that
round, and if that happened to more than 1/3 of the power at once (a power cut in the room), the round could never
end. In this order the log leads to the message again, and `observe` brings the record up to it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeVar

from chain.errors import EnvironmentFault, InvariantViolation, NodeError
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.types import Address
from consensus.durable import DiskDirectory, DurableDirectory, DurableFile, write_durably
from consensus.sign_bytes import sign_bytes
from consensus.types import Proposal, SignedMessage, VoteKind

STATE_SUFFIX: Final = ".state"
_KEY_FORMAT: Final = "aurigraph-consensus-key"
_KEY_VERSION: Final = 1
_KEY_FILE_MODE: Final = 0o600
_MAX_KEY_FILE_BYTES: Final = 4096
"""A key file has about 300 bytes; anything larger is some other file."""

_SLOT_MAGIC: Final = b"AURSIGN\x01"
_SLOT_HEAD: Final = struct.Struct(">8sQ20sQIBH64s")
_SLOT_CRC: Final = struct.Struct(">I")
_SLOT_SPACING_BYTES: Final = 4096
"""Each slot has a page of its own, so that writing one cannot tear the other."""
_STATE_FILE_BYTES: Final = 2 * _SLOT_SPACING_BYTES
MAX_SIGN_BYTES: Final = 1024
"""Sign bytes are a few dozen bytes; the bound keeps a record inside its slot."""

T = TypeVar("T")


class DoubleSignRefused(NodeError):
    """The guard has signed this step differently, or a later step, and will not sign this message."""


class SignerFault(EnvironmentFault):
    """Key or signer state cannot be used; the message says what the operator must do."""


class KeyFileUnusable(SignerFault):
    """The key file is missing, damaged, or readable for others."""


class KeyInUse(SignerFault):
    """Another process holds the key."""


class SignerStateDamaged(SignerFault):
    """Neither slot of the signer state is readable, or it belongs to another key."""


class SignStep(IntEnum):
    """Order of signing within a round; the numbers are those of CometBFT's signer state."""

    NOTHING = 0
    PROPOSAL = 1
    PREVOTE = 2
    PRECOMMIT = 3


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """What was signed last. `sign_bytes` and `signature` (64 bytes) are empty when nothing was signed."""

    sequence: int
    height: int
    round: int
    step: SignStep
    sign_bytes: bytes
    signature: bytes

    @property
    def place(self) -> tuple[int, int, SignStep]:
        return self.height, self.round, self.step


NOTHING_SIGNED: Final = SignedRecord(0, 0, 0, SignStep.NOTHING, b"", b"")


def place_of(message: SignedMessage) -> tuple[int, int, SignStep]:
    """Height, round and step of a message."""
    if isinstance(message, Proposal):
        return message.height, message.round, SignStep.PROPOSAL
    step = SignStep.PREVOTE if message.kind is VoteKind.PREVOTE else SignStep.PRECOMMIT
    return message.height, message.round, step


def judge(last: SignedRecord, place: tuple[int, int, SignStep], unsigned: bytes) -> bytes | None:
    """Decide about signing `unsigned` at `place` when `last` was signed last.

    Returns the stored signature for the same bytes, or None when a new signature may be made.
    Raises DoubleSignRefused.
    """
    if place > last.place:
        return None
    if place == last.place and unsigned == last.sign_bytes:
        return last.signature
    what = "something else" if place == last.place else "a later step"
    raise DoubleSignRefused(f"asked to sign {_text(place)}, but signed {what} at {_text(last.place)}")


def _text(place: tuple[int, int, SignStep]) -> str:
    return f"height {place[0]} round {place[1]} {place[2].name.lower()}"


# --- the state file ---


def encode_slot(record: SignedRecord, address: Address) -> bytes:
    """The bytes of one slot; raises InvariantViolation when the sign bytes do not fit."""
    if len(record.sign_bytes) > MAX_SIGN_BYTES:
        raise InvariantViolation(f"{len(record.sign_bytes)} sign bytes, at most {MAX_SIGN_BYTES}")
    head = _SLOT_HEAD.pack(
        _SLOT_MAGIC,
        record.sequence,
        address,
        record.height,
        record.round,
        record.step,
        len(record.sign_bytes),
        record.signature,
    )
    body = head + record.sign_bytes
    return body + _SLOT_CRC.pack(zlib.crc32(body))


def decode_slot(raw: bytes) -> tuple[SignedRecord, Address] | None:
    """The record in a slot and the key address it belongs to; None if torn, rotten or foreign."""
    if len(raw) < _SLOT_HEAD.size + _SLOT_CRC.size:
        return None
    magic, sequence, address, height, round_, step, length, signature = _SLOT_HEAD.unpack_from(raw)
    end = _SLOT_HEAD.size + length
    if magic != _SLOT_MAGIC or length > MAX_SIGN_BYTES or end + _SLOT_CRC.size > len(raw):
        return None
    if _SLOT_CRC.unpack_from(raw, end)[0] != zlib.crc32(raw[:end]):
        return None
    if step not in SignStep.__members__.values():
        return None
    if step == SignStep.NOTHING:
        signature = b""
    record = SignedRecord(sequence, height, round_, SignStep(step), raw[_SLOT_HEAD.size : end], signature)
    return record, Address(address)


class SignerState:
    """The two-slot file. `last` is the newest durable record.

    It lies beside the key file, not in the data directory: wiping the data of a node must not wipe the memory
    of what its key has signed (tendermint issue 3418).
    """

    def __init__(self, file: DurableFile, address: Address, last: SignedRecord) -> None:
        self.last = last
        self._file = file
        self._address = address
        self._failed = False

    @classmethod
    def create(cls, directory: DurableDirectory, name: str, address: Address) -> SignerState:
        """Make the state of a key that has signed nothing. Raises DiskFault if there is one."""
        slot = encode_slot(NOTHING_SIGNED, address).ljust(_SLOT_SPACING_BYTES, b"\0")
        return cls(directory.create(name, slot + slot), address, NOTHING_SIGNED)

    @classmethod
    def open(cls, directory: DurableDirectory, name: str, address: Address) -> SignerState | None:
        """Read the newest record; None if there is no such file. Raises SignerStateDamaged."""
        if name not in directory.names():
            return None
        file = directory.open(name)
        raw = file.read_at(0, _STATE_FILE_BYTES)
        slots = [decode_slot(raw[:_SLOT_SPACING_BYTES]), decode_slot(raw[_SLOT_SPACING_BYTES:])]
        readable = [slot for slot in slots if slot is not None]
        if not readable:
            file.close()
            raise SignerStateDamaged(
                f"{name}: both slots are unreadable, which no crash can cause; without them this key could "
                "sign twice. Use a new key, or restore the newest copy if the key has not run since"
            )
        if any(owner != address for _, owner in readable):
            file.close()
            raise SignerStateDamaged(f"{name} belongs to another consensus key")
        newest = max((record for record, _ in readable), key=lambda record: record.sequence)
        return cls(file, address, newest)

    def store(self, record: SignedRecord) -> None:
        """Make `record` the newest one; it is durable on return. Raises DiskFault, and then for ever."""
        if self._failed:
            raise InvariantViolation("signer state used after a disk fault")
        self._failed = True
        slot = encode_slot(record, self._address)
        write_durably(self._file, _SLOT_SPACING_BYTES * (record.sequence % 2), slot)
        self.last = record
        self._failed = False

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class FileSigner:
    """Signs the messages of one validator, at most one per height, round and step, across restarts.

    `create` makes its files, `load` opens them. The key stays in memory and its file locked until `close`.
    """

    def __init__(
        self,
        key: PrivateKey,
        directory: DurableDirectory,
        state_name: str,
        chain_id: int,
        key_file: KeyFile | None = None,
    ) -> None:
        """Open the state `state_name` in `directory` if it is there. Raises SignerStateDamaged."""
        self.address = key.address
        self.public_key33 = key.public_key
        self._key = key
        self._directory = directory
        self._state_name = state_name
        self._chain_id = chain_id
        self._key_file = key_file
        self._state = SignerState.open(directory, state_name, key.address)

    @staticmethod
    def create(key_path: Path, secret: bytes | None = None) -> Address:
        """Make a key file (0600) and the signer state beside it; return the validator's address.

        `secret`: 32 bytes, random by default. Raises KeyFileUnusable or DiskFault if one of the files exists.
        The state comes first: a key without a state is refused once there is a chain, a state without a key
        harms nobody.
        """
        key = PrivateKey(secret if secret is not None else _random_secret())
        if key_path.exists():
            raise KeyFileUnusable(f"key file {key_path} exists already")
        directory = DiskDirectory(key_path.parent)
        SignerState.create(directory, state_name_of(key_path), key.address).close()
        return KeyFile.create(key_path, key.secret)

    @classmethod
    def load(cls, key_path: Path, chain_id: int) -> FileSigner:
        """Lock and open a key and its state. Raises KeyFileUnusable, KeyInUse or SignerStateDamaged.

        A missing state is not refused here but by `recovery.reconcile`, which also knows the chain.
        """
        key_file = KeyFile.open(key_path)
        try:
            directory = DiskDirectory(key_path.parent)
            return cls(key_file.key, directory, state_name_of(key_path), chain_id, key_file)
        except BaseException:
            key_file.close()
            raise

    def last_height(self) -> int | None:
        """Height of the newest signature, 0 if nothing was signed, None if the state is missing."""
        return None if self._state is None else self._state.last.height

    def create_state(self) -> None:
        """Make the missing state of a key that has never signed."""
        self._state = SignerState.create(self._directory, self._state_name, self.address)

    def sign(
        self, message: SignedMessage, log: Callable[[SignedMessage], None] = lambda _: None
    ) -> SignedMessage:
        """The message with a signature that is recorded durably. Raises DoubleSignRefused.

        `log` gets a newly signed message before it is recorded, to make it durable in the write-ahead log.
        """
        unsigned = sign_bytes(self._chain_id, message)
        place = place_of(message)
        signature = judge(self._opened().last, place, unsigned)
        if signature is None:
            signature = self._key.sign_compact(keccak256(unsigned))
            log(message.signed(signature))
            self._record(place, unsigned, signature)
        return message.signed(signature)

    def attest(self, statement: Callable[[PrivateKey], T]) -> T:
        """What `statement` makes with the key: a signature of bytes with a tag of their own, which are no vote and no
        proposal, and which the guard does not need to remember."""
        return statement(self._key)

    def observe(self, message: SignedMessage) -> bool:
        """Learn of an own signed message from the log; True if the record had lost it."""
        place = place_of(message)
        if place <= self._opened().last.place:
            return False
        self._record(place, sign_bytes(self._chain_id, message), message.signature)
        return True

    def close(self) -> None:
        """Release state and key."""
        if self._state is not None:
            self._state.close()
        if self._key_file is not None:
            self._key_file.close()

    def _opened(self) -> SignerState:
        if self._state is None:
            raise InvariantViolation("signing without a signer state")
        return self._state

    def _record(self, place: tuple[int, int, SignStep], unsigned: bytes, signature: bytes) -> None:
        state = self._opened()
        height, round_, step = place
        state.store(SignedRecord(state.last.sequence + 1, height, round_, step, unsigned, signature))


# --- the key file ---


class KeyFile:
    """An opened and locked consensus key file. The lock lasts until `close` or the end of the process."""

    def __init__(self, key: PrivateKey, descriptor: int) -> None:
        self.key = key
        self._descriptor = descriptor

    @staticmethod
    def create(path: Path, secret: bytes | None = None) -> Address:
        """Write a new key file (0600) and return the address. `secret`: 32 bytes, random by default.

        Raises KeyFileUnusable if the file exists or cannot be written.
        """
        key = PrivateKey(secret if secret is not None else _random_secret())
        fields = {
            "format": _KEY_FORMAT,
            "version": _KEY_VERSION,
            "address": "0x" + key.address.hex(),
            "public_key": "0x" + key.public_key.hex(),
            "secret": "0x" + key.secret.hex(),
        }
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, _KEY_FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(fields, indent=2).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)
        except OSError as fault:
            raise KeyFileUnusable(f"cannot create key file {path}: {fault}") from fault
        return key.address

    @classmethod
    def open(cls, path: Path) -> KeyFile:
        """Lock and read a key file. Raises KeyFileUnusable or KeyInUse."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as fault:
            raise KeyFileUnusable(f"cannot open key file {path}: {fault}") from fault
        try:
            _require_private(path, os.fstat(descriptor))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as fault:
                raise KeyInUse(f"another process uses the consensus key {path}") from fault
            key = _parse_key(path, os.pread(descriptor, _MAX_KEY_FILE_BYTES + 1, 0))
        except BaseException:
            os.close(descriptor)
            raise
        return cls(key, descriptor)

    def close(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def state_name_of(key_path: Path) -> str:
    """Name of the signer state that lies beside a key file."""
    return key_path.stem + STATE_SUFFIX


def _random_secret() -> bytes:
    while True:
        secret = secrets.token_bytes(32)
        try:
            PrivateKey(secret)
        except NodeError:  # out of the curve's range: one draw in 2**128
            continue
        return secret


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileUnusable(f"{path} is not a regular file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise KeyFileUnusable(f"key file {path} has mode {mode:04o}: others can read it; run chmod 600 on it")
    if status.st_uid != os.geteuid():
        raise KeyFileUnusable(f"key file {path} belongs to user id {status.st_uid}, not {os.geteuid()}")


def _parse_key(path: Path, raw: bytes) -> PrivateKey:
    if len(raw) > _MAX_KEY_FILE_BYTES:
        raise KeyFileUnusable(f"{path} is too large for a key file")
    try:
        fields = json.loads(raw)
        if fields["format"] != _KEY_FORMAT or fields["version"] != _KEY_VERSION:
            raise KeyFileUnusable(f"{path} is not a consensus key file of version {_KEY_VERSION}")
        key = PrivateKey(bytes.fromhex(fields["secret"].removeprefix("0x")))
        public_key = bytes.fromhex(fields["public_key"].removeprefix("0x"))
    except (ValueError, KeyError, TypeError, AttributeError, NodeError) as fault:
        if isinstance(fault, KeyFileUnusable):
            raise
        # The parser's message may quote the secret: name the kind of fault only.
        raise KeyFileUnusable(f"key file {path} is damaged ({type(fault).__name__})") from None
    if key.public_key != public_key:
        raise KeyFileUnusable(f"key file {path} is damaged: secret and public key do not match")
    return key
