"""What one rule set changes, as a table that the call path and the transaction rules look up.

Owns: the differences between the rule sets outside of the instructions (vm/evm/instruction_set.py).
Never does: decide which rule set a block has (vm/forks.py).
Specification: the meta EIPs 606, 607, 608, 609, 1013, 1716, 1679, 2387, 7568, 7569, 7600, 7607 and the EIPs they list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chain.transaction import TransactionType
from chain.types import Address
from vm import gas as prices
from vm.forks import Fork
from vm.precompiles import PRECOMPILES, Precompile

BLOB_BASE_FEE_MINIMUM = 1  # EIP-4844, wei


@dataclass(frozen=True, slots=True)
class Rules:
    """precompiles: by address, always warm (EIP-2929).

    transaction_types: those that may run. creation_base: gas of a creating transaction on top of the base (EIP-2).
    deposit_may_fail: code that cannot be paid for leaves an account without code, and the creation succeeds (before
    EIP-2). calldata_nonzero_byte: EIP-2028. refund_quotient: EIP-3529. contract_nonce: of a new contract (EIP-161).
    clears_empty_accounts: EIP-161; without it, touching an account makes it exist. code_size_limit: EIP-170, None for
    no limit. reserves_0xef: EIP-3541. initcode_size_limit, initcode_word: EIP-3860. warms_beneficiary: EIP-3651.
    has_delegations: EIP-7702. has_calldata_floor: EIP-7623. stores_parent_hash: EIP-2935.
    transaction_gas_cap: EIP-7825, None for no cap. block_size_limit: EIP-7934, bytes, None for no limit.
    blob_base_fee_update_fraction: EIP-4844, changed by EIP-7691.
    """

    fork: Fork
    precompiles: Mapping[Address, Precompile]
    transaction_types: tuple[TransactionType, ...] = (TransactionType.LEGACY,)
    creation_base: int = 0
    deposit_may_fail: bool = True
    calldata_nonzero_byte: int = prices.CALLDATA_NONZERO_BYTE_FRONTIER
    refund_quotient: int = prices.REFUND_QUOTIENT_FRONTIER
    contract_nonce: int = 0
    clears_empty_accounts: bool = False
    code_size_limit: int | None = None
    reserves_0xef: bool = False
    initcode_size_limit: int | None = None
    initcode_word: int = 0
    warms_beneficiary: bool = False
    has_delegations: bool = False
    has_calldata_floor: bool = False
    stores_parent_hash: bool = False
    transaction_gas_cap: int | None = None
    block_size_limit: int | None = None
    blob_base_fee_update_fraction: int = 3_338_477


_LEGACY, _LISTED, _DYNAMIC, _SET_CODE = (
    TransactionType.LEGACY,
    TransactionType.ACCESS_LIST,
    TransactionType.DYNAMIC_FEE,
    TransactionType.SET_CODE,
)


def _table() -> Mapping[Fork, Rules]:
    """Each rule set is the one before it with some changes; Tangerine Whistle, Constantinople and Petersburg change
    instructions only."""
    changes: Mapping[Fork, dict[str, object]] = {
        Fork.FRONTIER: {},
        Fork.HOMESTEAD: {"creation_base": prices.CREATION_BASE, "deposit_may_fail": False},
        Fork.TANGERINE_WHISTLE: {},
        Fork.SPURIOUS_DRAGON: {
            "contract_nonce": 1,
            "clears_empty_accounts": True,
            "code_size_limit": prices.CODE_SIZE_LIMIT,
        },
        Fork.BYZANTIUM: {},
        Fork.CONSTANTINOPLE: {},
        Fork.PETERSBURG: {},
        Fork.ISTANBUL: {"calldata_nonzero_byte": prices.CALLDATA_NONZERO_BYTE},
        Fork.BERLIN: {"transaction_types": (_LEGACY, _LISTED)},
        Fork.LONDON: {
            "transaction_types": (_LEGACY, _LISTED, _DYNAMIC),
            "refund_quotient": prices.REFUND_QUOTIENT,
            "reserves_0xef": True,
        },
        Fork.PARIS: {},
        Fork.SHANGHAI: {
            "initcode_size_limit": prices.INITCODE_SIZE_LIMIT,
            "initcode_word": prices.INITCODE_WORD,
            "warms_beneficiary": True,
        },
        Fork.CANCUN: {},
        Fork.PRAGUE: {
            "transaction_types": (_LEGACY, _LISTED, _DYNAMIC, _SET_CODE),
            "has_delegations": True,
            "has_calldata_floor": True,
            "stores_parent_hash": True,
            "blob_base_fee_update_fraction": 5_007_716,
        },
        Fork.OSAKA: {
            "transaction_gas_cap": prices.TRANSACTION_GAS_CAP,
            "block_size_limit": prices.BLOCK_SIZE_LIMIT,
        },
    }
    rules = Rules(Fork.FRONTIER, PRECOMPILES[Fork.FRONTIER])
    table: dict[Fork, Rules] = {}
    for fork, changed in changes.items():
        rules = replace(rules, fork=fork, precompiles=PRECOMPILES[fork], **changed)  # type: ignore[arg-type]
        table[fork] = rules
    return table


_RULES: Mapping[Fork, Rules] = _table()


def rules_of(fork: Fork) -> Rules:
    return _RULES[fork]


def blob_base_fee(excess_blob_gas: int, rules: Rules) -> int:
    """Wei per unit of blob gas: EIP-4844 `fake_exponential`, approximately e**(excess/fraction).

    `excess_blob_gas` comes from a validated header, which keeps the number of terms small.
    """
    fraction = rules.blob_base_fee_update_fraction
    term = 1
    output = 0
    accumulator = BLOB_BASE_FEE_MINIMUM * fraction
    while accumulator > 0:
        output += accumulator
        accumulator = accumulator * excess_blob_gas // (fraction * term)
        term += 1
    return output // fraction
