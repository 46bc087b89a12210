"""Any simulation at all: it ends in blocks with true roots, or in an error of its caller."""

from dataclasses import replace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from chain.errors import CallerError
from chain.ordered_trie import ordered_root
from chain.types import Address, Hash32
from state.account import MAX_BALANCE, MAX_NONCE
from state.changes import StateChanges
from state.roots_ahead import RootsAhead
from tests.state.test_state_root import NaiveState
from tests.vm.simulated_blocks import Chain, free
from tests.vm.worlds import CHAIN_ID, Accounts, address, assemble, init_code
from vm.block_simulation import (
    BlockOverrides,
    CallRules,
    SimulatedBlockRequest,
    SimulationBase,
    Withdrawal,
    simulate_blocks,
)
from vm.overrides import AccountOverride
from vm.simulation import CallRequest

PLACES = tuple(address(number) for number in (1, 4, 0xA0, 0xA1, 0xA2, 0xA3))
SMALL = st.integers(0, 3)
WORD = st.sampled_from((0, 1, 2, 2**255))
SLOTS = st.dictionaries(SMALL, WORD, max_size=3)
FLEETING = init_code(assemble(0xA1, "SELFDESTRUCT"))


def _calling(to: Address, value: int) -> bytes:
    return assemble(0, 0, 0, 0, value, to, 50_000, "CALL", "POP")


def _creating(init: bytes, value: int) -> bytes:
    """The init code is at most a word long."""
    padded = init.ljust(32, b"\x00")
    return assemble(padded, 0, "MSTORE", 0, len(init), 0, value, "CREATE2", "POP")


PIECES = st.one_of(
    st.builds(lambda slot, value: assemble(value, slot, "SSTORE"), SMALL, WORD),
    st.builds(_calling, st.sampled_from(PLACES), SMALL),
    st.builds(_creating, st.sampled_from((FLEETING, b"", assemble(1, 1, "SSTORE"))), SMALL),
    st.builds(lambda to: assemble(to, "SELFDESTRUCT"), st.sampled_from(PLACES)),
    st.sampled_from((assemble(1, 0, 0, "LOG1"), assemble(0, 0, "REVERT"), assemble("INVALID"))),
)
CODES = st.lists(PIECES, max_size=4).map(b"".join)


def _exclusive(fields: dict[str, Any]) -> AccountOverride:
    if fields.get("state") is not None:
        fields["state_diff"] = None
    return AccountOverride(**fields)


OVERRIDES = st.fixed_dictionaries(
    {},
    optional={
        "balance": st.sampled_from((0, 5, 10**20, MAX_BALANCE)),
        "nonce": st.sampled_from((0, 1, MAX_NONCE)),
        "code": CODES,
        "state": SLOTS,
        "state_diff": SLOTS,
    },
).map(_exclusive)
CALLS = st.builds(
    CallRequest,
    caller=st.sampled_from(PLACES),
    to=st.sampled_from((None, *PLACES)),
    gas=st.sampled_from((None, 60_000, 300_000)),
    value=SMALL,
    input=st.sampled_from((b"", b"\x01\x02", FLEETING)),
    max_fee_per_gas=st.sampled_from((None, None, 0, 2000)),
)
BLOCKS = st.lists(
    st.builds(
        SimulatedBlockRequest,
        st.builds(
            BlockOverrides,
            beneficiary=st.sampled_from((None, *PLACES)),
            base_fee_per_gas=st.sampled_from((None, 0, 9)),
            withdrawals=st.lists(
                st.builds(Withdrawal, SMALL, SMALL, st.sampled_from(PLACES), SMALL), max_size=2
            ).map(tuple),
        ),
        st.dictionaries(st.sampled_from(PLACES), OVERRIDES, max_size=3),
        st.lists(CALLS, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def _chain() -> Chain:
    accounts = Accounts()
    for position, place in enumerate(PLACES[2:]):
        code = assemble(7, position, "SSTORE") + _calling(PLACES[position + 1], 1)
        accounts.add(
            place, balance=1000 * position, nonce=position, code=code, storage={0: 1, 1: position + 1}
        )
    return Chain(accounts)


CHAIN = _chain()


@given(BLOCKS, st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_simulated_block_commits_to_what_it_did(
    blocks: list[SimulatedBlockRequest], validates: bool, shows_transfers: bool
) -> None:
    naive = _naive_state()
    view = CHAIN.store.latest_state()
    ahead = RootsAhead(view, free)

    def root_after(changes: StateChanges) -> Hash32:
        naive.apply(changes)
        root = ahead.advance(changes)
        assert root == naive.root()
        return root

    base = SimulationBase(CHAIN_ID, CHAIN.header, view, CHAIN.fork_at, CHAIN.store.canonical_hash, root_after)
    rules = CallRules(validates, shows_transfers, free)
    parent = CHAIN.header
    try:
        for simulated in simulate_blocks(base, blocks, rules, gas_cap=3_000_000):
            header = simulated.block.header
            assert header.parent_hash == parent.hash
            assert header.gas_used == sum(found.gas_used for found in simulated.calls)
            assert header.receipts_root == ordered_root([item.encode() for item in simulated.receipts])
            parent = header
    except CallerError as error:
        event(type(error).__name__)


def _naive_state() -> NaiveState:
    naive = NaiveState()
    for place in PLACES:
        account = CHAIN.store.latest_state().account(place)
        if account is not None:
            naive.accounts[place] = replace(account)
            slots = {slot: CHAIN.store.latest_state().storage(place, slot) for slot in range(2)}
            naive.storage[place] = {slot: value for slot, value in slots.items() if value}
    assert naive.root() == CHAIN.header.state_root
    return naive
