"""What execution may know about its block and its transaction.

Owns: the immutable values that every engine and every block hook reads.
Never does: look anything up; the one open question (hashes of earlier blocks) is a function handed in.
Specification: yellow paper section 9.3 (I_H, I_o, I_p), EIP-1559, EIP-4399, EIP-4788, EIP-4844. What consensus tells a
block follows ABCI's CommitInfo and Misbehavior (CometBFT spec/abci).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chain.types import Address, Hash32
from vm.forks import Fork

if TYPE_CHECKING:
    from vm.engines import Engine
    from vm.precompiles import Precompile
    from vm.system.registry import Registry


@dataclass(frozen=True, slots=True)
class CommitVote:
    """One validator of the parent's height: its consensus address, power, and whether it signed the parent's commit."""

    validator: Address
    power: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Proof of double signing in this block: by which consensus address, at which height, with which power there."""

    validator: Address
    height: int
    power: int


@dataclass(frozen=True, slots=True)
class BlockEnvironment:
    """The header fields that execution reads. Gas in gas units, fees in wei per gas, timestamp in seconds.

    `block_hash(n)` is asked only for the 256 blocks before `number`, and answers None for one it does not
    have. It must be deterministic: every node must give the same answer.
    `difficulty` is what DIFFICULTY shows before Paris. `evm` is this machine's choice of the engine for Ethereum
    bytecode, None for the usual one; all give equal results.
    `precompiles` and `blob_base_fee` (wei) are what a simulation pretends instead of what the rule set and the excess
    give; None in every real block.
    `votes` and `misbehaviour` are for block hooks: the parent's commit, and evidence in this block.
    `system_contracts` are the classes of system contracts, None for those of this program.
    `fee_recipient` gets the part of the fees that is not burnt; None for the beneficiary, as on Ethereum.
    """

    chain_id: int
    number: int
    timestamp: int
    beneficiary: Address
    gas_limit: int
    base_fee_per_gas: int
    prev_randao: Hash32
    excess_blob_gas: int
    parent_beacon_block_root: Hash32
    parent_hash: Hash32
    fork: Fork
    block_hash: Callable[[int], Hash32 | None]
    difficulty: int = 0
    evm: Engine | None = field(default=None, compare=False)
    precompiles: Mapping[Address, Precompile] | None = field(default=None, compare=False)
    blob_base_fee: int | None = None
    votes: tuple[CommitVote, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()
    fee_recipient: Address | None = None
    system_contracts: Registry | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TransactionContext:
    """Who signed the transaction, what a unit of gas costs (wei), and its blob hashes (EIP-4844)."""

    origin: Address
    gas_price: int
    blob_hashes: tuple[Hash32, ...] = ()
