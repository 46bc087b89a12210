"""The node's local settings: a TOML file, validated once, then frozen dataclasses.

Owns the names, defaults and bounds of local settings, and which source of a value wins.
Never holds chain parameters (those are in the genesis file and on the chain) and never secrets.
Order of precedence: command line > AURIGRAPH_<SECTION>_<KEY> > config.toml > default.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.errors import NodeError
from node.errors import ConfigError
from p2p.multiaddress import parse_address, parse_peer_id

ENVIRONMENT_PREFIX = "AURIGRAPH_"
LOOKS_LIKE_A_SETTING = 0.8  # similarity of names, see difflib: one or two letters of ten may differ
MAX_CONFIG_BYTES = 1 << 20  # a config file is a page of text; more is a mistake


def _bounded(default: int, low: int, high: int) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _texts(default: str | tuple[str, ...], check: Callable[[str], object]) -> Any:
    """A string or list of strings, each of which `check` must accept: it raises a NodeError otherwise."""
    return field(default=default, metadata={"check": check})


def _matching(pattern: str, words: str) -> Callable[[str], object]:
    compiled = re.compile(pattern)

    def check(text: str) -> None:
        if compiled.fullmatch(text) is None:
            raise ConfigError(f"{text!r} is not {words}")

    return check


def _listen_address(text: str) -> None:
    if text:  # empty: this node only dials
        parse_address(text)


def _peer_address(text: str) -> None:
    parse_address(text, needs_peer=True)


_HOST = _matching(r"[!-~]{1,253}", "a host name or address")
_ORIGIN = _matching(
    r"\*|[a-z][a-z0-9+.-]*://[!-.0-~]+", "an origin, as https://app.example without a path, or *"
)
_ALLOWED_HOST = _matching(r"\*|[!-.0-9;-~]+", "a host name without scheme and port, or *")

_NAMESPACE = _matching(r"\*|[a-z][a-z0-9]*", "a namespace of methods, as eth, or *")


@dataclass(frozen=True, slots=True)
class RpcSettings:
    enabled: bool = True  # on TCP
    ipc: bool = True  # node.sock in the node's folder, for its own user: admin_ too
    namespaces: tuple[str, ...] = _texts(("*",), _NAMESPACE)  # on TCP
    host: str = _texts("127.0.0.1", _HOST)
    port: int = _bounded(8545, 0, 65535)
    cors_origins: tuple[str, ...] = _texts((), _ORIGIN)
    allowed_hosts: tuple[str, ...] = _texts((), _ALLOWED_HOST)
    max_connections: int = _bounded(512, 1, 65536)
    max_connections_per_address: int = _bounded(
        256, 1, 65536
    )  # behind a proxy on this machine: the proxy's task
    max_websockets: int = _bounded(1024, 0, 65536)
    max_websockets_per_address: int = _bounded(512, 0, 65536)  # likewise
    max_batch: int = _bounded(1000, 1, 10_000)
    gas_cap: int = _bounded(50_000_000, 21_000, 10_000_000_000)


@dataclass(frozen=True, slots=True)
class P2pSettings:
    listen: str = _texts("/ip4/127.0.0.1/tcp/26656", _listen_address)
    peers: tuple[str, ...] = _texts((), _peer_address)
    only_listed_peers: bool = True  # peers, and those in allowed_peers, may connect; everybody else may not
    allowed_peers: tuple[str, ...] = _texts((), parse_peer_id)  # ids that may connect but are not dialled
    max_connections: int = _bounded(64, 1, 4096)


@dataclass(frozen=True, slots=True)
class MempoolSettings:
    max_transactions: int = _bounded(32_768, 1, 1_000_000)
    max_bytes: int = _bounded(64 << 20, 1 << 16, 1 << 34)
    max_per_sender: int = _bounded(4_096, 1, 1_000_000)
    max_queued: int = _bounded(8_192, 0, 1_000_000)
    price_bump_percent: int = _bounded(10, 1, 1000)
    min_tip_wei: int = _bounded(0, 0, 10**18)


@dataclass(frozen=True, slots=True)
class ProductionSettings:
    build_budget_ms: int = _bounded(
        300, 10, 10_000
    )  # validators execute again within the same block interval
    max_clock_drift_ms: int = _bounded(15_000, 100, 600_000)


@dataclass(frozen=True, slots=True)
class VmSettings:
    evm_engine: str = field(default="native", metadata={"choices": ("native", "py-evm")})
    compile: bool = True  # hot bytecode to Python functions, with the native engine
    code_cache_bytes: int = _bounded(
        128 << 20, 1 << 20, 1 << 36
    )  # of decoded and compiled code, per rule set
    cross_check: bool = False  # every block with both engines; a difference stops the node


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: str = field(default="info", metadata={"choices": ("debug", "info", "warning", "error")})
    format: str = field(default="auto", metadata={"choices": ("auto", "console", "json")})


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """All local settings of a node, each section one table of config.toml."""

    rpc: RpcSettings = RpcSettings()
    p2p: P2pSettings = P2pSettings()
    mempool: MempoolSettings = MempoolSettings()
    production: ProductionSettings = ProductionSettings()
    vm: VmSettings = VmSettings()
    log: LogSettings = LogSettings()


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> NodeConfig:
    """Reads `path` (a missing file means all defaults) and applies AURIGRAPH_ variables.

    Raises ConfigError naming the file, the key and, for an unknown key, the likely meant one.
    """
    return parse_config(_read_toml(path), str(path), os.environ if environment is None else environment)


def parse_config(tables: Mapping[str, Any], source: str, environment: Mapping[str, str]) -> NodeConfig:
    """Builds the settings from parsed TOML tables; `source` is named in errors."""
    sections: dict[str, Any] = {}
    names = {f.name: f for f in dataclasses.fields(NodeConfig)}
    for key in tables:
        if key not in names:
            raise ConfigError(f"{source}: unknown section [{key}]{_suggestion(key, names)}")
    hints = typing.get_type_hints(NodeConfig)
    _check_variables(hints, environment)
    for name in names:
        table = tables.get(name, {})
        if not isinstance(table, Mapping):
            raise ConfigError(f"{source}: {name} must be a table, as in [{name}]")
        sections[name] = _section(hints[name], name, table, source, environment)
    return NodeConfig(**sections)


def dump_config(config: NodeConfig) -> str:
    """The settings as TOML text that `load_config` reads back to an equal value."""
    lines: list[str] = []
    for section in dataclasses.fields(config):
        lines.append(f"[{section.name}]")
        table = getattr(config, section.name)
        lines += [f"{f.name} = {_toml(getattr(table, f.name))}" for f in dataclasses.fields(table)]
        lines.append("")
    return "\n".join(lines)


def _check_variables(sections: Mapping[str, type[Any]], environment: Mapping[str, str]) -> None:
    """Refuses AURIGRAPH_RPC_PROT and AURIGRAPH_RCP_PORT: a setting that is silently left out is found too late.

    Other programs of the project have variables of their own: outside of the sections only what looks like a setting
    is refused.
    """
    known = {
        f"{ENVIRONMENT_PREFIX}{name.upper()}_{f.name.upper()}": f
        for name, section in sections.items()
        for f in dataclasses.fields(section)
    }
    prefixes = tuple(f"{ENVIRONMENT_PREFIX}{name.upper()}_" for name in sections)
    endings = [name.removeprefix(ENVIRONMENT_PREFIX) for name in known]
    for variable in environment:
        if variable in known or not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        ending = variable.removeprefix(ENVIRONMENT_PREFIX)
        close = difflib.get_close_matches(ending, endings, n=1, cutoff=LOOKS_LIKE_A_SETTING)
        if close or variable.startswith(prefixes):
            raise ConfigError(f"unknown environment variable {variable}{_suggestion(variable, known)}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes")
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def _section(
    section: type[Any], name: str, table: Mapping[str, Any], source: str, environment: Mapping[str, str]
) -> Any:
    fields = {f.name: f for f in dataclasses.fields(section)}
    hints = typing.get_type_hints(section)
    for key in table:
        if key not in fields:
            raise ConfigError(f"{source}: unknown key {name}.{key}{_suggestion(key, fields)}")
    values: dict[str, Any] = {}
    for key, f in fields.items():
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}_{key.upper()}"
        if variable in environment:
            values[key] = _checked(f, hints[key], _from_text(hints[key], environment[variable]), variable)
        elif key in table:
            values[key] = _checked(f, hints[key], table[key], f"{source}: {name}.{key}")
    return section(**values)


def _from_text(hint: Any, text: str) -> Any:
    if hint is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if hint is int:
        try:
            return int(text)
        except ValueError:
            return text
    if typing.get_origin(hint) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _checked(f: dataclasses.Field[Any], hint: Any, value: Any, where: str) -> Any:
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{where} must be a list of strings, got {value!r}")
        _check_texts(f, value, where)
        return tuple(value)
    if type(value) is not hint:
        raise ConfigError(f"{where} must be {_WORDS[hint]}, got {value!r}")
    metadata: types.MappingProxyType[Any, Any] = f.metadata
    if "low" in metadata and not metadata["low"] <= value <= metadata["high"]:
        raise ConfigError(f"{where} must be from {metadata['low']} to {metadata['high']}, got {value}")
    if "choices" in metadata and value not in metadata["choices"]:
        raise ConfigError(f"{where} must be one of {', '.join(metadata['choices'])}, got {value!r}")
    if isinstance(value, str):
        _check_texts(f, [value], where)
    return value


def _check_texts(f: dataclasses.Field[Any], texts: list[str], where: str) -> None:
    for text in texts:
        try:
            f.metadata.get("check", str)(text)
        except NodeError as error:
            raise ConfigError(f"{where}: {error}") from error


_WORDS = {int: "a whole number", bool: "true or false", str: "a string"}


def _suggestion(key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in value)
    return f'"{escaped}"'
