from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chain.errors import InvariantViolation
from chain.secp256k1 import PrivateKey
from consensus.proposer import next_height
from consensus.validator_set import ValidatorSet, new_validator_set, validator_of
from node.chain_record import (
    ChainRecord,
    decode_chain_record,
    encode_chain_record,
    genesis_chain_record,
    load_head_record,
)
from node.payload import ConsensusRecord, encode_record
from state.chain_store import ChainStore
from tests.node.chain_fixture import GENESIS_TIME, VALIDATOR, HandDrivenChain

KEYS = [PrivateKey(bytes([n]) * 32) for n in range(1, 5)]


@st.composite
def validator_sets(draw: st.DrawFn) -> ValidatorSet:
    """A set some heights into its rotation."""
    powers = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=4))
    made = new_validator_set([validator_of(key.public_key, p) for key, p in zip(KEYS, powers, strict=False)])
    for _ in range(draw(st.integers(0, 3))):
        made = next_height(made)
    return made


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[HandDrivenChain]:
    driven = HandDrivenChain(tmp_path)
    yield driven
    driven.close()


def genesis_record() -> ChainRecord:
    validators = new_validator_set([validator_of(VALIDATOR.public_key, 1)])
    return genesis_chain_record(validators, encode_record(ConsensusRecord(GENESIS_TIME * 1000, None)))


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=100), validator_sets(), validator_sets())
def test_a_record_reads_back_with_its_priorities(
    record: bytes, first: ValidatorSet, second: ValidatorSet
) -> None:
    written = ChainRecord(record, first, second)
    assert decode_chain_record(encode_chain_record(written)) == written


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.floats() | st.binary(max_size=40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@example(raw=b"\x94\x01\x00\x82\xa0\x00\xa1\x00\x00\x00")  # a map in place of a validator set
@given(
    st.binary(max_size=60)
    | values.map(msgpack.packb)
    | st.lists(values, min_size=4, max_size=4).map(msgpack.packb)
)
def test_anything_else_in_our_store_is_a_broken_invariant(raw: bytes) -> None:
    with pytest.raises(InvariantViolation):
        decode_chain_record(raw)


def test_another_version_is_named() -> None:
    first, *rest = msgpack.unpackb(encode_chain_record(genesis_record()))
    with pytest.raises(InvariantViolation, match="version 2"):
        decode_chain_record(msgpack.packb([first + 1, *rest]))


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


@pytest.mark.parametrize("missing", ["header", "certificate", "consensus_record"])
async def test_a_head_with_a_part_missing_is_a_broken_invariant(
    chain: HandDrivenChain, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    await chain.decide()
    monkeypatch.setattr(ChainStore, missing, lambda *_: None)
    with pytest.raises(InvariantViolation, match="the store has no"):
        load_head_record(chain.store, genesis_record())
