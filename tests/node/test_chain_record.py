from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.receipt import Log
from chain.secp256k1 import PrivateKey
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from consensus.proposer import next_height
from consensus.validator_set import ValidatorSet, apply_updates, new_validator_set, validator_of
from node.chain_record import (
    ChainRecord,
    GenesisRecord,
    chain_record_of,
    deciding_validators,
    encode_chain_record,
    following_validators,
    genesis_chain_record,
    load_head_record,
    read_chain_record,
    record_bytes,
    write_chain_record,
)
from node.payload import ConsensusRecord, encode_record
from state.chain_store import ChainStore
from tests.node.chain_fixture import GENESIS_TIME, VALIDATOR, HandDrivenChain

KEYS = [PrivateKey(bytes([n]) * 32) for n in range(1, 5)]
STRANGER = KEYS[3].public_key


@st.composite
def validator_sets(draw: st.DrawFn) -> ValidatorSet:
    """A set some heights into its rotation."""
    powers = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=4))
    made = new_validator_set([validator_of(key.public_key, p) for key, p in zip(KEYS, powers, strict=False)])
    for _ in range(draw(st.integers(0, 3))):
        made = next_height(made)
    return made


logs = st.builds(
    Log,
    st.binary(min_size=20, max_size=20).map(Address),
    st.lists(st.binary(min_size=32, max_size=32).map(Hash32), max_size=4).map(tuple),
    st.binary(max_size=100),
)
updates = st.builds(ValidatorUpdate, st.sampled_from([key.public_key for key in KEYS]), st.integers(0, 2**60))


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


