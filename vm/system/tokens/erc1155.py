"""Many tokens in one contract.

Owns: ERC1155 with metadata URI and the errors of ERC-6093, the one place where balances change (`_update`), and the
mix-ins burnable, supply, pausable and with a URI for each token.
Never does: make tokens by itself; concrete contracts call `_mint` or `_mint_batch`.
Specification: ERC-1155, ERC-6093; behaviour, errors and their order, events and storage layout as OpenZeppelin
Contracts 5, token/ERC1155.

Every transfer calls the receiver, who may well come back, so nothing here takes the lock: the call is the last thing
that a function does. Batches are paid for by the storage that each entry reads and writes.
"""

from __future__ import annotations

from vm.system.access.erc165 import ERC165
from vm.system.access.pausable import Pausable
from vm.system.framework import (
    ZERO_ADDRESS,
    ContractError,
    Event,
    Indexed,
    Map,
    Slot,
    address,
    external,
    u256,
    view,
)
from vm.system.tokens.acceptance import accepted
from vm.system.tokens.interfaces import IERC1155, IERC1155MetadataURI, IERC1155Receiver


class ERC1155(ERC165, implements=(IERC1155, IERC1155MetadataURI)):
    """Many tokens, fungible or not, in one contract (ERC-1155), with one URI and the errors of ERC-6093."""

    class TransferSingle(Event):
        """Some of one token moved; from the zero address when made, to it when destroyed."""

        operator: Indexed[address]
        from_: Indexed[address]
        to: Indexed[address]
        id: u256
        value: u256

    class TransferBatch(Event):
        """Several tokens moved at once."""

        operator: Indexed[address]
        from_: Indexed[address]
        to: Indexed[address]
        ids: list[u256]
        values: list[u256]

    class ApprovalForAll(Event):
        """`operator` may move all tokens of `account`, or not any more."""

        account: Indexed[address]
        operator: Indexed[address]
        approved: bool

    class URI(Event):
        """A token is described elsewhere now."""

        value: str
        id: Indexed[u256]

    class ERC1155InsufficientBalance(ContractError):
        """`sender` has less of the token than it wants to move."""

        sender: address
        balance: u256
        needed: u256
        tokenId: u256

    class ERC1155InvalidSender(ContractError):
        """Nothing can come from this account."""

        sender: address

    class ERC1155InvalidReceiver(ContractError):
        """Nothing can go to this account, or it does not accept."""

        receiver: address

    class ERC1155MissingApprovalForAll(ContractError):
        """`operator` may not move tokens of `owner`."""

        operator: address
        owner: address

    class ERC1155InvalidApprover(ContractError):
        """This account cannot allow this."""

        approver: address

    class ERC1155InvalidOperator(ContractError):
        """This account cannot be an operator."""

        operator: address

    class ERC1155InvalidArrayLength(ContractError):
        """Lists that belong together differ in length."""

        idsLength: u256
        valuesLength: u256

    balances: Map[u256, Map[address, u256]]
    operator_approvals: Map[address, Map[address, bool]]
    uri_: Slot[str]

    @view
    def uri(self, id: u256) -> str:  # noqa: A002, ARG002
        """Where the description of token `id` is; clients put the id in place of `{id}`."""
        return self.uri_

    @view
    def balanceOf(self, account: address, id: u256) -> u256:  # noqa: A002
        """How much of token `id` an account has."""
        return self.balances[id][account]

    @view
    def balanceOfBatch(self, accounts: list[address], ids: list[u256]) -> list[u256]:
        """Several balances, one for each pair of account and id."""
        if len(accounts) != len(ids):
            raise self.ERC1155InvalidArrayLength(len(ids), len(accounts))
        balances = self.balances
        return [balances[token_id][account] for account, token_id in zip(accounts, ids, strict=True)]

    @view
    def isApprovedForAll(self, account: address, operator: address) -> bool:
        """Whether `operator` may move all tokens of `account`."""
        return self.operator_approvals[account][operator]

    @external(lock=False)
    def setApprovalForAll(self, operator: address, approved: bool) -> None:
        """Lets `operator` move all tokens of the caller, or not any more."""
        if self.sender == ZERO_ADDRESS:
            raise self.ERC1155InvalidApprover(ZERO_ADDRESS)
        if operator == ZERO_ADDRESS:
            raise self.ERC1155InvalidOperator(ZERO_ADDRESS)
        self.operator_approvals[self.sender][operator] = approved
        self.emit(self.ApprovalForAll(self.sender, operator, approved))

    @external(lock=False)
    def safeTransferFrom(
        self,
        from_: address,
        to: address,
        id: u256,  # noqa: A002
        value: u256,
        data: bytes,
    ) -> None:
        """Moves `value` of token `id` of `from`. A contract that gets it must accept (onERC1155Received)."""
        self._check_authorised(from_)
        self._check_ends(from_, to)
        self._update(from_, to, [id], [value])
        self._require_accepted(from_, to, id, value, data)

    @external(lock=False)
    def safeBatchTransferFrom(
        self, from_: address, to: address, ids: list[u256], values: list[u256], data: bytes
    ) -> None:
        """Moves several tokens of `from`. A contract that gets them must accept (onERC1155BatchReceived)."""
        self._check_authorised(from_)
        self._check_ends(from_, to)
        self._update(from_, to, ids, values)
        self._require_batch_accepted(from_, to, ids, values, data)

    def _set_uri(self, uri: str) -> None:
        self.uri_ = uri

    def _check_authorised(self, owner: address) -> None:
        if owner != self.sender and not self.operator_approvals[owner][self.sender]:
            raise self.ERC1155MissingApprovalForAll(self.sender, owner)

    def _check_ends(self, from_: address, to: address) -> None:
        if to == ZERO_ADDRESS:
            raise self.ERC1155InvalidReceiver(ZERO_ADDRESS)
        if from_ == ZERO_ADDRESS:
            raise self.ERC1155InvalidSender(ZERO_ADDRESS)

    def _update(self, from_: address, to: address, ids: list[u256], values: list[u256]) -> None:
        """Moves, makes (from zero) or destroys (to zero) tokens. Extensions wrap it; nothing else changes a balance."""
        if len(ids) != len(values):
            raise self.ERC1155InvalidArrayLength(len(ids), len(values))
        for token_id, value in zip(ids, values, strict=True):
            balances = self.balances[token_id]
            if from_ != ZERO_ADDRESS:
                held = balances[from_]
                if held < value:
                    raise self.ERC1155InsufficientBalance(from_, held, value, token_id)
                balances[from_] = held - value
            if to != ZERO_ADDRESS:
                balances[to] += value
        if len(ids) == 1:
            self.emit(self.TransferSingle(self.sender, from_, to, ids[0], values[0]))
        else:
            self.emit(self.TransferBatch(self.sender, from_, to, ids, values))

    def _mint(self, to: address, token_id: u256, value: u256, data: bytes) -> None:
        """The last thing a function may do: it calls `to`."""
        if to == ZERO_ADDRESS:
            raise self.ERC1155InvalidReceiver(ZERO_ADDRESS)
        self._update(ZERO_ADDRESS, to, [token_id], [value])
        self._require_accepted(ZERO_ADDRESS, to, token_id, value, data)

    def _mint_batch(self, to: address, ids: list[u256], values: list[u256], data: bytes) -> None:
        """The last thing a function may do: it calls `to`."""
        if to == ZERO_ADDRESS:
            raise self.ERC1155InvalidReceiver(ZERO_ADDRESS)
        self._update(ZERO_ADDRESS, to, ids, values)
        self._require_batch_accepted(ZERO_ADDRESS, to, ids, values, data)

    def _burn(self, from_: address, ids: list[u256], values: list[u256]) -> None:
        if from_ == ZERO_ADDRESS:
            raise self.ERC1155InvalidSender(ZERO_ADDRESS)
        self._update(from_, ZERO_ADDRESS, ids, values)

    def _require_accepted(
        self, from_: address, to: address, token_id: u256, value: u256, data: bytes
    ) -> None:
        """Asks `to`, if it is a contract, whether it takes the token."""
        if self.code_size(to):
            function = IERC1155Receiver.onERC1155Received
            outcome = self.call(to, function.encode(self.sender, from_, token_id, value, data))
            if not accepted(outcome, function.selector):
                raise self.ERC1155InvalidReceiver(to)

    def _require_batch_accepted(
        self, from_: address, to: address, ids: list[u256], values: list[u256], data: bytes
    ) -> None:
        """Asks `to`, if it is a contract, whether it takes the tokens."""
        if self.code_size(to):
            function = IERC1155Receiver.onERC1155BatchReceived
            outcome = self.call(to, function.encode(self.sender, from_, ids, values, data))
            if not accepted(outcome, function.selector):
                raise self.ERC1155InvalidReceiver(to)


