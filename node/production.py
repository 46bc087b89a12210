"""Choosing transactions for a block, and the memory of what a block did.

Owns the proposer's choice under gas, byte and time budget, and `ExecutedBlock`, the outcome that a commit writes.
Runs in a worker thread on values it was given; never touches the mempool or the store's head.
The time budget makes a choice of this proposer only: other nodes judge the block by execution alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from chain.block import Block
from chain.errors import EnvironmentFault, InvariantViolation
from chain.receipt import Log, Receipt
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from chain.validator_update import ValidatorUpdate
from consensus.validator_set import ValidatorSet
from node.payload import MAX_TRANSACTIONS_PER_BLOCK, BlockPayload
from state.chain_store import StateUpdate
from vm.block import BlockBuilder
from vm.errors import (
    BlockBytesExhausted,
    BlockGasExhausted,
    InsufficientFunds,
    InsufficientFundsForTransfer,
    NonceTooHigh,
    NonceTooLow,
    TransactionRejected,
)

MIN_TRANSACTION_GAS = 21_000  # intrinsic gas of the smallest transaction
# After this many transactions in a row that no longer fit, the block counts as full: looking through the whole
# pool for one that would still fit costs more than it earns.
MAX_MISFITS = 32
# Behind other transactions of the block these may be the work of those, and the block may never be decided. What they
# say of the head itself, the pool finds when it follows the head.
_MAY_PASS = (NonceTooLow, InsufficientFunds, InsufficientFundsForTransfer)


@dataclass(frozen=True, slots=True)
class ExecutedBlock:
    """A block with its whole outcome, ready to be written. Valid only on the head that it was executed on.

    following: the validators of the height after the next one, with `updates` applied. events: those of the block
    itself, which no receipt has.
    """

    payload: BlockPayload
    encoded: bytes
    receipts: tuple[Receipt, ...]
    update: StateUpdate
    following: ValidatorSet
    updates: tuple[ValidatorUpdate, ...] = ()
    events: tuple[Log, ...] = ()

    @property
    def block(self) -> Block:
        return self.payload.block


class ExecutionCrashed(Exception):
    """A fault of this program, met while it executed this transaction; the block so far is worthless."""

    def __init__(self, recovered: RecoveredTransaction, error: Exception) -> None:
        super().__init__("0x" + recovered.transaction.hash.hex())
        self.recovered = recovered
        self.error = error


@dataclass(frozen=True, slots=True)
class Chosen:
    """What went in, and what turned out to be unusable on this state and should leave the pool."""

    included: tuple[RecoveredTransaction, ...]
    unusable: tuple[Hash32, ...]


def most_transactions(gas_limit: int) -> int:
    """How many transactions a block of this gas limit can carry at most."""
    return min(MAX_TRANSACTIONS_PER_BLOCK, gas_limit // MIN_TRANSACTION_GAS)


def fill_block(builder: BlockBuilder, candidates: Sequence[RecoveredTransaction], deadline: float) -> Chosen:
    """Adds candidates in order until gas, bytes or time run out; `deadline` is on time.monotonic()'s clock.

    Raises ExecutionCrashed when executing a candidate ends in anything but an outcome or a rejection.
    """
    included: list[RecoveredTransaction] = []
    unusable: list[Hash32] = []
    held_back: set[Address] = set()
    misfits = 0
    for recovered in candidates:
        if builder.gas_left < MIN_TRANSACTION_GAS or len(included) >= MAX_TRANSACTIONS_PER_BLOCK:
            break
        if misfits >= MAX_MISFITS or time.monotonic() >= deadline:
            break
        if recovered.sender in held_back:
            continue
        try:
            builder.try_add(recovered)
        except (BlockGasExhausted, BlockBytesExhausted):
            misfits += 1
            held_back.add(recovered.sender)
        except NonceTooHigh:
            held_back.add(recovered.sender)
        except TransactionRejected as rejection:
            if not included or not isinstance(rejection, _MAY_PASS):
                unusable.append(recovered.transaction.hash)
            held_back.add(recovered.sender)
        except (InvariantViolation, EnvironmentFault):
            raise
        except Exception as error:
            raise ExecutionCrashed(recovered, error) from error
        else:
            included.append(recovered)
            misfits = 0
    return Chosen(tuple(included), tuple(unusable))