class Meta:
    """The part of the store that keeps sets."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def meta_get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def meta_put(self, key: bytes, value: bytes) -> None:
        assert key not in self.rows, "a set is written once"
        self.rows[key] = value


def genesis_record() -> GenesisRecord:
    validators = new_validator_set([validator_of(VALIDATOR.public_key, 1)])
    return genesis_chain_record(validators, encode_record(ConsensusRecord(GENESIS_TIME * 1000, None)))


@settings(max_examples=30, deadline=None)
@given(
    st.binary(max_size=100),
    validator_sets(),
    st.lists(updates, max_size=3).map(tuple),
    st.lists(logs, max_size=3).map(tuple),
)
def test_a_record_reads_back_with_priorities_updates_and_events(
    record: bytes,
    validators: ValidatorSet,
    asked: tuple[ValidatorUpdate, ...],
    events: tuple[Log, ...],
) -> None:
    store: Any = Meta()
    written = ChainRecord(record, validators, asked, events)
    raw = write_chain_record(store, written)
    assert read_chain_record(store, raw) == written
    assert record_bytes(raw) == record
    assert write_chain_record(store, written) == raw


def test_sets_of_the_same_members_share_one_row() -> None:
    store: Any = Meta()
    validators = new_validator_set([validator_of(key.public_key, 7) for key in KEYS])
    for _ in range(5):
        validators = next_height(validators)
        raw = write_chain_record(store, ChainRecord(b"", validators))
        assert len(raw) < 80
        assert read_chain_record(store, raw).next_validators == validators
    assert len(store.rows) == 1


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.floats() | st.binary(max_size=40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=60)
    | values.map(msgpack.packb)
    | st.lists(values, min_size=6, max_size=6).map(lambda fields: msgpack.packb([2, *fields[1:]]))
)
def test_anything_else_in_our_store_is_a_broken_invariant(raw: bytes) -> None:
    store: Any = Meta()
    with pytest.raises(InvariantViolation):
        read_chain_record(store, raw)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5), values)
def test_a_record_with_one_wrong_field_is_a_broken_invariant_or_reads_back(place: int, value: Any) -> None:
    store: Any = Meta()
    fields = msgpack.unpackb(write_chain_record(store, ChainRecord(b"r", genesis_record().validators)))
    fields[place] = value
    raw = msgpack.packb(fields)
    try:
        read = read_chain_record(store, raw)
    except InvariantViolation:
        return
    assert encode_chain_record(read) == raw


def test_the_bytes_are_pinned() -> None:
    validators = next_height(new_validator_set([validator_of(key.public_key, 7) for key in KEYS[:2]]))
    raw = encode_chain_record(
        ChainRecord(
            b"record",
            validators,
            (ValidatorUpdate(STRANGER, 300),),
            (Log(Address(b"\x01" * 20), (Hash32(b"\x02" * 32),), b"\x03"),),
        )
    )
    assert raw.hex() == (
        "9602"
        "c4067265636f7264"
        f"c420{validators.hash().hex()}"
        f"92{msgpack.packb(validators.priorities[0]).hex()}{msgpack.packb(validators.priorities[1]).hex()}"
        f"9192c421{STRANGER.hex()}cd012c"
        f"c43cf83af83894{'01' * 20}e1a0{'02' * 32}03"
    )


def test_another_version_is_named() -> None:
    store: Any = Meta()
    raw = write_chain_record(store, ChainRecord(b"", genesis_record().next_validators))
    first, *rest = msgpack.unpackb(raw)
    with pytest.raises(InvariantViolation, match="version 1"):
        read_chain_record(store, msgpack.packb([first - 1, *rest]))


async def test_the_head_is_read_with_who_decided_it_and_who_decides_next(chain: HandDrivenChain) -> None:
    head = load_head_record(chain.store, genesis_record())
    assert (head.commit, head.validators) == (None, None)
    assert head.parent.timestamp_ms == GENESIS_TIME * 1000
    sets = [head.parent.validators]
    for _ in range(3):
        await chain.decide()
        head = load_head_record(chain.store, genesis_record())
        assert head.validators == sets[-1]
        assert head.commit is not None
        assert head.commit.block_id == chain.store.head.hash
        sets.append(head.parent.validators)
        assert head == chain.application._head
    assert deciding_validators(chain.store, 5, genesis_record()) == head.parent.next_validators
    assert deciding_validators(chain.store, 6, genesis_record()) is None
    assert deciding_validators(chain.store, 0, genesis_record()) is None


async def test_updates_of_a_block_are_in_force_two_blocks_later_and_stay_so_after_a_restart(
    chain: HandDrivenChain,
) -> None:
    first, second = chain.application.validators_of(1), chain.application.validators_of(2)
    chain.update_validators(1, ValidatorUpdate(STRANGER, 1), ValidatorUpdate(VALIDATOR.public_key, 100))
    await chain.decide()
    position = chain.application.position()
    assert (position.last_validators, position.validators) == (first, second)
    grown = position.next_validators
    assert [(member.public_key33, member.power) for member in grown.validators] == [
        (VALIDATOR.public_key, 100),
        (STRANGER, 1),
    ]
    assert load_head_record(chain.store, genesis_record()) == chain.application._head
    await chain.decide()
    assert chain.application.position().validators == grown
    assert load_head_record(chain.store, genesis_record()) == chain.application._head
    assert chain_record_of(chain.store, 1).updates == (
        ValidatorUpdate(STRANGER, 1),
        ValidatorUpdate(VALIDATOR.public_key, 100),
    )


@pytest.mark.parametrize(
    "asked",
    [
        [ValidatorUpdate(VALIDATOR.public_key, 0)],
        [ValidatorUpdate(STRANGER, 0)],
        [ValidatorUpdate(STRANGER, 2**60)],
        [ValidatorUpdate(STRANGER, -1)],
        [ValidatorUpdate(STRANGER, 1), ValidatorUpdate(STRANGER, 2)],
        [ValidatorUpdate(b"\x05" * 33, 1)],
        [ValidatorUpdate(b"", 1)],
    ],
    ids=["nobody left", "a stranger leaves", "too much", "negative", "twice", "no point", "no key"],
)
async def test_a_set_that_cannot_be_never_comes_out(
    chain: HandDrivenChain, asked: list[ValidatorUpdate]
) -> None:
    parent = chain.application._head.parent
    assert following_validators(parent, []) == next_height(parent.next_validators)
    with pytest.raises(InvariantViolation, match="block 1 asks for validators"):
        following_validators(parent, asked)
    if all(update.power >= 0 for update in asked):  # others do not even fit the header
        chain.update_validators(1, *asked)
        with pytest.raises(InvariantViolation):
            await chain.build()


def test_updates_stand_on_the_set_that_the_block_before_asked_for() -> None:
    """What block h adds, block h + 1 can remove, before it ever voted."""
    validators = new_validator_set([validator_of(KEYS[0].public_key, 5)])
    grown = apply_updates(next_height(validators), [ValidatorUpdate(STRANGER, 1)])
    assert len(apply_updates(next_height(grown), [ValidatorUpdate(STRANGER, 0)])) == 1


@pytest.mark.parametrize("missing", ["header", "certificate", "consensus_record"])
async def test_a_head_with_a_part_missing_is_a_broken_invariant(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    await chain.decide()
    monkeypatch.setattr(ChainStore, missing, lambda *_: None)
    with pytest.raises(InvariantViolation, match="the store has no"):
        load_head_record(chain.store, genesis_record())
