"""The one encoding of consensus values: a version byte, then one msgpack array `[kind, fields...]`.

Owns: bytes of wire messages, log entries, and stored commits, validator sets and evidence; all golden-tested.
Never does: verify signatures or judge meaning beyond what one value can contradict in itself.

Decoding is strict: bounded size, exact types and lengths, numbers in range, and the bytes must be the very
ones that encoding the result gives. So a value has exactly one encoding, whose hash may serve as identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final, cast

import msgpack

from consensus import messages as m
from consensus import types as t
from consensus.errors import DecodeError, InvalidValidatorSet
from consensus.params import MAX_BLOCK_BYTES_LIMIT
from consensus.validator_set import MAX_TOTAL_POWER, MAX_VALIDATORS, Validator, ValidatorSet

VERSION: Final = 1
MAX_SMALL_BYTES: Final = 64 * 1024
"""Everything without a payload: 200 votes of about 140 bytes, twice over."""
MAX_MESSAGE_BYTES: Final = MAX_BLOCK_BYTES_LIMIT + 2 * MAX_SMALL_BYTES
"""A message with one largest payload, or a sync response whose sender kept to this size."""
MAX_SYNC_BLOCKS: Final = 64
"""Decided blocks per response; a request asks again for more."""
_MAX_PRIORITY: Final = 4 * MAX_TOTAL_POWER


@dataclass(frozen=True, slots=True)
class _Codec:
    """Two directions of one field; `unpack` raises DecodeError on anything that `pack` cannot produce."""

    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _whole_number(least: int, most: int) -> _Codec:
    def unpack(raw: Any) -> int:
        if type(raw) is not int or not least <= raw <= most:
            raise DecodeError(f"expected a whole number in {least}..{most}")
        return raw

    return _Codec(_same, unpack)


def _octets(least: int, most: int) -> _Codec:
    def unpack(raw: Any) -> bytes:
        if type(raw) is not bytes or not least <= len(raw) <= most:
            raise DecodeError(f"expected {least}..{most} bytes")
        return raw

    return _Codec(_same, unpack)


def _boolean() -> _Codec:
    def unpack(raw: Any) -> bool:
        if type(raw) is not bool:
            raise DecodeError("expected true or false")
        return raw

    return _Codec(_same, unpack)


def _member(kind: type[IntEnum]) -> _Codec:
    by_number = {int(member): member for member in kind}

    def unpack(raw: Any) -> IntEnum:
        if type(raw) is not int or raw not in by_number:
            raise DecodeError(f"not a {kind.__name__}")
        return by_number[raw]

    return _Codec(int, unpack)


def _optional(inner: _Codec) -> _Codec:
    return _Codec(
        lambda value: None if value is None else inner.pack(value),
        lambda raw: None if raw is None else inner.unpack(raw),
    )


def _many(inner: _Codec, least: int, most: int) -> _Codec:
    def unpack(raw: Any) -> tuple[Any, ...]:
        if type(raw) is not list or not least <= len(raw) <= most:
            raise DecodeError(f"expected a list of {least}..{most} items")
        return tuple(inner.unpack(item) for item in raw)

    return _Codec(lambda values: [inner.pack(value) for value in values], unpack)


def _record(cls: type[Any], check: Callable[[Any], None] | None = None, **codecs: _Codec) -> _Codec:
    """An array of the named fields of `cls`, in declaration order; `check` raises DecodeError."""
    table = tuple(codecs.items())
    if [name for name in (field.name for field in fields(cls)) if name in codecs] != list(codecs):
        raise TypeError(f"fields of {cls.__name__} are not in declaration order")

    def pack(value: Any) -> list[Any]:
        return [codec.pack(getattr(value, name)) for name, codec in table]

    def unpack(raw: Any) -> Any:
        if type(raw) is not list or len(raw) != len(table):
            raise DecodeError(f"expected {len(table)} fields of {cls.__name__}")
        value = cls(**{name: codec.unpack(item) for (name, codec), item in zip(table, raw, strict=True)})
        if check is not None:
            check(value)
        return value

    return _Codec(pack, unpack)


def _union(members: dict[int, tuple[type[Any], _Codec]]) -> _Codec:
    """`[kind, body]`; `members` maps the kind number to the class and its codec."""
    by_class = {cls: (number, codec) for number, (cls, codec) in members.items()}

    def pack(value: Any) -> list[Any]:
        number, codec = by_class[type(value)]
        return [number, codec.pack(value)]

    def unpack(raw: Any) -> Any:
        if type(raw) is not list or len(raw) != 2 or type(raw[0]) is not int or raw[0] not in members:
            raise DecodeError("unknown kind of message")
        return members[raw[0]][1].unpack(raw[1])

    return _Codec(pack, unpack)


# --- values ---

_HEIGHT: Final = _whole_number(0, t.MAX_HEIGHT)
_ROUND: Final = _whole_number(0, t.MAX_ROUND)
_POL_ROUND: Final = _whole_number(t.NO_ROUND, t.MAX_ROUND)
_HASH: Final = _octets(32, 32)
_ADDRESS: Final = _octets(20, 20)
_SIGNATURE: Final = _octets(t.SIGNATURE_BYTES, t.SIGNATURE_BYTES)
_MAYBE_UNSIGNED: Final = _octets(0, t.SIGNATURE_BYTES)
_PAYLOAD: Final = _octets(0, MAX_BLOCK_BYTES_LIMIT)


def _check_proposal(proposal: t.Proposal) -> None:
    if proposal.pol_round >= proposal.round:
        raise DecodeError("proof-of-lock round is not before the proposal's round")


def _check_slot(slot: t.CommitSignature) -> None:
    expected = 0 if slot.block_id_flag is t.BlockIdFlag.ABSENT else t.SIGNATURE_BYTES
    if len(slot.signature) != expected:
        raise DecodeError(f"signature of {len(slot.signature)} bytes in a slot that needs {expected}")


def _vote(signature: _Codec) -> _Codec:
    return _record(
        t.Vote,
        kind=_member(t.VoteKind),
        height=_HEIGHT,
        round=_ROUND,
        block_id=_optional(_HASH),
        validator=_ADDRESS,
        signature=signature,
    )


def _proposal(signature: _Codec) -> _Codec:
    return _record(
        t.Proposal,
        _check_proposal,
        height=_HEIGHT,
        round=_ROUND,
        pol_round=_POL_ROUND,
        block_id=_HASH,
        proposer=_ADDRESS,
        signature=signature,
    )


_VOTE: Final = _vote(_SIGNATURE)
_PROPOSAL: Final = _proposal(_SIGNATURE)
_COMMIT: Final = _record(
    t.Commit,
    height=_HEIGHT,
    round=_ROUND,
    block_id=_HASH,
    signatures=_many(
        _record(
            t.CommitSignature,
            _check_slot,
            validator=_ADDRESS,
            block_id_flag=_member(t.BlockIdFlag),
            signature=_MAYBE_UNSIGNED,
        ),
        1,
        MAX_VALIDATORS,
    ),
)
_POLKA: Final = _record(
    t.PolkaCertificate,
    height=_HEIGHT,
    round=_ROUND,
    block_id=_HASH,
    signatures=_many(
        _record(t.CertificateSignature, validator=_ADDRESS, signature=_SIGNATURE), 1, MAX_VALIDATORS
    ),
)


def _check_round_certificate(certificate: t.RoundCertificate) -> None:
    if certificate.round == 0:
        raise DecodeError("round 0 needs no certificate")
    skip = certificate.kind is t.RoundCertificateKind.SKIP
    voted_round = certificate.round if skip else certificate.round - 1
    for vote in certificate.votes:
        if vote.height != certificate.height or vote.round != voted_round:
            raise DecodeError("a vote of another height or round in a round certificate")
        if not skip and vote.kind is not t.VoteKind.PRECOMMIT:
            raise DecodeError("only precommits end a round")


_ROUND_CERTIFICATE: Final = _record(
    t.RoundCertificate,
    _check_round_certificate,
    kind=_member(t.RoundCertificateKind),
    height=_HEIGHT,
    round=_ROUND,
    votes=_many(_VOTE, 1, MAX_VALIDATORS),
)
_EVIDENCE: Final = _union(
    {
        1: (t.DuplicateVoteEvidence, _record(t.DuplicateVoteEvidence, first=_VOTE, second=_VOTE)),
        2: (
            t.DuplicateProposalEvidence,
            _record(t.DuplicateProposalEvidence, first=_PROPOSAL, second=_PROPOSAL),
        ),
    }
)
_VALIDATOR_ROW: Final = _record(
    Validator, address=_ADDRESS, public_key33=_octets(33, 33), power=_whole_number(1, MAX_TOTAL_POWER)
)
_VALIDATOR_SET: Final = _record(
    ValidatorSet,
    validators=_many(_VALIDATOR_ROW, 1, MAX_VALIDATORS),
    priorities=_many(_whole_number(-_MAX_PRIORITY, _MAX_PRIORITY), 1, MAX_VALIDATORS),
)
_SIGNED: Final = _union({1: (t.Vote, _VOTE), 2: (t.Proposal, _PROPOSAL)})
_UNSIGNED: Final = _union(
    {1: (t.Vote, _vote(_octets(0, 0))), 2: (t.Proposal, _proposal(_octets(0, 0)))},
)
_SYNCED_BLOCK: Final = _record(m.SyncedBlock, payload=_PAYLOAD, commit=_COMMIT)

# Numbers are part of the format: never reuse one.
_WIRE: Final = _union(
    {
        1: (
            m.ProposalMessage,
            _record(
                m.ProposalMessage, proposal=_PROPOSAL, payload=_PAYLOAD, polka_certificate=_optional(_POLKA)
            ),
        ),
        2: (t.Vote, _VOTE),
        3: (t.PolkaCertificate, _POLKA),
        4: (t.RoundCertificate, _ROUND_CERTIFICATE),
        5: (m.Status, _record(m.Status, height=_HEIGHT, round=_ROUND, step=_member(t.Step))),
        6: (m.BlockRequest, _record(m.BlockRequest, height=_HEIGHT, block_id=_HASH)),
        7: (m.BlockResponse, _record(m.BlockResponse, payload=_optional(_PAYLOAD))),
        8: (m.SyncRequest, _record(m.SyncRequest, start=_HEIGHT, count=_whole_number(1, MAX_SYNC_BLOCKS))),
        9: (
            m.SyncResponse,
            _record(m.SyncResponse, head=_HEIGHT, blocks=_many(_SYNCED_BLOCK, 0, MAX_SYNC_BLOCKS)),
        ),
    }
)
_LOG: Final = _union(
    {
        1: (m.StartRound0, _record(m.StartRound0, height=_HEIGHT)),
        2: (m.ProposalReceived, _record(m.ProposalReceived, proposal=_PROPOSAL)),
        3: (m.BlockReady, _record(m.BlockReady, height=_HEIGHT, block_id=_HASH, valid=_boolean())),
        4: (m.VoteReceived, _record(m.VoteReceived, vote=_VOTE)),
        5: (m.PolkaCertificateReceived, _record(m.PolkaCertificateReceived, certificate=_POLKA)),
        6: (m.RoundCertificateReceived, _record(m.RoundCertificateReceived, certificate=_ROUND_CERTIFICATE)),
        7: (m.BlockBuilt, _record(m.BlockBuilt, height=_HEIGHT, round=_ROUND, block_id=_HASH)),
        8: (m.OwnSigned, _record(m.OwnSigned, message=_SIGNED)),
        9: (m.SigningRefused, _record(m.SigningRefused, message=_UNSIGNED)),
        10: (
            m.TimeoutElapsed,
            _record(m.TimeoutElapsed, kind=_member(t.TimeoutKind), height=_HEIGHT, round=_ROUND),
        ),
        11: (m.BlockPayload, _record(m.BlockPayload, height=_HEIGHT, block_id=_HASH, payload=_PAYLOAD)),
    }
)

# --- bytes ---


def _encode(codec: _Codec, value: Any) -> bytes:
    return bytes((VERSION,)) + cast(bytes, msgpack.packb(codec.pack(value), use_bin_type=True))


def _decode(codec: _Codec, raw: bytes, max_bytes: int) -> Any:
    if not 2 <= len(raw) <= max_bytes:
        raise DecodeError(f"{len(raw)} bytes, expected 2..{max_bytes}")
    if raw[0] != VERSION:
        raise DecodeError(f"version {raw[0]}, this node speaks {VERSION}")
    try:
        packed = msgpack.unpackb(
            memoryview(raw)[1:],
            raw=False,
            max_str_len=0,
            max_map_len=0,
            max_ext_len=0,
            max_bin_len=max_bytes,
            max_array_len=MAX_VALIDATORS,
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise DecodeError(f"not msgpack of ours: {type(error).__name__}") from error
    try:
        value = codec.unpack(packed)
    except InvalidValidatorSet as error:
        raise DecodeError(str(error)) from error
    if _encode(codec, value) != raw:
        raise DecodeError("not the canonical encoding")
    return value


def encode_message(message: m.WireMessage) -> bytes:
    """Bytes of a message between nodes."""
    return _encode(_WIRE, message)


def decode_message(raw: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES) -> m.WireMessage:
    """The message; `max_bytes` bounds the whole. Raises DecodeError."""
    return cast(m.WireMessage, _decode(_WIRE, raw, max_bytes))


def encode_input(entry: m.LogEntry) -> bytes:
    """Bytes of a log entry; the peer that an input came from is left out, replay has no peers."""
    return _encode(_LOG, entry)


def decode_input(raw: bytes) -> m.LogEntry:
    """The log entry. Raises DecodeError."""
    return cast(m.LogEntry, _decode(_LOG, raw, MAX_MESSAGE_BYTES))


def encode_commit(commit: t.Commit) -> bytes:
    """Bytes of a commit, as stored beside its block."""
    return _encode(_COMMIT, commit)


def decode_commit(raw: bytes) -> t.Commit:
    """The commit. Raises DecodeError."""
    return cast(t.Commit, _decode(_COMMIT, raw, MAX_SMALL_BYTES))


def encode_validator_set(validators: ValidatorSet) -> bytes:
    """Bytes of a validator set with its priorities."""
    return _encode(_VALIDATOR_SET, validators)


def decode_validator_set(raw: bytes) -> ValidatorSet:
    """The validator set, checked. Raises DecodeError."""
    return cast(ValidatorSet, _decode(_VALIDATOR_SET, raw, MAX_SMALL_BYTES))


def encode_evidence(evidence: t.Evidence) -> bytes:
    """Bytes of one piece of evidence."""
    return _encode(_EVIDENCE, evidence)


def decode_evidence(raw: bytes) -> t.Evidence:
    """The evidence, signatures not checked. Raises DecodeError."""
    return cast(t.Evidence, _decode(_EVIDENCE, raw, MAX_SMALL_BYTES))
