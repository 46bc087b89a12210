"""Clients that want to stop a node, hold its loop or fill its memory through JSON-RPC."""

from __future__ import annotations

import json
import os
import time

import pytest

from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address
from genesis import dev_accounts
from tests.attack.arena import BLOCK_MS, Arena
from tests.attack.contracts import CONTRACTS, G1, G1_NEGATED, G2, calls, modexp
from tests.attack.rpc_attacker import (
    TARGET,
    Bystander,
    all_at_once,
    half_requests,
    post,
    request,
    run_code,
    send_batch,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
CHAIN_ID = 1337
RECEIVER = Address(b"\xee" * 20)
SHORT_GAP_S = (
    8 * BLOCK_MS / 1000
)  # blocks go on; two cores that are shared with others give no better promise


def transfer(key: PrivateKey, nonce: int, fee_cap: int, tip: int) -> bytes:
    unsigned = UnsignedTransaction(
        TransactionType.DYNAMIC_FEE, CHAIN_ID, nonce, tip, fee_cap, 25_000, RECEIVER, 0, b"", (), ()
    )
    return sign_transaction(unsigned, key).raw


@pytest.mark.parametrize("opening", ["[", "[      ", '{"a":   '])
@pytest.mark.parametrize("head", ["", '{"jsonrpc":"2.0","id":1,"method":"eth_call","params":'])
def test_deeply_nested_json_is_refused(arena: Arena, head: str, opening: str) -> None:
    for depth in (900, 9_000, 99_000, 5_000_000 // len(opening) - 100):
        assert b'"error"' in post(arena.port(0), head + opening * depth)
    assert arena.height(0) > 0


def test_huge_requests_leave_no_memory_behind(arena: Arena) -> None:
    text = "x" * 4_900_000
    with arena.attacked() as damage:
        for body in (request(text), request("eth_chainId", text), {**request("eth_chainId"), "id": text}):
            post(arena.port(0), json.dumps(body))
        overrides = {f"0x{number:040x}": {"code": "0x" + "00" * 20_000} for number in range(100)}
        post(arena.port(0), json.dumps(request("eth_call", {}, "latest", overrides)))
    assert damage.growth < 100


def test_half_requests_keep_neither_blocks_nor_other_clients_waiting(arena: Arena) -> None:
    with arena.attacked() as damage, Bystander(arena, 0) as bystander:
        half_requests(arena.port(0), 400, 5)
    assert damage.longest_gap_s < SHORT_GAP_S, damage
    assert damage.growth < 60, damage
    assert bystander.refused == 0
    assert max(bystander.seconds) < 1


def test_endless_calls_end_after_their_time_and_do_not_stop_the_node(arena: Arena) -> None:
    spin = bytes.fromhex("5b5f56")
    begun = time.monotonic()
    reply = json.loads(post(arena.port(0), json.dumps(run_code("eth_call", CONTRACTS["deep calls"]))))
    assert time.monotonic() - begun < 8
    assert reply["error"]["message"] in ("execution aborted (timeout = 5s)", "out of gas")
    heavy = [run_code("eth_call", spin), run_code("eth_estimateGas", spin), request("eth_getLogs", {})]
    until = time.monotonic() + 5

    def flood() -> None:
        while time.monotonic() < until:
            try:
                post(arena.port(0), json.dumps(heavy), timeout_s=1)
            except OSError:
                pass  # gave up waiting; the node must notice that its work is for nobody

    with arena.attacked() as damage, Bystander(arena, 0) as bystander:
        all_at_once(8, flood)
    assert damage.longest_gap_s < SHORT_GAP_S, damage
    assert bystander.refused == 0
    assert sorted(bystander.seconds)[len(bystander.seconds) * 9 // 10] < 0.5


@pytest.mark.parametrize(
    "code",
    [
        calls(9, (49_000_000).to_bytes(4, "big") + bytes(208) + b"\x01"),
        calls(5, modexp(1_024, b"\xff" * 1_024)),
        calls(8, (G1 + G2 + G1_NEGATED + G2) * 600, 32),
    ],
    ids=["blake2f", "modexp", "bn254 pairing"],
)
def test_calls_of_libraries_that_keep_the_interpreter_lock_hold_nobody_up(arena: Arena, code: bytes) -> None:
    """One call of them takes up to a second, in which no other thread of the node could run."""
    body = json.dumps(run_code("eth_call", code))
    post(arena.port(0), body)  # starts what has to be started
    until = time.monotonic() + 3

    def flood() -> None:
        while time.monotonic() < until:
            post(arena.port(0), body)

    with arena.attacked() as damage, Bystander(arena, 0) as bystander:
        all_at_once(4, flood)
    assert damage.longest_gap_s < SHORT_GAP_S, damage
    assert bystander.refused == 0
    assert sorted(bystander.seconds)[len(bystander.seconds) * 3 // 4] < 0.15


def test_requests_of_many_values_hold_nobody_up(arena: Arena) -> None:
    authorization = {
        "chainId": "0x1",
        "address": TARGET,
        "nonce": "0x0",
        "yParity": "0x0",
        "r": "0x1",
        "s": "0x1",
    }
    keys = [f"0x{number:064x}" for number in range(60_000)]
    bodies = [
        "[" + ",".join(["11111"] * 99_000) + "]",
        json.dumps(request("eth_call", {"to": TARGET, "authorizationList": [authorization] * 12_000})),
        json.dumps(
            request("eth_call", {"to": TARGET, "accessList": [{"address": TARGET, "storageKeys": keys}]})
        ),
        json.dumps(request("eth_getStorageValues", {TARGET: keys}, "latest")),
    ]
    with arena.attacked() as damage, Bystander(arena, 0) as bystander:
        all_at_once(2, lambda: [post(arena.port(0), body) for body in bodies * 3])
    assert damage.longest_gap_s < SHORT_GAP_S, damage
    assert bystander.refused == 0
    assert sorted(bystander.seconds)[len(bystander.seconds) * 3 // 4] < 0.15


def test_useless_transactions_are_refused_without_holding_the_node(arena: Arena) -> None:
    keys = dev_accounts()
    poor = PrivateKey(b"\x31" * 32)
    floods = (
        [os.urandom(300) for _ in range(1_000)],
        [transfer(poor, nonce, 10**10, 1) for nonce in range(1_000)],
        [transfer(keys[8], 9_000 + nonce, 10**10, 1) for nonce in range(1_000)],
        [transfer(keys[9], 9_000, 10**10 + number, 1 + number) for number in range(1_000)],
    )
    with arena.attacked() as damage, Bystander(arena, 0) as bystander:
        taken = [sum(not error for error in send_batch(arena, 0, raws)) for raws in floods * 3]
    assert taken[:4] == [0, 0, 1_000, 1]
    assert taken[4:] == [0] * 8
    assert damage.longest_gap_s < SHORT_GAP_S, damage
    assert damage.growth < 60, damage
    assert max(bystander.seconds) < 1
