"""What overrides of accounts mean in eth_simulateV1, on the official chain.

The hash of a simulated block commits to every state root, transaction and receipt. The requests, and the hashes that
go-ethereum gave, are from ethereum/execution-apis, whose suite got them after the release that tests/vectors holds.
"""

from typing import Any

import msgspec
import pytest

from rpc.config import CallLimits
from rpc.dispatch.deferred import Deadline
from rpc.methods.simulate import SimulationMethods
from rpc.params.values import BlockTag
from rpc.services import Services
from tests.conformance.rpc_compat.official_chain import OFFICIAL_FOLDER, official_chain
from tests.conformance.rpc_compat.official_node import OfficialNode

ALICE, BOB, CAROL = ("0x" + first + "00" * 19 for first in ("c0", "c1", "c2"))
RICH = {"balance": "0x1e8480"}
RETURNS_42 = {"code": "0x602a60005260206000f3"}
RETURNS_SLOT_0 = {"code": "0x60005460005260206000f3"}
NOTHING = {"code": "0x"}
EMPTIED = {"nonce": "0x0", "code": "0x", "balance": "0x0"}
IDENTITY = "0x" + "00" * 19 + "04"
CREATED = "0xf47be3b1978c24bb4b498620b247b2622a2cb056"  # by ALICE, with nonce 0
CONTRACT = "0x7dcd17433742f4c0ca53122ab541d0ba67fc27df"  # has a slot 0 on the chain
DELEGATED = "0xeda8645ba6948855e3b3cd596bbb07596d59c603"  # delegates on the chain, and has a slot 0
EMITTER = "0x8bebc8ba651aee624937e7d897853ac30c95a067"  # has slots on the chain
FIRST, SECOND = "0x3c99b48acd2a442808922929a1441f31245e3a45", "0x1f4924b14f34e24159387c0a4cdbaa32f3ddb0cf"


def authorization(parity: int, r: str, s: str) -> dict[str, str]:
    """To run the code of BOB; FIRST and SECOND signed one each."""
    return {
        "chainId": "0xc72dd9d5e883e",
        "address": BOB,
        "nonce": "0x0",
        "yParity": hex(parity),
        "r": "0x" + r,
        "s": "0x" + s,
    }


OF_FIRST = authorization(
    0,
    "e46a57110dd3e4f9d556fbcd95f00f29ec91ce3e656a796f46b665d6df4aa657",
    "589ea4f67adc16d5de188b7f5e2b697c017325ada80332ecfd24ead54d49fc3f",
)
OF_SECOND = authorization(
    1,
    "688980e5aade10fb4ae34dd784899d94cc020332a5f0819005f4b09da6e5a2b0",
    "713c724d10920a924c24f9ed682155da66b88cfa8eda30ecbfa3d05efebb3aae",
)


def to(address: str, **fields: Any) -> dict[str, Any]:
    return {"from": ALICE, "to": address, **fields}


def block(accounts: dict[str, Any], *calls: dict[str, Any]) -> dict[str, Any]:
    return {"stateOverrides": accounts, "calls": list(calls)}


