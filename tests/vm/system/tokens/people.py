"""Who acts in the tests of tokens, and how they sign typed data: with eth_account, another implementation than ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_account import Account

from chain.types import ZERO_ADDRESS, Address
from vm.system.testing import ContractHandle, TestChain, address_of, key_of
from vm.system.testing.bytecode import reentering

ALICE = address_of("alice")
BOB = address_of("bob")
CAROL = address_of("carol")
MALLORY = address_of("mallory")
PEOPLE = {"alice": ALICE, "bob": BOB, "carol": CAROL, "mallory": MALLORY}
NOBODY = ZERO_ADDRESS

PERMIT = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}
DELEGATION = {
    "Delegation": [
        {"name": "delegatee", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "expiry", "type": "uint256"},
    ]
}

Signature = tuple[int, bytes, bytes]
Attempts = tuple[Callable[[], object], ...]


def coming_back(
    chain: TestChain, contract: ContractHandle, payload_of: Callable[[bytes], bytes], answer: bytes
) -> Address:
    """An attacker that calls `contract` whenever it is called, with what `payload_of` makes of its own address; reverts
    if that reverts, and returns `answer` otherwise."""
    attacker = chain.run_evm(b"")
    behave(chain, attacker, reentering(contract.contract_address, payload_of(attacker), answer))
    return attacker


def behave(chain: TestChain, account: Address, code: bytes) -> None:
    """Changes the EVM code of an account."""
    chain._change(lambda world: world.set_code(account, code))


def new_chain() -> TestChain:
    chain = TestChain()
    for name in PEOPLE:
        chain.account(name, 1_000)
    return chain


def domain_of(token: ContractHandle) -> dict[str, Any]:
    _, name, version, chain_id, contract, _, _ = token.eip712Domain()
    return {"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract}


def signed(
    domain: dict[str, Any], types: dict[str, list[dict[str, str]]], message: dict[str, Any], who: str
) -> Signature:
    """v, r, s."""
    shown = {**message, **{key: bytes(value) for key, value in message.items() if isinstance(value, bytes)}}
    made = Account.sign_typed_data(key_of(who).secret, domain, types, shown)
    return made.v, made.r.to_bytes(32), made.s.to_bytes(32)


def permit(
    token: ContractHandle, who: str, spender: bytes, value: int, *, nonce: int, deadline: int
) -> Signature:
    message = {
        "owner": address_of(who),
        "spender": spender,
        "value": value,
        "nonce": nonce,
        "deadline": deadline,
    }
    return signed(domain_of(token), PERMIT, message, who)


def delegation(token: ContractHandle, who: str, delegatee: bytes, *, nonce: int, expiry: int) -> Signature:
    return signed(
        domain_of(token), DELEGATION, {"delegatee": delegatee, "nonce": nonce, "expiry": expiry}, who
    )
