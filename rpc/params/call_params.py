"""Codecs of call objects, state overrides and block overrides (eth_call, eth_estimateGas).

Owns the names of their members. Unknown members are ignored, as go-ethereum does, because wallets send more
than a call needs. Never judges amounts: that is vm's.
Specification: ethereum/execution-apis GenericTransaction, go-ethereum internal/ethapi TransactionArgs and
override.BlockOverrides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chain.transaction import AccessList, Authorization
from chain.types import Address, Hash32
from rpc.errors import RpcFault
from rpc.params.method import MalformedArgument, Parameter
from rpc.params.values import address, byte_string, elements, hash32, members, quantity, uint64
from state.slot_map import SlotMap
from vm.environment import BlockEnvironment
from vm.overrides import AccountOverride
from vm.simulation import CallRequest

Codec = Callable[[object], Any]

MAX_OVERRIDDEN_ACCOUNTS: Final = 1_000
"""Accounts of one override set; each may bring code and storage, which the request's size bounds."""


@dataclass(frozen=True, slots=True)
class CallObject:
    """A decoded call object; `chain_id` is checked against the node's by the method."""

    request: CallRequest
    chain_id: int | None


def call_object(value: object) -> CallObject:
    """`from`, `to` (may be null), gas, fees, value, `input` or `data`, lists. Blobs are refused; what they would cost
    is ignored, as go-ethereum ignores it in a call without them."""
    fields = members(value, "ethapi.TransactionArgs")
    if fields.keys() & {"blobVersionedHashes", "blobs"}:
        raise RpcFault.BLOB_CALL.error()
    return _call_of(fields)


def call_object_with_blobs(value: object) -> CallObject:
    """As `call_object`, for methods that only ask what a call would do: they may name blobs by their hashes."""
    fields = members(value, "ethapi.TransactionArgs")
    if "blobs" in fields:
        raise RpcFault.BLOB_CALL.error()
    return _call_of(fields)


def _call_of(fields: Mapping[str, object]) -> CallObject:
    read = {name: decode(fields[wire]) for wire, (name, decode) in _CALL_FIELDS.items() if wire in fields}
    payload = read.pop("input", None)
    older_payload = read.pop("data", None)
    if payload is not None and older_payload is not None and payload != older_payload:
        raise RpcFault.INPUT_AND_DATA.error()
    chosen = payload if payload is not None else older_payload
    chain_id = read.pop("chain_id", None)
    return CallObject(CallRequest(**read, input=chosen if chosen is not None else b""), chain_id)


def check_chain(claimed: int | None, chain_id: int) -> None:
    """Raises RpcError when a call names another chain than this one."""
    if claimed is not None and claimed != chain_id:
        raise RpcFault.CALL_FOR_OTHER_CHAIN.error(have=claimed, want=chain_id)


def _blob_hashes(value: object) -> tuple[Hash32, ...]:
    return elements(value, hash32, "[]common.Hash")


def _access_list(value: object) -> AccessList:
    return elements(value, _access_tuple, "types.AccessList")


def _access_tuple(value: object) -> tuple[Address, tuple[int, ...]]:
    fields = members(value, "types.AccessTuple")
    slots = elements(fields.get("storageKeys", []), hash32, "[]common.Hash")
    return address(needed(fields, "address")), tuple(int.from_bytes(slot, "big") for slot in slots)


def _authorization(value: object) -> Authorization:
    fields = members(value, "types.SetCodeAuthorization")
    return Authorization(
        chain_id=quantity(needed(fields, "chainId")),
        address=address(needed(fields, "address")),
        nonce=uint64(needed(fields, "nonce")),
        y_parity=quantity(needed(fields, "yParity"), 256),
        r=quantity(needed(fields, "r")),
        s=quantity(needed(fields, "s")),
    )


def _authorizations(value: object) -> tuple[Authorization, ...]:
    return elements(value, _authorization, "[]types.SetCodeAuthorization")


