import importlib.metadata
import json
import subprocess
import sys

import pytest

from p2p.libp2p_import import UnsupportedLibp2p, import_libp2p

PROGRAM = """
import json, sys, trio
from p2p.libp2p_network import NetworkConfig, open_libp2p_network
from p2p.identity import identity_from_secret
before = "libp2p" in sys.modules
async def main():
    async with open_libp2p_network(NetworkConfig(listen="/ip4/127.0.0.1/tcp/0"), identity_from_secret(bytes(32))):
        resident = int(open("/proc/self/statm").read().split()[1]) * 4096
        import prometheus_client
        print(json.dumps({
            "before": before,
            "resident": resident,
            "absent": [n for n in ("zeroconf", "websockets", "aioquic", "requests") if n in sys.modules],
            "real": hasattr(prometheus_client, "CollectorRegistry") and bool(prometheus_client.__file__),
        }))
trio.run(main)
"""


def test_a_network_costs_less_than_75_megabytes_and_nothing_before_it_is_opened() -> None:
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    measured = json.loads(output.stdout)
    assert measured["before"] is False
    assert measured["resident"] < 75_000_000
    assert measured["absent"] == []
    assert measured["real"] is True


@pytest.mark.parametrize("version", ["0.8.0", "0.8.2", "1.0"])
def test_another_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    with pytest.raises(UnsupportedLibp2p, match=f"{version} is installed.*install libp2p==0.8.1"):
        import_libp2p()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(UnsupportedLibp2p, match="install"):
        import_libp2p()
