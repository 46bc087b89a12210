"""eth_getProof and eth_getStorageValues over a real chain and socket; proofs are checked by py-trie."""

from typing import Any

import pytest
import rlp
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from chain.keccak import EMPTY_TRIE_ROOT
from rpc.config import CallLimits, RpcConfig
from state.chain_store import STATE_VIEWS_KEPT
from state.proofs import AccountProof
from tests.rpc.dev_chain import (
    COUNTER,
    NOBODY,
    SENDER,
    UNKNOWN_HASH,
    WRITER,
    DevChain,
    FakeNode,
    build_dev_chain,
    hexed,
    word,
)
from tests.rpc.wire import Wire

ZERO_HASH = word(0)
GO_TYPE = "map[common.Address][]common.Hash"


def proven(root: str, key: bytes, nodes: list[str]) -> Any:
    """The RLP item that the nodes prove; b"" is absence."""
    decoded = [rlp.decode(bytes.fromhex(node[2:])) for node in nodes]
    leaf = HexaryTrie.get_from_proof(bytes.fromhex(root[2:]), keccak(key), decoded)  # type: ignore[no-untyped-call]
    return rlp.decode(leaf) if leaf else b""


def as_bytes(text: str) -> bytes:
    digits = text[2:]
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits).lstrip(b"\0")


@pytest.mark.parametrize("block", ["latest", "0x1", "0x0", "earliest"])
async def test_an_account_and_its_slots_are_proved_under_the_root_of_the_block(
    wire: Wire, block: str
) -> None:
    header = await wire.result("eth_getBlockByNumber", block, False)
    for account in (hexed(COUNTER), SENDER, hexed(WRITER)):
        proof = await wire.result("eth_getProof", account, ["0x0", "0x7"], block)

        assert proof["address"] == account
        assert proven(header["stateRoot"], bytes.fromhex(account[2:]), proof["accountProof"]) == [
            as_bytes(proof["nonce"]),
            as_bytes(proof["balance"]),
            bytes.fromhex(proof["storageHash"][2:]),
            bytes.fromhex(proof["codeHash"][2:]),
        ]
        assert proof["balance"] == await wire.result("eth_getBalance", account, block)
        assert [slot["key"] for slot in proof["storageProof"]] == ["0x0", "0x7"]
        for slot in proof["storageProof"]:
            value = await wire.result("eth_getStorageAt", account, slot["key"], block)
            assert int(slot["value"], 16) == int(value, 16)
            if slot["proof"]:
                key = int(slot["key"], 16).to_bytes(32, "big")
                assert proven(proof["storageHash"], key, slot["proof"]) == as_bytes(slot["value"])
            else:
                assert proof["storageHash"] == hexed(EMPTY_TRIE_ROOT)


async def test_an_account_that_does_not_exist_is_proved_absent(wire: Wire) -> None:
    header = await wire.result("eth_getBlockByNumber", "latest", False)
    proof = await wire.result("eth_getProof", NOBODY, ["0x1"])

    assert proven(header["stateRoot"], bytes.fromhex(NOBODY[2:]), proof.pop("accountProof")) == b""
    assert proof == {
        "address": NOBODY,
        "balance": "0x0",
        "codeHash": ZERO_HASH,
        "nonce": "0x0",
        "storageHash": ZERO_HASH,
        "storageProof": [{"key": "0x1", "value": "0x0", "proof": []}],
    }


async def test_keys_come_back_as_go_ethereum_names_them(wire: Wire) -> None:
    keys = [
        word(7),
        word(7)[2:],
        "0x7",
        "0x07",
        "7",
        "0X0A",
        "",
        "0x",
        "0x" + "0" * 63,
        "0x" + "0" * 61 + "7",
    ]
    proof = await wire.result("eth_getProof", hexed(WRITER), keys)

    assert [slot["key"] for slot in proof["storageProof"]] == [
        word(7), word(7), "0x7", "0x7", "0x7", "0xa", "0x0", "0x0", word(0), "0x7"
    ]  # fmt: skip
    assert [slot["value"] for slot in proof["storageProof"]] == ["0x9"] * 5 + ["0x0"] * 4 + ["0x9"]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ([SENDER], (-32602, "missing value for required argument 1")),
        ([SENDER, None], (-32602, "missing value for required argument 1")),
        (
            [SENDER, "0x0"],
            (-32602, "invalid argument 1: json: cannot unmarshal string into Go value of type []string"),
        ),
        (
            [SENDER, [7]],
            (-32602, "invalid argument 1: json: cannot unmarshal number into Go value of type string"),
        ),
        ([SENDER, ["0xzz"]], (-32602, 'invalid hex in storage key: "0xzz"')),
        (
            [SENDER, ["0x" + "1" * 65]],
            (-32602, f'storage key too long (want at most 32 bytes): "0x{"1" * 65}"'),
        ),
        ([SENDER, ["0x1"] * 1_025], (-32602, "too many storage keys requested (max 1024, got 1025)")),
        ([SENDER, [], "0x63"], (-32000, "header not found")),
        ([SENDER, [], {"blockHash": UNKNOWN_HASH}], (-32000, "header for hash not found")),
    ],
)
async def test_malformed_requests(wire: Wire, params: list[object], error: tuple[int, str]) -> None:
    assert await wire.error("eth_getProof", *params) == error


