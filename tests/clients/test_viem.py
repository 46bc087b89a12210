"""viem as a dapp uses it, over HTTP and WebSocket, against four real validators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genesis import dev_accounts
from node.local_network import LocalNetwork
from tests.clients.commands import script

pytestmark = [pytest.mark.clients, pytest.mark.cluster, pytest.mark.slow]
KEY = "0x" + dev_accounts()[5].secret.hex()


def test_viem_pays_deploys_simulates_proves_and_subscribes(
    network: LocalNetwork, npm_packages: Path, token: Path
) -> None:
    seen = json.loads(script("node", "viem_flow.mjs", network.rpc_url(3), KEY, str(token)))

    assert seen["chainId"] == 1337
    assert (seen["transfer"], seen["legacyType"], seen["balance"]) == (
        "success",
        "legacy",
        str(15 * 10**17 + 1),
    )
    assert (seen["tokenBalance"], seen["multicall"]) == ("123", ["Viem", str(10**24)])
    assert (seen["revert"], seen["customError"]) == ("Token: balance too low", "InsufficientAllowance")
    assert seen["nonceError"]
    assert seen["fundsError"]
    assert seen["proof"] == [True, 1]
    assert seen["accessList"] == [2]
    assert seen["simulated"] == ["success", "success"]
    assert seen["simulatedBlock"] == "success"
    assert seen["feeHistory"] == [5, 4]
    assert (seen["filterLogs"], seen["uninstalled"]) == (2, True)
    assert seen["finalized"]
    assert seen["heads"]
    assert seen["pending"]
    assert seen["logs"] == ["123"]
    assert seen["polledLogs"] == ["123"]