@pytest.mark.parametrize(
    ("blocks", "hashes"),
    [
        pytest.param(
            [
                block(
                    {ALICE: RICH, CREATED: NOTHING},
                    {"from": ALICE, "input": "0x69602a60005260206000f3600052600a6016f3"},
                    to(CREATED),
                )
            ],
            ["01a058e5748fc385c8e5af58bd6194a54a353da08195a2d962bdf4dc2de39815"],
            id="a creation replaces a code",
        ),
        pytest.param(
            [block({CONTRACT: EMPTIED, ALICE: RICH}, to(ALICE)), block({CONTRACT: RETURNS_SLOT_0}, to(CONTRACT))],
            [
                "b2e403726a842d87cdb6544d1422836cf50c3bc831146421567469bceb66d736",
                "ac29d6cdc3cdba99b4796a59e3807108b5b6f9e88acc2c6098978f4146d309f4",
            ],
            id="an emptied contract keeps its storage",
        ),
        pytest.param(
            [block({DELEGATED: EMPTIED, ALICE: RICH}, to(ALICE)), block({DELEGATED: RETURNS_SLOT_0}, to(DELEGATED))],
            [
                "c1eab9b4373f958b15711ce6f0083692cde7c6a1ff3c38f656915e66429b8409",
                "e713e28972c5c222035c97c7e49927336e3d3e803f906d563059115769fb6548",
            ],
            id="an emptied account that delegated keeps its storage",
        ),
        pytest.param(
            [
                block({FIRST: NOTHING, ALICE: RICH, BOB: RETURNS_42}, to(BOB)),
                block({FIRST: {"balance": "0x0"}}, to(ALICE, authorizationList=[OF_FIRST]), to(FIRST)),
            ],
            [
                "2ee2fa17c18fc5671b189bb4b1fa8076f91a11e254f49f05a53ebccee8d4899c",
                "772be31f7bb3a08da92f0843d8b0660b722bbeb8c84ccb7d5c77a5476d8dc9c4",
            ],
            id="an empty account exists in the next block",
        ),
        pytest.param(
            [
                block(
                    {FIRST: NOTHING, ALICE: RICH, BOB: RETURNS_42},
                    to(ALICE, authorizationList=[OF_FIRST]),
                    to(FIRST),
                )
            ],
            ["d8cf0b9c05b2692a26c9053e01bb9cf64ff2bc0340f51674b57a8bddd12c76a0"],
            id="an empty account exists",
        ),
        pytest.param(
            [block({EMITTER: {"code": "0x60015460005260035460205260406000f3", "state": {
                "0x" + "00" * 31 + "03": "0x" + "00" * 31 + "2a"}}}, to(EMITTER))],
            ["0dde0d40fcf950cbd94690ba1e2b6d2aa31822871ab4f6c4db6326ca180ac603"],
            id="a storage replaces the one on the chain",
        ),
        pytest.param(
            [block({IDENTITY: RETURNS_42}, to(IDENTITY, input="0x1234"))],
            ["6840329950859fa366eacfd7b36eb3c67e56ebf284e9629db084d465da1de2a0"],
            id="a code replaces a precompile",
        ),
        pytest.param(
            [
                block(
                    {SECOND: NOTHING, ALICE: RICH, BOB: RETURNS_42},
                    to(SECOND),
                    to(ALICE, authorizationList=[OF_SECOND]),
                    to(SECOND),
                )
            ],
            ["d288f83e18f23591a682a44b805088b0b70ddd1ea5eeb4e2da18e532d30a41ea"],
            id="a delegation replaces a code",
        ),
        pytest.param(
            [
                block(
                    {
                        SECOND: {"code": "0xef0100" + CAROL[2:]},
                        ALICE: RICH,
                        BOB: RETURNS_42,
                        CAROL: {"code": "0x600160005260206000f3"},
                    },
                    to(SECOND),
                    to(ALICE, authorizationList=[OF_SECOND]),
                    to(SECOND),
                )
            ],
            ["c7e1964c4bc4c1bdae925de50c0b0309570ecb24177dd381f817589f77cdf0be"],
            id="a delegation replaces another",
        ),
    ],
)  # fmt: skip
def test_overrides_give_the_blocks_that_go_ethereum_gives(
    blocks: list[dict[str, Any]], hashes: list[str]
) -> None:
    node = OfficialNode(official_chain(OFFICIAL_FOLDER))
    handlers = SimulationMethods(Services.of(node, node, node, CallLimits()))
    reply = handlers.simulate({"blockStateCalls": blocks}, BlockTag.LATEST).job(Deadline(60))
    assert isinstance(reply, msgspec.Raw)
    assert [item["hash"] for item in msgspec.json.decode(reply)] == ["0x" + item for item in hashes]