def needed(fields: Mapping[str, object], name: str) -> object:
    """The member of that name. Raises MalformedArgument when it is missing."""
    if name not in fields:
        raise MalformedArgument(f"missing required field '{name}'")
    return fields[name]


_CALL_FIELDS: Final[Mapping[str, tuple[str, Codec]]] = {
    "from": ("caller", address),
    "to": ("to", address),
    "gas": ("gas", uint64),
    "gasPrice": ("gas_price", quantity),
    "maxFeePerGas": ("max_fee_per_gas", quantity),
    "maxPriorityFeePerGas": ("max_priority_fee_per_gas", quantity),
    "value": ("value", quantity),
    "nonce": ("nonce", uint64),
    "input": ("input", byte_string),
    "data": ("data", byte_string),
    "accessList": ("access_list", _access_list),
    "authorizationList": ("authorizations", _authorizations),
    "chainId": ("chain_id", quantity),
    "blobVersionedHashes": ("blob_hashes", _blob_hashes),
}


def state_overrides(value: object) -> dict[Address, AccountOverride]:
    """Pretended accounts by address."""
    fields = members(value, "override.StateOverride")
    if len(fields) > MAX_OVERRIDDEN_ACCOUNTS:
        raise MalformedArgument(f"more than {MAX_OVERRIDDEN_ACCOUNTS} overridden accounts")
    return {address(key): _account_override(account) for key, account in fields.items()}


def _account_override(value: object) -> AccountOverride:
    fields = members(value, "override.OverrideAccount")
    read = {name: decode(fields[wire]) for wire, (name, decode) in _ACCOUNT_FIELDS.items() if wire in fields}
    return AccountOverride(**read)


def _slots(value: object) -> SlotMap:
    fields = members(value, "map[common.Hash]common.Hash")
    return SlotMap({bytes(hash32(slot)): int.from_bytes(hash32(content)) for slot, content in fields.items()})


_ACCOUNT_FIELDS: Final[Mapping[str, tuple[str, Codec]]] = {
    "balance": ("balance", quantity),
    "nonce": ("nonce", uint64),
    "code": ("code", byte_string),
    "state": ("state", _slots),
    "stateDiff": ("state_diff", _slots),
    "movePrecompileToAddress": ("move_precompile_to", address),
}


BlockOverride = Mapping[str, Any]
"""Fields of BlockEnvironment to replace."""


def block_overrides(value: object) -> BlockOverride:
    """Pretended fields of the block. `difficulty` is accepted and has no effect since the merge."""
    fields = members(value, "override.BlockOverrides")
    for unsupported in ("beaconRoot", "withdrawals"):
        if unsupported in fields:
            raise RpcFault.BLOCK_OVERRIDE_UNSUPPORTED.error(field=unsupported)
    return {name: decode(fields[wire]) for wire, (name, decode) in BLOCK_FIELDS.items() if wire in fields}


BLOCK_FIELDS: Final[Mapping[str, tuple[str, Codec]]] = {
    "number": ("number", quantity),
    "time": ("timestamp", uint64),
    "gasLimit": ("gas_limit", uint64),
    "feeRecipient": ("beneficiary", address),
    "prevRandao": ("prev_randao", hash32),
    "baseFeePerGas": ("base_fee_per_gas", quantity),
    "blobBaseFee": ("blob_base_fee", quantity),
}


def with_block_overrides(environment: BlockEnvironment, overrides: BlockOverride | None) -> BlockEnvironment:
    """The environment with the pretended fields."""
    return replace(environment, **overrides) if overrides else environment


CALL: Final = Parameter(call_object)
CALL_WITH_BLOBS: Final = Parameter(call_object_with_blobs)
STATE_OVERRIDES: Final = Parameter(state_overrides, required=False, default=None)
BLOCK_OVERRIDES: Final = Parameter(block_overrides, required=False, default=None)
