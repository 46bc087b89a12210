import random

import pytest

from chain.types import Address
from state.account import Account
from state.changed_reader import ChangedReader
from state.changes import StateChanges
from state.columns import Column
from state.reader import DictReader
from state.roots_ahead import RootsAhead
from state.views import StateView
from tests.state.chain_builder import make_address
from tests.state.test_state_root import Committer, NaiveState, random_changes


def free() -> None:
    """A checkpoint that never gives up."""


def committed(seed: int) -> tuple[random.Random, Committer, NaiveState]:
    """A state of some blocks."""
    rng = random.Random(seed)
    committer, state = Committer(), NaiveState()
    for _ in range(10):
        changes = random_changes(rng, state)
        committer.commit(committer.compute(changes))
        state.apply(changes)
    return rng, committer, state


def snapshot(committer: Committer) -> StateView:
    """The state as it is now, whatever is committed later."""
    return StateView(committer.number, committer.rows.snapshot(), committer.caches)


@pytest.mark.parametrize("seed", range(8))
def test_each_root_ahead_is_the_one_that_a_commit_would_give(seed: int) -> None:
    rng, committer, state = committed(seed)
    rows = list(committer.rows.iterate(b""))
    ahead = RootsAhead(committer.view, free)
    for _ in range(30):
        changes = random_changes(rng, state)
        state.apply(changes)
        assert ahead.advance(changes) == state.root()
    assert list(committer.rows.iterate(b"")) == rows


def test_no_changes_leave_the_root_as_it_is() -> None:
    _, committer, _ = committed(1)
    ahead = RootsAhead(committer.view, free)
    assert ahead.advance(StateChanges()) == committer.root


def test_the_rows_ahead_are_iterated_like_those_of_a_store() -> None:
    rng, committer, state = committed(2)
    ahead = RootsAhead(snapshot(committer), free)
    for _ in range(5):
        changes = random_changes(rng, state)
        ahead.advance(changes)
        committer.commit(committer.compute(changes))
        state.apply(changes)
    pretended, rows = ahead._rows, committer.rows
    storage = (Column.STORAGE.value, Column.STORAGE_NODE.value)
    prefixes = {key[: 33 if key[:1] in storage else 1] for key, _ in rows.iterate(b"")}
    for prefix in sorted(prefixes):
        every = list(rows.iterate(prefix))
        starts = (b"", *(key[len(prefix) :] for key, _ in every[::5]), b"\x80")
        for start in starts:
            for reverse in (False, True):
                wanted = list(rows.iterate(prefix, start=start, reverse=reverse))
                assert list(pretended.iterate(prefix, start=start, reverse=reverse)) == wanted
    for key, value in rows.iterate(b""):
        assert pretended.get(key) == value


def test_a_large_storage_is_wiped_without_a_look_at_it() -> None:
    committer, state = Committer(), NaiveState()
    owner, other = make_address(1), make_address(2)
    slots = dict.fromkeys(range(1, 500), 1)
    changes = StateChanges({owner: Account(1, 1), other: Account(1, 1)}, {owner: slots, other: slots})
    committer.commit(committer.compute(changes))
    state.apply(changes)
    looks = 0

    def checkpoint() -> None:
        nonlocal looks
        looks += 1

    ahead = RootsAhead(committer.view, checkpoint)
    for changes in (
        StateChanges(storage={owner: {1: 5, 600: 5}}),
        StateChanges(wiped=(owner,)),
        StateChanges(storage={owner: {1: 7, 2: 7, 3: 0}}),
        StateChanges(storage={owner: {1: 0}}),
        StateChanges({owner: None}),
        StateChanges({owner: Account(3, 3)}, {owner: {9: 9}}),
    ):
        state.apply(changes)
        assert ahead.advance(changes) == state.root()
    assert looks < 100


def test_reading_rows_can_be_given_up() -> None:
    _, committer, _ = committed(3)

    def checkpoint() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        RootsAhead(committer.view, checkpoint).advance(StateChanges({make_address(1): Account(77, 77)}))


def test_a_changed_reader_shows_the_last_change() -> None:
    account, owner = Account(1, 5), Address(b"\x07" * 20)
    reader = ChangedReader(DictReader({owner: account}, {owner: {1: 1, 2: 2}}))
    reader.absorb(StateChanges({owner: Account(2, 5)}, {owner: {1: 0, 3: 3}}))
    assert reader.account(owner) == Account(2, 5)
    assert [reader.storage(owner, slot) for slot in (1, 2, 3, 4)] == [0, 2, 3, 0]
    assert reader.has_storage(owner)
    reader.absorb(StateChanges(storage={owner: {9: 9}}, wiped=(owner,)))
    assert [reader.storage(owner, slot) for slot in (2, 3, 9)] == [0, 0, 9]
    reader.absorb(StateChanges({owner: None}))
    assert reader.account(owner) is None
    assert not reader.has_storage(owner)