async def test_as_many_keys_as_are_allowed(wire: Wire) -> None:
    proof = await wire.result("eth_getProof", hexed(COUNTER), [hex(slot) for slot in range(1_024)])
    assert [slot["value"] for slot in proof["storageProof"]] == ["0x2a"] + ["0x0"] * 1_023


async def test_proofs_end_with_their_time(
    serve: Any, fake_node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(number: int, address: object, slots: object, checkpoint: Any) -> AccountProof:
        while True:
            checkpoint()

    monkeypatch.setattr(fake_node, "prove", slow)
    wire = await Wire.open(await serve(RpcConfig(port=0, calls=CallLimits(call_timeout_s=0.1))))
    assert await wire.error("eth_getProof", SENDER, []) == (-32000, "execution aborted (timeout = 0.1s)")


@pytest.fixture(scope="module")
def long_chain() -> DevChain:
    chain = build_dev_chain()
    for _ in range(STATE_VIEWS_KEPT):
        chain.append()
    return chain


async def test_states_that_are_no_longer_kept_say_so_everywhere(
    serve: Any, fake_node: FakeNode, long_chain: DevChain
) -> None:
    fake_node.chain, fake_node.store = long_chain, long_chain.store
    wire = await Wire.open(await serve())
    gone, first = "0x5", "0x6"
    expected = (
        -32000,
        "missing trie node: historical state of block 5 is not available, this node keeps that of the last 128 "
        "blocks since its start",
    )

    for method, *params in (
        ("eth_getBalance", SENDER),
        ("eth_getTransactionCount", SENDER),
        ("eth_getCode", SENDER),
        ("eth_getStorageAt", SENDER, "0x0"),
        ("eth_getStorageValues", {SENDER: ["0x0"]}),
        ("eth_getProof", SENDER, []),
        ("eth_call", {"to": NOBODY}),
        ("eth_estimateGas", {"to": NOBODY}),
        ("eth_createAccessList", {"to": NOBODY}),
    ):
        for name in (gone, {"blockNumber": gone}, {"blockHash": hexed(long_chain.blocks[4].hash)}):
            assert await wire.error(str(method), *params, name) == expected, method
        await wire.result(str(method), *params, first)
    capabilities = await wire.result("eth_capabilities")
    assert capabilities["state"]["oldestBlock"] == first
    assert capabilities["stateproofs"] == capabilities["state"]


async def test_values_of_several_slots(wire: Wire) -> None:
    asked = {hexed(COUNTER): [word(0), "0x1"], hexed(WRITER).upper().replace("X", "x"): ["7"], NOBODY: []}

    values = await wire.result("eth_getStorageValues", asked)
    assert values == {hexed(COUNTER): [word(42), word(0)], hexed(WRITER): [word(9)], NOBODY: []}
    before = await wire.result("eth_getStorageValues", asked, "0x1")
    assert before[hexed(WRITER)] == [word(0)]
    many = {hexed(COUNTER): ["0x0"] * 1_000, hexed(WRITER): ["0x7"] * 24}
    assert await wire.result("eth_getStorageValues", many) == {
        hexed(COUNTER): [word(42)] * 1_000,
        hexed(WRITER): [word(9)] * 24,
    }


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, (-32602, "empty request")),
        ({SENDER: []}, (-32602, "empty request")),
        ({SENDER: ["0x0"] * 1_000, NOBODY: ["0x0"] * 25}, (-38026, "too many slots (max 1024)")),
        ({SENDER: ["0xg"]}, (-32602, 'invalid hex in storage key: "0xg"')),
        ({"0x1": ["0x0"]}, (-32602, "invalid argument 0: hex string has length 1, want 40 for common.Address")),
        ([], (-32602, f"invalid argument 0: json: cannot unmarshal array into Go value of type {GO_TYPE}")),
    ],
)  # fmt: skip
async def test_malformed_requests_for_values(wire: Wire, asked: object, error: tuple[int, str]) -> None:
    assert await wire.error("eth_getStorageValues", asked) == error
