"""Tests of the text of Solidity interfaces, and that solc takes it where solc is there."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vm.system.abi.example import ENTRIES, Coin, Plan
from vm.system.abi.description import error_item, event_item, function_item
from vm.system.abi.signature import ErrorSignature, EventSignature, FunctionSignature, Mutability
from vm.system.abi.solidity import HEADER, Entry, interface_text
from vm.system.abi.types import Parameter, TupleType, UintType, struct_type
from vm.system.errors import InvalidDeclaration

CLIENTS = Path(__file__).parents[3] / "clients"

TEXT = """\
/// @notice Plans that are paid for.
interface IPlans {
    struct Coin {
        string denom;
        uint256 amount;
    }

    struct Plan {
        string name;
        uint64 type_;
        Coin[] coins;
        int64[2] weights;
    }

    /// @notice A plan was made.
    event Planned(address indexed owner, bytes32 indexed id, Plan plan);

    error PlanMissing(bytes32 id);

    /// @notice Makes a plan; mail questions to plans(at)example.org.
    /// @dev Anybody may make one,
    /// as long as it is paid for.
    /// Twice is allowed.
    function make(Plan calldata plan, address from, bytes calldata memory_) external returns (bytes32 id);

    function plan(bytes32 id) external view returns (Plan memory, bool found);

    function total() external view returns (uint256);

    function pay_for_many_plans_at_once(
        bytes32[] calldata identifiers,
        address[] calldata payers,
        uint256[] calldata amounts
    ) external payable;

    receive() external payable;
}
"""


def plans() -> str:
    return interface_text("IPlans", ENTRIES, documentation="Plans that are paid for.", takes_coins=True)


def test_an_interface_has_structs_events_errors_and_functions() -> None:
    assert plans() == TEXT


def test_an_interface_may_be_empty_and_derive_from_others() -> None:
    assert interface_text("IBoth", (), bases=("IOne", "ITwo")) == "interface IBoth is IOne, ITwo {\n}\n"


def test_what_solidity_cannot_name_is_refused() -> None:
    def using(*types: TupleType, name: str = "f") -> Entry:
        inputs = tuple(Parameter("", each) for each in types)
        return Entry(FunctionSignature(name, inputs, (), Mutability.VIEW))

    other = replace(struct_type(Coin), components=(Parameter("x", UintType(8)),))
    for entry in (
        using(name="delete"),
        using(name="uint8"),
        using(struct_type(Coin), other),
        using(struct_type(Plan), other),
        using(replace(other, name="")),
        using(replace(other, name="struct")),
    ):
        with pytest.raises(InvalidDeclaration):
            interface_text("I", [entry])


@pytest.mark.clients
def test_solc_compiles_the_interface_to_the_abi_that_is_described(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (CLIENTS / "node_modules" / "solc").exists():
        pytest.skip("solc is not installed: npm ci in tests/clients")
    source = tmp_path / "plans.sol"
    source.write_text(HEADER + "\n" + plans())
    done = subprocess.run(
        ["node", "compile.cjs", str(source)], cwd=CLIENTS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    compiled = json.loads(done.stdout)["IPlans"]["abi"]
    text = json.dumps([item_of(entry) for entry in ENTRIES]).replace('"memory"', '"memory_"')
    described = json.loads(
        text.replace('"name": "type"', '"name": "type_"').replace("struct ", "struct IPlans.")
    )
    described[1]["outputs"][0]["name"] = ""  # `id` is the argument already
    for item in [*described, {"stateMutability": "payable", "type": "receive"}]:
        assert item in compiled
    assert len(compiled) == len(described) + 1


def item_of(entry: Entry) -> dict[str, object]:
    match entry.signature:
        case FunctionSignature():
            return function_item(entry.signature)
        case EventSignature():
            return event_item(entry.signature)
        case ErrorSignature():
            return error_item(entry.signature)
