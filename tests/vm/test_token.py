"""A compiled ERC-20 from its deployment to its reverts: what a contract developer sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chain.keccak import keccak256
from chain.types import Address
from tests.vm.worlds import ALICE, BOB, CAROL, ENVIRONMENT, funded, transaction
from vm.block import BlockBuilder, execute_block
from vm.errors import ExecutionReverted
from vm.simulation import CallRequest, estimate_gas, simulate_call

FIXTURE = Path(__file__).parent.parent / "fixtures" / "token.json"
SUPPLY = 10**24


def deployment() -> bytes:
    """Creation code and the arguments of the constructor: two short strings and the supply."""
    creation = bytes.fromhex(json.loads(FIXTURE.read_text())["creation"][2:])
    words: list[int | bytes] = [0x60, 0xA0, SUPPLY, 5, b"Token", 3, b"TOK"]
    encoded = [
        entry.to_bytes(32, "big") if isinstance(entry, int) else entry.ljust(32, b"\0") for entry in words
    ]
    return creation + b"".join(encoded)


def calldata(signature: str, *arguments: int | bytes) -> bytes:
    words = [
        entry.to_bytes(32, "big") if isinstance(entry, int) else entry.rjust(32, b"\0") for entry in arguments
    ]
    return keccak256(signature.encode())[:4] + b"".join(words)


def deployed() -> tuple[BlockBuilder, Address]:
    builder = BlockBuilder(funded().reader, ENVIRONMENT)
    token = builder.try_add(transaction(data=deployment(), gas_limit=2_000_000)).contract_address
    assert token is not None
    return builder, token


def test_a_token_moves_and_logs() -> None:
    builder, token = deployed()
    send = calldata("transfer(address,uint256)", BOB.address, 7)
    result = builder.try_add(transaction(nonce=1, to=token, data=send))
    assert result.output == (1).to_bytes(32, "big")
    (log,) = result.logs
    assert log.topics == (
        keccak256(b"Transfer(address,address,uint256)"),
        ALICE.address.rjust(32, b"\0"),
        BOB.address.rjust(32, b"\0"),
    )
    assert log.data == (7).to_bytes(32, "big")
    balance = builder.try_add(transaction(BOB, to=token, data=calldata("balanceOf(address)", BOB.address)))
    assert int.from_bytes(balance.output, "big") == 7
    assert execute_block(funded().reader, ENVIRONMENT, builder.included) == builder.finish()


def test_reverts_and_panics_of_compiled_code_are_worded() -> None:
    world_builder, token = deployed()
    changes = world_builder.finish().changes
    accounts = funded()
    account = changes.accounts[token]
    assert account is not None
    code = changes.code[account.code_hash]
    accounts.add(token, nonce=1, code=code, storage=changes.storage[token])
    cases = [
        (CAROL, calldata("transfer(address,uint256)", BOB.address, 1), "Token: balance too low"),
        (ALICE, calldata("overflow(uint256)", 1), "arithmetic underflow or overflow"),
    ]
    for key, data, reason in cases:
        request = CallRequest(caller=key.address, to=token, input=data)
        result = simulate_call(accounts.reader, ENVIRONMENT, request, gas_cap=10**7)
        assert result.error == f"execution reverted: {reason}"
        with pytest.raises(ExecutionReverted, match=reason):
            estimate_gas(accounts.reader, ENVIRONMENT, request, gas_cap=10**7)
    custom = CallRequest(
        caller=BOB.address,
        to=token,
        input=calldata("transferFrom(address,address,uint256)", ALICE.address, BOB.address, 5),
    )
    refused = simulate_call(accounts.reader, ENVIRONMENT, custom, gas_cap=10**7)
    assert refused.error == "execution reverted"
    assert refused.output[:4] == keccak256(b"InsufficientAllowance(address,uint256,uint256)")[:4]
