"""`aurigraph evm …`: run, trace, list and compile bytecode without a node.

Owns: the state with one contract that such a run gets, and how results are shown. Never does: touch a chain.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from chain.keccak import EMPTY_KECCAK, keccak256
from chain.receipt import Log
from chain.types import ZERO_HASH, Address
from node.commands.common import (
    CommandFailed,
    CommandGroup,
    ExitCode,
    json_option,
    read_address,
    show,
    show_rows,
)
from state.account import MAX_BALANCE, Account
from state.reader import DictReader
from vm.engines import NATIVE, PY_EVM, Engine
from vm.environment import BlockEnvironment
from vm.evm.blocks import Program
from vm.evm.code import Code
from vm.evm.compiler.function import CompiledRegion, compile_region
from vm.evm.compiler.service import view_of
from vm.evm.disassembly import METADATA, disassemble
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork
from vm.message import Status
from vm.reference.tables import INSTRUCTIONS as REFERENCE_RULE_SETS
from vm.simulation import CallRequest, simulate_call
from vm.tracing.interface import InvalidTracer, TransactionTracer, hex_bytes
from vm.tracing.run import STRUCT_LOGS, TRACERS, make_tracer, trace_call

MAX_CODE_BYTES = 1 << 20
MAX_INPUT_BYTES = 1 << 20
MAX_SLOTS = 10_000
MAX_REGIONS = 64
DEFAULT_GAS = 30_000_000
CONTRACT = Address(b"\xc0\xde".rjust(20, b"\0"))
CALLER = Address(b"\xca\x11\xe4".rjust(20, b"\0"))
ENGINES: dict[str, Engine] = {"native": NATIVE, "py-evm": PY_EVM}
FORKS = {fork.name.lower().replace("_", "-"): fork for fork in Fork}
MAX_CONFIG_CHARACTERS = 4_096
_HEX = re.compile(r"(0x)?([0-9a-fA-F]*)")

F = TypeVar("F", bound=Callable[..., Any])


@click.group(cls=CommandGroup)
def evm() -> None:
    """Run, trace, list and compile bytecode, without a node."""


def code_options(function: F) -> F:
    """The bytecode, and the rule set it runs under."""
    for option in (
        click.option(
            "--fork", type=click.Choice(list(FORKS)), default="prague", show_default=True, help="Rule set."
        ),
        click.option(
            "--code-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with it."
        ),
        click.option("--code", "code_text", help="Bytecode as hex."),
    ):
        function = option(function)
    return function


def call_options(function: F) -> F:
    """What the bytecode is called with."""
    for option in (
        click.option(
            "--storage", multiple=True, metavar="SLOT=VALUE", help="A slot of the contract (repeatable)."
        ),
        click.option("--caller", default="0x" + CALLER.hex(), show_default=True),
        click.option("--gas", type=click.IntRange(21_000, 10**12), default=DEFAULT_GAS, show_default=True),
        click.option("--value", type=click.IntRange(0, 10**30), default=0, help="Wei."),
        click.option("--input", "input_text", default="", help="Call data as hex."),
        click.option(
            "--create", is_flag=True, help="The bytecode is init code: run it and show what it deploys."
        ),
    ):
        function = option(function)
    return code_options(function)


@evm.command()
@call_options
@click.option("--engine", type=click.Choice(list(ENGINES)), default="native", show_default=True)
@json_option
def run(engine: str, as_json: bool, **options: Any) -> None:
    """Call the bytecode as a transaction would, and show what comes of it. Exit code 5 if it fails."""
    if engine == "py-evm" and FORKS[options["fork"]] not in REFERENCE_RULE_SETS:
        raise CommandFailed(f"py-evm does not run {options['fork']}", ExitCode.USAGE)
    reader, env, request = _scene(**options)
    begun = time.perf_counter()
    result = simulate_call(reader, replace(env, evm=ENGINES[engine]), request, gas_cap=options["gas"])
    seconds = time.perf_counter() - begun
    shown = {
        "status": result.status.name.lower(),
        "gasUsed": result.gas_used,
        "output": "0x" + result.output.hex(),
        "error": result.error,
        "logs": [_shown_log(log) for log in result.logs],
        "milliseconds": round(seconds * 1e3, 3),
    }
    if as_json:
        show(shown, as_json=True)
    else:
        show({**shown, "logs": json.dumps(shown["logs"])}, as_json=False)
    if result.status is not Status.SUCCESS:
        raise CommandFailed(result.error or "execution failed", ExitCode.TRANSACTION_REVERTED)


@evm.command()
@call_options
@click.option("--tracer", type=click.Choice(list(TRACERS)), default=STRUCT_LOGS, show_default=True)
@click.option("--tracer-config", default="{}", help='Options as JSON, as in {"withLog": true}.')
@json_option
def trace(tracer: str, tracer_config: str, as_json: bool, **options: Any) -> None:
    """Call the bytecode and show a trace in go-ethereum's form; struct logs as a table without --json."""
    listener = _make_tracer(tracer, tracer_config)
    reader, env, request = _scene(**options)
    found = trace_call(reader, env, request, listener, gas_cap=options["gas"])
    if as_json or tracer != STRUCT_LOGS:
        click.echo(json.dumps(found, indent=1))
        return
    rows = [
        {
            "pc": f"{entry['pc']:#06x}",
            "op": entry["op"],
            "gas": entry["gas"],
            "cost": entry["gasCost"],
            "depth": entry["depth"],
            "stack, top last": " ".join(entry.get("stack", [])[-4:]),
            "error": entry.get("error", ""),
        }
        for entry in found["structLogs"]
    ]
    show_rows(rows, as_json=False, empty="nothing ran")
    click.echo(
        f"gas used {found['gas']}, returned {found['returnValue']}{', failed' if found['failed'] else ''}"
    )


