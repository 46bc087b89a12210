import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config import (
    LogSettings,
    NodeConfig,
    P2pSettings,
    RpcSettings,
    dump_config,
    load_config,
    parse_config,
)
from node.errors import ConfigError


def _load(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> NodeConfig:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path, environment or {})


def test_a_missing_file_means_all_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml", {}) == NodeConfig()


PEER_ID = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
ADDRESS = f"/ip4/127.0.0.1/tcp/26656/p2p/{PEER_ID}"


@given(
    port=st.integers(0, 65535),
    origins=st.lists(st.from_regex(r"[a-z]+://[!-.0-~]{1,20}", fullmatch=True), max_size=3).map(tuple),
    peers=st.lists(st.just(ADDRESS), max_size=3).map(tuple),
    listed=st.booleans(),
    level=st.sampled_from(["debug", "error"]),
)
def test_a_written_configuration_reads_back_equal(
    port: int, origins: tuple[str, ...], peers: tuple[str, ...], listed: bool, level: str
) -> None:
    config = NodeConfig(
        rpc=RpcSettings(port=port, cors_origins=origins),
        p2p=P2pSettings(only_listed_peers=listed, peers=peers, allowed_peers=(PEER_ID,), listen=""),
        log=LogSettings(level=level),
    )
    assert parse_config(tomllib.loads(dump_config(config)), "test", {}) == config


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = {
        "AURIGRAPH_RPC_PORT": "77",
        "AURIGRAPH_RPC_CORS_ORIGINS": "https://a.example, *",
        "AURIGRAPH_RPC_ENABLED": "false",
    }
    config = _load(tmp_path, "[rpc]\nport = 5\n", environment)
    assert (config.rpc.port, config.rpc.enabled) == (77, False)
    assert config.rpc.cors_origins == ("https://a.example", "*")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rcp]\n", "unknown section [rcp]; did you mean rpc?"),
        ("[rpc]\nprot = 1\n", "unknown key rpc.prot; did you mean port?"),
        ('[rpc]\nport = "1"\n', "rpc.port must be a whole number"),
        ("[rpc]\nport = true\n", "rpc.port must be a whole number"),
        ("[rpc]\nport = 70000\n", "rpc.port must be from 0 to 65535"),
        ("[p2p]\npeers = [1]\n", "p2p.peers must be a list of strings"),
        ('[log]\nlevel = "loud"\n', "log.level must be one of debug, info"),
        ('[rpc]\nhost = ""\n', "rpc.host: '' is not a host name"),
        ('[rpc]\nhost = "ü"\n', "rpc.host: 'ü' is not a host name"),
        (
            '[rpc]\ncors_origins = ["https://a.example/"]\n',
            "rpc.cors_origins: 'https://a.example/' is not an origin",
        ),
        ('[rpc]\ncors_origins = ["a.example"]\n', "rpc.cors_origins"),
        (
            '[rpc]\nallowed_hosts = ["a.example:8545"]\n',
            "rpc.allowed_hosts: 'a.example:8545' is not a host name",
        ),
        (
            '[rpc]\nnamespaces = ["eth_"]\n',
            "rpc.namespaces: 'eth_' is not a namespace of methods, as eth, or *",
        ),
        ('[p2p]\nlisten = "0.0.0.0:26656"\n', "p2p.listen: '0.0.0.0:26656' is not of the form"),
        (
            '[p2p]\npeers = ["/ip4/1.2.3.4/tcp/1"]\n',
            "p2p.peers: /ip4/1.2.3.4/tcp/1: the /p2p/PEER part is missing",
        ),
        ('[p2p]\nallowed_peers = ["0OIl"]\n', "p2p.allowed_peers"),
        ("rpc = 3\n", "rpc must be a table"),
        ("[rpc\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert words in str(caught.value)
    assert "config.toml" in str(caught.value)


def test_an_unknown_variable_of_a_section_is_refused_and_others_are_not_ours(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AURIGRAPH_RPC_PROT; did you mean AURIGRAPH_RPC_PORT"):
        _load(tmp_path, "", {"AURIGRAPH_RPC_PROT": "1"})
    others = (
        "AURIGRAPH_RPC",
        "AURIGRAPH_HOME",
        "AURIGRAPH_TESTNET_HOME",
        "AURIGRAPH_PASSWORD_FILE",
        "AURIGRAPH_VENV",
    )
    tests = (
        "AURIGRAPH_VECTORS",
        "AURIGRAPH_STATE_TESTS_SAMPLE",
        "AURIGRAPH_STATE_TESTS_SEED",
        "AURIGRAPH_EELS_CASES",
    )
    assert _load(tmp_path, "", dict.fromkeys((*others, *tests, "RPC_PORT", "RCP_PORT"), "1")) == NodeConfig()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("AURIGRAPH_RCP_PORT", "AURIGRAPH_RPC_PORT"),
        ("AURIGRAPH_RPCPORT", "AURIGRAPH_RPC_PORT"),
        ("AURIGRAPH_P2_LISTEN", "AURIGRAPH_P2P_LISTEN"),
        ("AURIGRAPH_EVM_CROSS_CHECK", "AURIGRAPH_VM_CROSS_CHECK"),
        ("AURIGRAPH_LOGS_LEVEL", "AURIGRAPH_LOG_LEVEL"),
    ],
)
def test_a_variable_with_a_mistyped_section_is_refused_too(tmp_path: Path, variable: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable}; did you mean {meant}"):
        _load(tmp_path, "", {variable: "1"})


def test_the_engine_is_a_setting(tmp_path: Path) -> None:
    config = _load(tmp_path, '[vm]\nevm_engine = "py-evm"\n', {"AURIGRAPH_VM_CROSS_CHECK": "true"})
    assert (config.vm.evm_engine, config.vm.cross_check, config.vm.compile) == ("py-evm", True, True)
    with pytest.raises(ConfigError, match=r"vm\.evm_engine must be one of native, py-evm, got 'geth'"):
        _load(tmp_path, '[vm]\nevm_engine = "geth"\n')


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AURIGRAPH_RPC_PORT must be a whole number, got 'many'"):
        _load(tmp_path, "", {"AURIGRAPH_RPC_PORT": "many"})
