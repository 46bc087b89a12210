"""Tokens against models: any sequence of calls leaves what the model says, and what must always hold."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chain.types import Address
from tests.vm.system.tokens.people import ALICE, BOB, CAROL, NOBODY, new_chain
from vm.system.testing import CallReverted, ContractHandle, TestChain
from vm.system.tokens.templates.collections import MultiToken, RoyaltyCollection
from vm.system.tokens.templates.fungible import FullToken, RestrictedToken

HOLDERS = (ALICE, BOB, CAROL)
WHO = st.sampled_from(HOLDERS)
AMOUNT = st.one_of(st.integers(0, 400), st.sampled_from([2**208, 2**256 - 1]))
CAP = 1_500
QUICK = settings(max_examples=25, stateful_step_count=25, deadline=None)


class _Machine(RuleBasedStateMachine):
    """chain and token are set up anew for each run."""

    chain: TestChain
    token: ContractHandle

    def attempt(self, name: str, *arguments: Any, sender: Address) -> bool:
        """Whether the call succeeds; one that reverts changes nothing."""
        before = self.chain.storage(self.token)
        try:
            getattr(self.token, name)(*arguments, sender=sender)
        except CallReverted:
            assert self.chain.storage(self.token) == before
            assert self.chain.logs == []
            return False
        return True


class FullTokenMachine(_Machine):
    """Balances, allowances, cap, pause, and votes of the present and of every past block."""

    @initialize()
    def begin(self) -> None:
        self.chain = new_chain()
        self.token = self.chain.deploy(FullToken, "Full", "FUL", 18, CAP, 1_000, ALICE)
        self.balances = {ALICE: 1_000, BOB: 0, CAROL: 0}
        self.allowances: dict[tuple[Address, Address], int] = {}
        self.delegates: dict[Address, Address] = {}
        self.paused = False
        self.past: dict[int, tuple[dict[Address, int], int]] = {}

    def votes(self) -> dict[Address, int]:
        found = dict.fromkeys(HOLDERS, 0)
        for holder, delegate in self.delegates.items():
            found[delegate] += self.balances[holder]
        return found

    @rule(from_=WHO, to=WHO, value=AMOUNT)
    def transfer(self, from_: Address, to: Address, value: int) -> None:
        allowed = not self.paused and value <= self.balances[from_]
        assert self.attempt("transfer", to, value, sender=from_) == allowed
        if allowed:
            self.balances[from_] -= value
            self.balances[to] += value

    @rule(owner=WHO, spender=WHO, value=AMOUNT)
    def approve(self, owner: Address, spender: Address, value: int) -> None:
        assert self.attempt("approve", spender, value, sender=owner)
        self.allowances[owner, spender] = value

    @rule(spender=WHO, from_=WHO, to=WHO, value=AMOUNT, burns=st.booleans())
    def use_allowance(self, spender: Address, from_: Address, to: Address, value: int, burns: bool) -> None:
        left = self.allowances.get((from_, spender), 0)
        allowed = not self.paused and value <= left and value <= self.balances[from_]
        if burns:
            assert self.attempt("burnFrom", from_, value, sender=spender) == allowed
        else:
            assert self.attempt("transferFrom", from_, to, value, sender=spender) == allowed
        if allowed:
            self.allowances[from_, spender] = left if left == 2**256 - 1 else left - value
            self.balances[from_] -= value
            if not burns:
                self.balances[to] += value

    @rule(to=WHO, value=AMOUNT)
    def mint(self, to: Address, value: int) -> None:
        allowed = not self.paused and sum(self.balances.values()) + value <= CAP
        assert self.attempt("mint", to, value, sender=ALICE) == allowed
        if allowed:
            self.balances[to] += value

    @rule(who=WHO, to=WHO)
    def delegate(self, who: Address, to: Address) -> None:
        assert self.attempt("delegate", to, sender=who)
        self.delegates[who] = to

    @rule()
    def pause_or_go_on(self) -> None:
        assert self.attempt("unpause" if self.paused else "pause", sender=ALICE)
        self.paused = not self.paused

    @rule(blocks=st.integers(1, 3))
    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.past[self.chain.block.number] = self.votes(), sum(self.balances.values())
            self.chain.mine()

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        if not hasattr(self, "token"):
            return
        assert {who: self.token.balanceOf(who) for who in HOLDERS} == self.balances
        assert self.token.totalSupply() == sum(self.balances.values())
        assert {who: self.token.getVotes(who) for who in HOLDERS} == self.votes()
        for (owner, spender), value in self.allowances.items():
            assert self.token.allowance(owner, spender) == value

    def teardown(self) -> None:
        for block, (votes, supply) in getattr(self, "past", {}).items():
            assert self.token.getPastTotalSupply(block) == supply
            assert {who: self.token.getPastVotes(who, block) for who in HOLDERS} == votes


class CollectionMachine(_Machine):
    """Owners, approvals, and the two lists."""

    @initialize()
    def begin(self) -> None:
        self.chain = new_chain()
        self.token = self.chain.deploy(RoyaltyCollection, "Cards", "CRD", "", BOB, 0, ALICE)
        self.owners: dict[int, Address] = {}
        self.approved: dict[int, Address] = {}
        self.operators: set[tuple[Address, Address]] = set()
        self.made = 0

    def may_move(self, who: Address, token: int) -> bool:
        owner = self.owners.get(token)
        return owner is not None and (
            who in (owner, self.approved.get(token)) or (owner, who) in self.operators
        )

    @rule(to=WHO)
    def mint(self, to: Address) -> None:
        assert self.attempt("safeMint", to, sender=ALICE)
        self.owners[self.made] = to
        self.made += 1

    @rule(who=WHO, from_=WHO, to=WHO, token=st.integers(0, 6), safe=st.booleans())
    def transfer(self, who: Address, from_: Address, to: Address, token: int, safe: bool) -> None:
        allowed = self.may_move(who, token) and self.owners[token] == from_
        name = "safeTransferFrom" if safe else "transferFrom"
        assert self.attempt(name, from_, to, token, sender=who) == allowed
        if allowed:
            self.owners[token] = to
            self.approved.pop(token, None)

    @rule(who=WHO, token=st.integers(0, 6))
    def burn(self, who: Address, token: int) -> None:
        allowed = self.may_move(who, token)
        assert self.attempt("burn", token, sender=who) == allowed
        if allowed:
            del self.owners[token]
            self.approved.pop(token, None)

    @rule(who=WHO, to=st.sampled_from([*HOLDERS, NOBODY]), token=st.integers(0, 6))
    def approve(self, who: Address, to: Address, token: int) -> None:
        owner = self.owners.get(token)
        allowed = owner is not None and (who == owner or (owner, who) in self.operators)
        assert self.attempt("approve", to, token, sender=who) == allowed
        if allowed:
            self.approved[token] = to

    @rule(who=WHO, operator=WHO, flag=st.booleans())
    def set_operator(self, who: Address, operator: Address, flag: bool) -> None:
        assert self.attempt("setApprovalForAll", operator, flag, sender=who)
        (self.operators.add if flag else self.operators.discard)((who, operator))

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        if not hasattr(self, "token"):
            return
        token = self.token
        count = token.totalSupply()
        assert sorted(token.tokenByIndex(at) for at in range(count)) == sorted(self.owners)
        for who in HOLDERS:
            own = [token.tokenOfOwnerByIndex(who, at) for at in range(token.balanceOf(who))]
            assert sorted(own) == sorted(one for one, owner in self.owners.items() if owner == who)
        for one, owner in self.owners.items():
            assert (token.ownerOf(one), token.getApproved(one)) == (owner, self.approved.get(one, NOBODY))


class MultiTokenMachine(_Machine):
    """Balances by token, and the supplies."""

    @initialize()
    def begin(self) -> None:
        self.chain = new_chain()
        self.token = self.chain.deploy(MultiToken, "", ALICE)
        self.balances: dict[tuple[Address, int], int] = {}
        self.operators: set[tuple[Address, Address]] = set()

    ENTRIES: ClassVar[Any] = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=4)

    def moved(self, from_: Address | None, to: Address | None, entries: list[tuple[int, int]]) -> bool:
        """Whether the balances suffice; then they are changed."""
        after = dict(self.balances)
        for token, value in entries:
            if from_ is not None:
                after[from_, token] = after.get((from_, token), 0) - value
                if after[from_, token] < 0:
                    return False
            if to is not None:
                after[to, token] = after.get((to, token), 0) + value
        self.balances = after
        return True

    @rule(to=WHO, entries=ENTRIES)
    def mint(self, to: Address, entries: list[tuple[int, int]]) -> None:
        ids, values = [one for one, _ in entries], [value for _, value in entries]
        assert self.attempt("mintBatch", to, ids, values, b"", sender=ALICE)
        assert self.moved(None, to, entries)

    @rule(who=WHO, from_=WHO, to=WHO, entries=ENTRIES, burns=st.booleans())
    def move(
        self, who: Address, from_: Address, to: Address, entries: list[tuple[int, int]], burns: bool
    ) -> None:
        ids, values = [one for one, _ in entries], [value for _, value in entries]
        may = who == from_ or (from_, who) in self.operators
        allowed = may and self.moved(from_, None if burns else to, entries)
        if burns:
            assert self.attempt("burnBatch", from_, ids, values, sender=who) == allowed
        else:
            assert self.attempt("safeBatchTransferFrom", from_, to, ids, values, b"", sender=who) == allowed

    @rule(who=WHO, operator=WHO, flag=st.booleans())
    def set_operator(self, who: Address, operator: Address, flag: bool) -> None:
        assert self.attempt("setApprovalForAll", operator, flag, sender=who)
        (self.operators.add if flag else self.operators.discard)((who, operator))

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        if not hasattr(self, "token"):
            return
        pairs = [(who, token) for who in HOLDERS for token in range(4)]
        held = self.token.balanceOfBatch([who for who, _ in pairs], [token for _, token in pairs])
        assert held == [self.balances.get(pair, 0) for pair in pairs]
        supplies = [self.token.total_supply_of(token) for token in range(4)]
        assert supplies == [sum(self.balances.get((who, token), 0) for who in HOLDERS) for token in range(4)]
        assert self.token.totalSupply() == sum(supplies)


class RestrictedTokenMachine(_Machine):
    """What is frozen never exceeds the balance, however agents act, and a holder never moves it."""

    @initialize()
    def begin(self) -> None:
        self.chain = new_chain()
        self.token = self.chain.deploy(RestrictedToken, "Share", "SHR", 0, False, ALICE)
        self.balances = dict.fromkeys(HOLDERS, 0)

    @rule(to=WHO, value=st.integers(0, 100))
    def mint(self, to: Address, value: int) -> None:
        assert self.attempt("mint", to, value, sender=ALICE)
        self.balances[to] += value

    @rule(from_=WHO, to=WHO, value=st.integers(0, 100))
    def transfer(self, from_: Address, to: Address, value: int) -> None:
        allowed = value <= self.balances[from_] - self.token.getFrozenTokens(from_)
        allowed = allowed and not self.token.isFrozen(from_) and not self.token.isFrozen(to)
        assert (self.token.detectTransferRestriction(from_, to, value) == 0) >= allowed
        assert self.attempt("transfer", to, value, sender=from_) == allowed
        if allowed:
            self.balances[from_] -= value
            self.balances[to] += value

    @rule(from_=WHO, to=WHO, value=st.integers(0, 100), burns=st.booleans())
    def force(self, from_: Address, to: Address, value: int, burns: bool) -> None:
        allowed = value <= self.balances[from_]
        if burns:
            assert self.attempt("burn", from_, value, sender=ALICE) == allowed
        else:
            assert self.attempt("forcedTransfer", from_, to, value, sender=ALICE) == allowed
        if allowed:
            self.balances[from_] -= value
            if not burns:
                self.balances[to] += value

    @rule(who=WHO, value=st.integers(0, 100))
    def freeze_part(self, who: Address, value: int) -> None:
        allowed = self.token.getFrozenTokens(who) + value <= self.balances[who]
        assert self.attempt("freezePartialTokens", who, value, sender=ALICE) == allowed

    @rule(who=WHO, value=st.integers(0, 100))
    def thaw_part(self, who: Address, value: int) -> None:
        allowed = value <= self.token.getFrozenTokens(who)
        assert self.attempt("unfreezePartialTokens", who, value, sender=ALICE) == allowed

    @rule(who=WHO, flag=st.booleans())
    def freeze(self, who: Address, flag: bool) -> None:
        assert self.attempt("setAddressFrozen", who, flag, sender=ALICE)

    @rule(lost=WHO, new=WHO)
    def recover(self, lost: Address, new: Address) -> None:
        self.token.registerIdentity(lost, CAROL, 1, sender=ALICE)
        frozen = self.token.getFrozenTokens(lost), self.token.getFrozenTokens(new)
        known = self.token.identity(new)
        allowed = lost != new and self.balances[lost] > 0 and known in (NOBODY, CAROL)
        assert self.attempt("recoveryAddress", lost, new, CAROL, sender=ALICE) == allowed
        if allowed:
            self.balances[new] += self.balances[lost]
            self.balances[lost] = 0
            assert self.token.getFrozenTokens(new) == sum(frozen)

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        if not hasattr(self, "token"):
            return
        assert {who: self.token.balanceOf(who) for who in HOLDERS} == self.balances
        assert self.token.totalSupply() == sum(self.balances.values())
        for who in HOLDERS:
            assert self.token.getFrozenTokens(who) <= self.balances[who]


TestFullToken = FullTokenMachine.TestCase
TestCollection = CollectionMachine.TestCase
TestMultiToken = MultiTokenMachine.TestCase
TestRestrictedToken = RestrictedTokenMachine.TestCase
TestFullToken.settings = TestCollection.settings = TestMultiToken.settings = QUICK
TestRestrictedToken.settings = QUICK
