"""The command line without a node: output, files, exit codes."""

import json
from pathlib import Path

import pytest

import cli
from chain.errors import InvariantViolation
from chain.types import checksum_address
from genesis import DEV_MNEMONIC, dev_accounts
from node.commands.common import ExitCode, errors_as_exit_codes, printable
from node.config import load_config

FIRST_DEV_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("open sesame\n")
    path.chmod(0o600)
    return path


def run(*arguments: str) -> int:
    try:
        cli.main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def test_help_and_version_work_without_a_home(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "testnet" in capsys.readouterr().out
    assert run("version", "--json") == 0
    assert json.loads(capsys.readouterr().out)["client"].startswith("aurigraph/v")


def test_keys_are_made_listed_exported_and_imported_again(
    tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, other = str(tmp_path / "home"), str(tmp_path / "other")
    assert run("keys", "new", "--home", home, "--light", "--password-file", str(password), "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert run("keys", "list", "--home", home, "--json") == 0
    assert json.loads(capsys.readouterr().out) == made
    for form in ([], ["--hex"]):
        target = tmp_path / f"export{len(form)}"
        command = ["keys", "export", made["address"], str(target), "--home", home]
        assert run(*command, "--password-file", str(password), *form) == 0
        assert target.stat().st_mode & 0o777 == 0o600
        folder = f"{other}{len(form)}"
        assert (
            run("keys", "import", str(target), "--home", folder, "--light", "--password-file", str(password))
            == 0
        )
        capsys.readouterr()
        assert run("keys", "show", made["address"], "--home", folder, "--json") == 0
        assert json.loads(capsys.readouterr().out)["address"] == made["address"]
        assert run(*command, "--password-file", str(password), *form) == ExitCode.FAILURE  # never overwritten


def test_tables_in_files_have_whole_lines_and_no_padding(
    tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / ("a-long-name-" * 12)
    assert run("keys", "new", "--home", str(home), "--light", "--password-file", str(password)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line == line.rstrip() for line in lines)
    assert str(home) in lines[1]


def test_a_mnemonic_is_imported_by_index(
    tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "mnemonic"
    source.write_text(DEV_MNEMONIC + "\n")
    source.chmod(0o600)
    command = [
        "keys",
        "import",
        str(source),
        "--home",
        str(tmp_path),
        "--light",
        "--password-file",
        str(password),
    ]
    assert run(*command, "--json") == 0
    assert json.loads(capsys.readouterr().out)["address"] == FIRST_DEV_ADDRESS
    for index in (3, 2**31 - 1):  # at once, however high
        assert run(*command, "--json", "--index", str(index)) == 0
        address = json.loads(capsys.readouterr().out)["address"]
        assert index != 3 or address == checksum_address(dev_accounts()[3].address)


def test_a_secret_that_others_can_read_is_refused(
    tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password.chmod(0o644)
    assert run("keys", "new", "--home", str(tmp_path), "--password-file", str(password)) == ExitCode.FAILURE
    assert "chmod 600" in capsys.readouterr().err


def test_an_unreachable_node_and_wrong_usage_have_their_own_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("query", "block", "--rpc", "http://127.0.0.1:9") == ExitCode.NODE_UNREACHABLE
    assert "no node answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert run("query", "nothing") == ExitCode.USAGE
    assert run("query", "block", "soon", "--rpc", "http://127.0.0.1:9") == ExitCode.USAGE


@pytest.mark.parametrize("group", ["keys", "tx", "query", "token", "staking", "contracts", "evm", "testnet"])
def test_the_list_of_a_group_says_whole_sentences(capsys: pytest.CaptureFixture[str], group: str) -> None:
    assert run(group, "--help") == ExitCode.OK
    printed = capsys.readouterr().out
    assert "Commands:" in printed
    assert "..." not in printed.replace("[ARGS]...", "")


@pytest.mark.parametrize("url", ["localhost:8545", "http://[::1", "http://x:99999"])
def test_a_wrong_address_of_a_node_is_one_line(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert run("query", "status", "--rpc", url) == ExitCode.USAGE
    assert "write it as http://127.0.0.1:8545" in capsys.readouterr().err


def test_a_password_that_is_no_text_is_one_line_without_its_bytes(
    tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password.write_bytes(b"\xff\xfe123\n")
    assert run("keys", "new", "--home", str(tmp_path), "--password-file", str(password)) == ExitCode.FAILURE
    error = capsys.readouterr().err
    assert "not UTF-8" in error
    assert len(error.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, password: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    command = [
        "keys",
        "new",
        "--light",
        "--home",
        str(tmp_path / "file" / "x"),
        "--password-file",
        str(password),
    ]
    assert run(*command) == ExitCode.FAILURE
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Not a directory" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("is_grouped", [False, True])
def test_a_bug_of_ours_is_told_as_one_with_its_traceback(
    capsys: pytest.CaptureFixture[str], is_grouped: bool
) -> None:
    bug: Exception = InvariantViolation("two heads")
    with pytest.raises(SystemExit) as leaving, errors_as_exit_codes():
        raise ExceptionGroup("tasks", [bug]) if is_grouped else bug
    assert leaving.value.code == ExitCode.FAILURE
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("error: a fault of this program")
    assert error.splitlines()[-1].endswith("two heads")


def test_a_dev_home_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "dev"
    assert run("init", "--dev", "--home", str(home), "--json") == 0
    assert json.loads(capsys.readouterr().out)["chain_id"] == 1337
    assert (home / "validator_key.json").stat().st_mode & 0o777 == 0o600
    assert run("init", "--dev", "--home", str(home)) == ExitCode.FAILURE
    assert "already" in capsys.readouterr().err


def test_a_validator_home_prints_what_a_genesis_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--home", str(tmp_path / "v"), "--validator", "alice", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "alice"
    assert len(bytes.fromhex(told["public_key"][2:])) == 33
    assert told["peer_id"].startswith("12D3Koo")


def init(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """A successful `init --json`."""
    capsys.readouterr()
    assert run("init", *arguments, "--json") == 0
    told: dict[str, str] = json.loads(capsys.readouterr().out)
    return told


def test_keys_come_first_and_the_genesis_later_with_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, other, dev = (str(tmp_path / name) for name in ("home", "other", "dev"))
    keys = init(capsys, "--home", home, "--validator", "alice")
    assert init(capsys, "--home", home, "--validator", "alice") == keys  # told again, never made anew
    assert f"init --home {home} --genesis" in keys["next"]
    init(capsys, "--home", dev, "--dev")
    genesis = str(tmp_path / "dev" / "genesis.json")
    peer = f"/ip4/127.0.0.1/tcp/1/p2p/{init(capsys, '--home', other)['peer_id']}"
    joined = init(capsys, "--home", home, "--genesis", genesis, "--peer", peer)
    assert joined["peer_id"] == keys["peer_id"]
    assert init(capsys, "--home", home, "--validator", "alice")["next"] == joined["next"]
    assert joined["next"] == f"aurigraph start --home {home}"
    assert load_config(tmp_path / "home" / "config.toml", {}).p2p.peers == (peer,)
    assert (tmp_path / "home" / "genesis.json").read_text() == (tmp_path / "dev" / "genesis.json").read_text()
    assert run("init", "--home", home, "--genesis", genesis) == ExitCode.FAILURE
    assert "belongs to a chain already" in capsys.readouterr().err


def test_a_configuration_of_the_user_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev, home = tmp_path / "dev", tmp_path / "home"
    init(capsys, "--home", str(dev), "--dev")
    home.mkdir()
    (home / "config.toml").write_text("[rpc]\nport = 5\n")
    command = ["init", "--home", str(home), "--genesis", str(dev / "genesis.json")]
    peer = f"/ip4/127.0.0.1/tcp/1/p2p/{init(capsys, '--home', str(tmp_path / 'other'))['peer_id']}"
    assert run(*command, "--peer", peer) == ExitCode.FAILURE
    assert "config.toml exists already" in capsys.readouterr().err
    assert not (home / "genesis.json").exists()
    assert run(*command) == 0
    assert (home / "config.toml").read_text() == "[rpc]\nport = 5\n"


def test_a_peer_that_is_no_address_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--home", str(tmp_path / "h"), "--peer", "10.0.0.1:26656") == ExitCode.USAGE
    assert "--peer" in capsys.readouterr().err
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("genesis.json", "{", "genesis.json"),
        ("genesis.json", '{"chain_id": 1}', "$"),
        ("config.toml", "[rcp]", "did you mean rpc"),
    ],
)
def test_a_damaged_file_stops_start_with_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, words: str
) -> None:
    home = tmp_path / "dev"
    run("init", "--dev", "--home", str(home))
    (home / name).write_text(content)
    capsys.readouterr()
    assert run("start", "--dev", "--home", str(home), "--rpc-port", "0") == ExitCode.FAILURE
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert words in error


def test_starting_without_a_home_names_the_command_that_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("start", "--home", str(tmp_path / "nowhere")) == ExitCode.FAILURE
    assert "aurigraph init" in capsys.readouterr().err


def test_texts_of_strangers_do_not_steer_the_terminal() -> None:
    assert printable("Gr\xfcn 金 \u3000🪙") == "Gr\xfcn 金 \u3000🪙"
    assert (
        printable("a\x1b[2J\r\x07b\u202ec\u2028\udcff\x7f\x9bd")
        == "a\ufffd[2J\ufffd\ufffdb\ufffdc" + "\ufffd" * 4 + "d"
    )
    assert printable("two\nlines") == "two\nlines"