def _make_tracer(name: str, config_text: str) -> TransactionTracer:
    if len(config_text) > MAX_CONFIG_CHARACTERS:
        raise CommandFailed(
            f"--tracer-config is longer than {MAX_CONFIG_CHARACTERS} characters", ExitCode.USAGE
        )
    try:
        config = json.loads(config_text)
    except ValueError as error:
        raise CommandFailed(f"--tracer-config is no JSON: {error}", ExitCode.USAGE) from error
    if not isinstance(config, dict):
        raise CommandFailed("--tracer-config must be a JSON object", ExitCode.USAGE)
    try:
        return make_tracer(name, config)
    except InvalidTracer as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error


@evm.command()
@code_options
@json_option
def disasm(code_text: str | None, code_file: Path | None, fork: str, as_json: bool) -> None:
    """List the instructions of the bytecode."""
    code = _read_code(code_text, code_file)
    lines = list(disassemble(code, instruction_set(FORKS[fork])))
    if as_json:
        rows = [
            {
                "pc": line.position,
                "op": line.name,
                "operand": "0x" + line.operand.hex(),
                "reachable": line.is_reachable,
            }
            for line in lines
        ]
        show_rows(rows, as_json=True, empty="")
        return
    for line in lines:
        operand = f" 0x{line.operand.hex()}" if line.operand else ""
        mark = "" if line.is_reachable or line.name == METADATA else "  ; never reached, perhaps data"
        click.echo(f"{line.position:#06x}  {line.name}{operand}{mark}")


@evm.command()
@code_options
@click.option("--source", is_flag=True, help="Print the generated Python.")
@json_option
def compile(  # noqa: A001  the command's name
    code_text: str | None, code_file: Path | None, fork: str, source: bool, as_json: bool
) -> None:
    """Compile all of the bytecode, from its start on, as the node does with code that is hot."""
    regions = _compiled(_read_code(code_text, code_file), FORKS[fork])
    if source:
        for region in regions:
            click.echo(region.source)
        return
    rows = [
        {
            "start": region.start if as_json else f"{region.start:#06x}",
            "statements": region.source.count("\n"),
            "characters": len(region.source),
            "leavesTo": list(region.exits)
            if as_json
            else " ".join(f"{place:#06x}" for place in region.exits),
        }
        for region in regions
    ]
    show_rows(rows, as_json=as_json, empty="nothing in it can be compiled")


