from pathlib import Path

import pytest

from node.config import NodeConfig, P2pSettings, RpcSettings, dump_config, load_config
from node.errors import ConfigError


def _load(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> NodeConfig:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path, environment or {})


def test_a_missing_file_means_all_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml", {}) == NodeConfig()


def test_a_written_configuration_reads_back_equal(tmp_path: Path) -> None:
    config = NodeConfig(
        rpc=RpcSettings(port=9, cors_origins=("*", 'a"\\b\n')), p2p=P2pSettings(only_listed_peers=False)
    )
    assert _load(tmp_path, dump_config(config)) == config


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    environment = {
        "AURIGRAPH_RPC_PORT": "77",
        "AURIGRAPH_P2P_PEERS": "a, b",
        "AURIGRAPH_RPC_ENABLED": "false",
    }
    config = _load(tmp_path, "[rpc]\nport = 5\n", environment)
    assert (config.rpc.port, config.p2p.peers, config.rpc.enabled) == (77, ("a", "b"), False)


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
        ("rpc = 3\n", "rpc must be a table"),
        ("[rpc\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert words in str(caught.value)
    assert "config.toml" in str(caught.value)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AURIGRAPH_RPC_PORT must be a whole number, got 'many'"):
        _load(tmp_path, "", {"AURIGRAPH_RPC_PORT": "many"})