class ERC1155Burnable(ERC1155):
    """Holders and their operators may destroy tokens (OpenZeppelin's ERC1155Burnable)."""

    @external(lock=False)
    def burn(self, account: address, id: u256, value: u256) -> None:  # noqa: A002
        """Destroys `value` of token `id` of `account`."""
        self._check_authorised(account)
        self._burn(account, [id], [value])

    @external(lock=False)
    def burnBatch(self, account: address, ids: list[u256], values: list[u256]) -> None:
        """Destroys several tokens of `account`."""
        self._check_authorised(account)
        self._burn(account, ids, values)


class ERC1155Supply(ERC1155):
    """Counts how much of each token there is (OpenZeppelin's ERC1155Supply)."""

    total_supplies: Map[u256, u256]
    total_supply: Slot[u256]

    @view(name="totalSupply")
    def total_supply_of(self, id: u256) -> u256:  # noqa: A002
        """How much of token `id` there is."""
        return self.total_supplies[id]

    @view
    def totalSupply(self) -> u256:
        """How much of all tokens together there is."""
        return self.total_supply

    @view
    def exists(self, id: u256) -> bool:  # noqa: A002
        """Whether there is any of token `id`."""
        return self.total_supplies[id] > 0

    def _update(self, from_: address, to: address, ids: list[u256], values: list[u256]) -> None:
        super()._update(from_, to, ids, values)
        supplies = self.total_supplies
        if from_ == ZERO_ADDRESS:
            for token_id, value in zip(ids, values, strict=True):
                supplies[token_id] += value
            self.total_supply += sum(values)
        if to == ZERO_ADDRESS:
            for token_id, value in zip(ids, values, strict=True):
                supplies[token_id] -= value
            self.total_supply -= sum(values)


class ERC1155Pausable(ERC1155, Pausable):
    """No token moves while the contract is paused (OpenZeppelin's ERC1155Pausable)."""

    def _update(self, from_: address, to: address, ids: list[u256], values: list[u256]) -> None:
        if self.paused_:
            raise self.EnforcedPause()
        super()._update(from_, to, ids, values)


class ERC1155URIStorage(ERC1155):
    """A URI for single tokens beside the common one (OpenZeppelin's ERC1155URIStorage)."""

    token_uris: Map[u256, str]

    @view
    def uri(self, id: u256) -> str:  # noqa: A002
        """Where the description of token `id` is: its own URI, or the common one."""
        return self.token_uris[id] or self.uri_

    def _set_token_uri(self, token_id: u256, uri: str) -> None:
        self.token_uris[token_id] = uri
        self.emit(self.URI(uri or self.uri_, token_id))