def _compiled(raw: bytes, fork: Fork) -> list[CompiledRegion]:
    """The region at the start, and those that ways out of regions lead to; at most MAX_REGIONS."""
    code = Code(raw, Program(instruction_set(fork)))
    view = view_of(code, everything=True)
    wanted: dict[int, None] = {0: None}
    done: dict[int, CompiledRegion] = {}
    tried: set[int] = set()
    while wanted and len(tried) < MAX_REGIONS:
        start = next(iter(wanted))
        del wanted[start]
        tried.add(start)
        region = compile_region(view, start)
        if region is not None:
            done[start] = region
            wanted |= {place: None for place in region.exits if place not in tried}
    return list(done.values())


def _scene(
    *,
    code_text: str | None,
    code_file: Path | None,
    fork: str,
    create: bool,
    input_text: str,
    value: int,
    gas: int,
    caller: str,
    storage: tuple[str, ...],
) -> tuple[DictReader, BlockEnvironment, CallRequest]:
    """A state with a rich caller and the contract, a block, and the call."""
    code = _read_code(code_text, code_file)
    payload = _read_hex("--input", input_text, MAX_INPUT_BYTES)
    sender = read_address(caller)
    slots = _read_slots(storage)
    accounts = {sender: Account(0, MAX_BALANCE // 2)}
    codes = {EMPTY_KECCAK: b""}
    if not create:
        accounts[CONTRACT] = Account(1, 0, code_hash=keccak256(code))
        codes[keccak256(code)] = code
    reader = DictReader(accounts, {CONTRACT: slots}, codes)
    request = CallRequest(
        caller=sender,
        to=None if create else CONTRACT,
        gas=gas,
        value=value,
        input=code + payload if create else payload,
    )
    return reader, _environment(FORKS[fork]), request


def _environment(fork: Fork) -> BlockEnvironment:
    return BlockEnvironment(
        chain_id=1337,
        number=1,
        timestamp=1,
        beneficiary=Address(bytes(20)),
        gas_limit=10**12,
        base_fee_per_gas=0,
        prev_randao=ZERO_HASH,
        excess_blob_gas=0,
        parent_beacon_block_root=ZERO_HASH,
        parent_hash=ZERO_HASH,
        fork=fork,
        block_hash=lambda _number: None,
    )


def _read_code(code_text: str | None, code_file: Path | None) -> bytes:
    if (code_text is None) == (code_file is None):
        raise CommandFailed("give the bytecode with either --code or --code-file", ExitCode.USAGE)
    if code_file is not None:
        with code_file.open("rb") as file:
            raw = file.read(2 * MAX_CODE_BYTES + 100)
        code_text = raw.decode("ascii", "replace")
    return _read_hex("the bytecode", "".join((code_text or "").split()), MAX_CODE_BYTES)


def _read_hex(what: str, text: str, limit_bytes: int) -> bytes:
    match = _HEX.fullmatch(text)
    if match is None:
        raise CommandFailed(f"{what} is no hex", ExitCode.USAGE)
    digits = match[2]
    if len(digits) % 2:
        raise CommandFailed(f"{what} has an odd number of hex digits", ExitCode.USAGE)
    if len(digits) // 2 > limit_bytes:
        raise CommandFailed(f"{what} is longer than {limit_bytes} bytes", ExitCode.USAGE)
    return bytes.fromhex(digits)


def _read_slots(texts: tuple[str, ...]) -> dict[int, int]:
    if len(texts) > MAX_SLOTS:
        raise CommandFailed(f"more than {MAX_SLOTS} slots", ExitCode.USAGE)
    slots = {}
    for text in texts:
        slot, _, value = text.partition("=")
        try:
            numbers = int(slot, 0), int(value, 0)
        except ValueError as error:
            raise CommandFailed(
                f"--storage {text}: expected SLOT=VALUE, decimal or 0x", ExitCode.USAGE
            ) from error
        if not all(0 <= number < 1 << 256 for number in numbers):
            raise CommandFailed(f"--storage {text}: a number does not fit 256 bits", ExitCode.USAGE)
        slots[numbers[0]] = numbers[1]
    return slots


def _shown_log(log: Log) -> dict[str, Any]:
    return {
        "address": hex_bytes(log.address),
        "topics": [hex_bytes(topic) for topic in log.topics],
        "data": hex_bytes(log.data),
    }
