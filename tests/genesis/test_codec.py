"""The genesis file: one canonical form, errors that name the place, an identity that covers everything."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.secp256k1 import PrivateKey
from chain.types import Address
from genesis import (
    Allocation,
    ConsensusParameters,
    Genesis,
    GenesisError,
    GenesisValidator,
    dump_genesis,
    genesis_id,
    genesis_state,
    load_genesis,
    parse_genesis,
)
from tests.genesis.conftest import FIRST_CONTRACTS
from vm.forks import Fork, ForkSchedule
from vm.system.staking.parameters import PARAMETER_BOUNDS, StakingParameters

MakeGenesis = Callable[..., Genesis]

uint256 = st.integers(0, 2**256 - 1)
allocations = st.builds(
    Allocation,
    balance=st.integers(1, 2**200),
    nonce=st.integers(0, 2**64 - 2),
    code=st.binary(max_size=50),
    storage=st.dictionaries(uint256, st.integers(1, 2**256 - 1), max_size=3),
)
# What three validators and blocks of a second ask for.
STRICTER = {"max_validators": 3, "unbonding_time_s": 4}
KEYS = [PrivateKey(bytes((number,)) * 32) for number in range(1, 4)]


@st.composite
def genesis_values(draw: st.DrawFn) -> Genesis:
    gas_limit = draw(st.integers(21_000, 2**40))
    return Genesis(
        chain_id=draw(st.integers(1, 2**52 - 2**48)),
        name=draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)),
        timestamp=draw(st.integers(0, 2**40)),
        gas_limit=gas_limit,
        base_fee_per_gas=draw(uint256),
        forks=draw(
            st.sampled_from(
                [
                    ForkSchedule(((Fork.PRAGUE, 0),)),
                    ForkSchedule(((Fork.CANCUN, 0),)),
                    ForkSchedule(((Fork.CANCUN, 0), (Fork.PRAGUE, 77))),
                ]
            )
        ),
        parameters=ConsensusParameters(
            empty_block_interval_ms=draw(st.none() | st.integers(0, 3_600_000)), max_gas=gas_limit
        ),
        validators=tuple(
            GenesisValidator(f"v{number}", key.public_key, draw(st.integers(1, 2**50)), key.address)
            for number, key in enumerate(KEYS[: draw(st.integers(1, 3))])
        ),
        allocations=draw(
            st.dictionaries(st.binary(min_size=20, max_size=20).map(Address), allocations, max_size=4)
        ),
        predeploys=draw(st.sampled_from([(), ("multicall3",), ("beacon_roots", "history_storage")])),
        extra_data=draw(st.binary(max_size=32)),
        staking=StakingParameters(
            **{
                name: draw(st.integers(max(least, STRICTER.get(name, 0)), most))
                for name, least, most in PARAMETER_BOUNDS
            }
        ),
        upgrade_authority=Address(draw(st.binary(min_size=20, max_size=20))),
        upgrade_notice_blocks=draw(st.integers(1, 10**6)),
    )


@given(genesis_values())
def test_every_genesis_round_trips_through_its_canonical_file(genesis: Genesis) -> None:
    raw = dump_genesis(genesis)
    parsed = parse_genesis(raw)
    assert parsed == genesis
    assert dump_genesis(parsed) == raw


@given(genesis_values())
def test_every_genesis_makes_a_state_in_which_nothing_is_lost(genesis: Genesis) -> None:
    changes = genesis_state(genesis)
    balances = [account.balance for account in changes.accounts.values() if account is not None]
    allocated = sum([allocation.balance for allocation in genesis.allocations.values()])
    staked = sum([validator.power for validator in genesis.validators]) * 10**18
    assert sum(balances) == allocated + staked
    assert genesis_state(parse_genesis(dump_genesis(genesis))) == changes


def test_the_order_and_format_of_the_file_do_not_change_the_identity(make_genesis: MakeGenesis) -> None:
    genesis = make_genesis()
    tree = json.loads(dump_genesis(genesis))
    shuffled = {key: tree[key] for key in reversed(tree)}
    shuffled["allocations"] = {
        address.lower(): entry for address, entry in reversed(tree["allocations"].items())
    }
    shuffled["base_fee_per_gas"] = hex(int(tree["base_fee_per_gas"]))
    parsed = parse_genesis(json.dumps(shuffled).encode())
    assert parsed == genesis
    assert genesis_id(parsed) == genesis_id(genesis)


def test_the_identity_of_a_known_genesis_never_changes(make_genesis: MakeGenesis) -> None:
    known = make_genesis(chain_contracts=FIRST_CONTRACTS)
    assert genesis_id(known).hex() == "4767fa6ad724c94af1e864dceee541f0b62d53bf7704bc8756d4e7e22145fe74"


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 4243},
        {"name": "b chain"},
        {"coin_symbol": "AUX"},
        {"timestamp": 1},
        {"gas_limit": 29_000_000},
        {"base_fee_per_gas": 0},
        {"forks": ForkSchedule(((Fork.CANCUN, 0),))},
        {"parameters": ConsensusParameters(block_interval_ms=999)},
        {"validators": (GenesisValidator("one", KEYS[0].public_key, 10, KEYS[0].address),)},
        {"allocations": {}},
        {"predeploys": ()},
        {"extra_data": b""},
        {"staking": StakingParameters(unbonding_time_s=7)},
        {"upgrade_authority": Address(b"\x34" * 20)},
        {"upgrade_notice_blocks": 7},
        {"chain_contracts": {"distribution": 1, "slashing": 1, "staking": 1}},
    ],
)
def test_every_field_changes_the_identity(make_genesis: MakeGenesis, change: dict[str, Any]) -> None:
    assert genesis_id(make_genesis(**change)) != genesis_id(make_genesis())


ONE = "0x1111111111111111111111111111111111111111"
TWO = "0x2222222222222222222222222222222222222222"
RESERVED = "0x00000000000000000000000000000000005c0099"
REMOVE = object()

FAULTS: list[tuple[str, Any, str, str]] = [
    ("format", 1, "$.format", "without staking, this program reads format 2"),
    ("format", 3, "$.format", "reads format 2"),
    ("format", "2", "$.format", "whole number"),
    ("format", REMOVE, "$.format", "missing"),
    ("chain_id", 0, "$.chain_id", "whole number from 1"),
    ("chain_id", "4242", "$.chain_id", "not a string"),
    ("chain_idd", 1, "$.chain_idd", "did you mean 'chain_id'"),
    ("name", "", "$.name", "printable"),
    ("name", "a\n", "$.name", "printable"),
    ("coin_symbol", "aur", "$.coin_symbol", "capital"),
    ("timestamp", -1, "$.timestamp", "whole number"),
    ("gas_limit", 20_999, "$.gas_limit", "whole number from 21000"),
    ("base_fee_per_gas", 1_000, "$.base_fee_per_gas", "a string is expected"),
    ("base_fee_per_gas", "-1", "$.base_fee_per_gas", "decimal"),
    ("extra_data", "0x" + "00" * 33, "$.extra_data", "longer than 32"),
    ("forks", {}, "$.forks", "block 0"),
    ("forks", {"prague": 1}, "$.forks", "block 0"),
    ("forks", {"prague": "0"}, "$.forks.prague", "whole number"),
    ("forks", {"prague": -1}, "$.forks.prague", "block number"),
    ("forks", {"praque": 0}, "$.forks.praque", "did you mean 'prague'"),
    ("forks", {"cancun": 5, "prague": 0}, "$.forks", "block 0"),
    ("forks", {"shanghai": 0, "cancun": 5}, "$.forks.shanghai", "starts with cancun or a later rule set"),
    ("forks", {"frontier": 0}, "$.forks.frontier", "starts with cancun or a later rule set"),
    ("parameters.block_interval_ms", 0, "$.parameters.block_interval_ms", "whole number from 1"),
    ("parameters.block_interval_ms", None, "$.parameters.block_interval_ms", "not null"),
    ("parameters.empty_block_interval_ms", -1, "$.parameters.empty_block_interval_ms", "whole number from 0"),
    ("parameters.timeout_propose_ms", 10_001, "$.parameters.timeout_propose_ms", "above timeout_cap_ms"),
    ("parameters.max_gas", 29_999_999, "$.parameters.max_gas", "below gas_limit"),
    ("parameters.max_block_bytes", 2**30, "$.parameters.max_block_bytes", "whole number"),
    ("parameters.block_interval", 5, "$.parameters.block_interval", "did you mean 'block_interval_ms'"),
    ("parameters.timeout_cap_ms", REMOVE, "$.parameters.timeout_cap_ms", "missing"),
    ("validators", [], "$.validators", "0 validators"),
    ("validators", {}, "$.validators", "a list is expected"),
    ("validators.0.power", 0, "$.validators[0].power", "whole number from 1"),
    ("validators.0.powr", 1, "$.validators[0].powr", "did you mean 'power'"),
    ("validators.0.public_key", "0x02", "$.validators[0].public_key", "33 bytes"),
    ("validators.0.public_key", "0x02" + "ff" * 32, "$.validators[0].public_key", "not a point"),
    ("validators.0.operator", "0x00", "$.validators[0].operator", "40 hex digits"),
    ("validators.0.operator", "0x" + "00" * 20, "$.validators[0].operator", "nobody has the key"),
    ("validators.0.operator", RESERVED, "$.validators[0].operator", "nobody has the key"),
    ("validators.0.name", "", "$.validators[0].name", "printable"),
    (
        f"allocations.{RESERVED}",
        {"balance": "1"},
        f"$.allocations.{RESERVED}",
        "reserved for a contract of the chain",
    ),
    ("upgrade_authority", "0x11", "$.upgrade_authority", "40 hex digits"),
    ("upgrade_authority", REMOVE, "$.upgrade_authority", "missing"),
    ("upgrade_notice_blocks", 0, "$.upgrade_notice_blocks", "whole number from 1"),
    ("upgrade_notice_blocks", "10", "$.upgrade_notice_blocks", "not a string"),
    ("staking", [], "$.staking", "an object is expected"),
    ("staking.max_validators", 0, "$.staking.max_validators", "whole number from 1 to 200"),
    ("staking.max_validators", REMOVE, "$.staking.max_validators", "missing"),
    ("staking.max_validator", 1, "$.staking.max_validator", "did you mean 'max_validators'"),
    ("staking.block_reward_wei", 10, "$.staking.block_reward_wei", "a string is expected"),
    ("staking.block_reward_wei", str(10**25), "$.staking.block_reward_wei", "whole number from 0"),
    ("staking.min_signed_bps", 10_001, "$.staking.min_signed_bps", "whole number from 0 to 10000"),
    ("staking.min_signed_bps", "5", "$.staking.min_signed_bps", "not a string"),
    ("chain_contracts.governor", 1, "$.chain_contracts.governor", "unknown contract, known are"),
    ("chain_contracts.staking", 0, "$.chain_contracts.staking", "no version 0, it has 1"),
    ("chain_contracts.staking", 99, "$.chain_contracts.staking", "no version 99"),
    ("chain_contracts.staking", "1", "$.chain_contracts.staking", "whole number"),
    ("chain_contracts.staking", REMOVE, "$.chain_contracts.staking", "every chain has it"),
    ("allocations.0x11", {"balance": "1"}, "$.allocations.0x11", "40 hex digits"),
    (
        "allocations.0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        {"balance": "1"},
        "$.allocations.0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "checksum",
    ),
    (f"allocations.{ONE}", {}, f"$.allocations.{ONE}", "empty account"),
    (f"allocations.{ONE}.balance", "1.5", f"$.allocations.{ONE}.balance", "decimal"),
    (f"allocations.{ONE}.ballance", "1", f"$.allocations.{ONE}.ballance", "did you mean 'balance'"),
    (f"allocations.{TWO}.code", "60", f"$.allocations.{TWO}.code", "hex digits"),
    (f"allocations.{TWO}.nonce", 2**64 - 1, f"$.allocations.{TWO}.nonce", "whole number"),
    (f"allocations.{TWO}.storage.0x1", "0x0", f"$.allocations.{TWO}.storage.0x1", "whole number from 1"),
    (f"allocations.{TWO}.storage.00", "0x1", f"$.allocations.{TWO}.storage.00", "decimal"),
    (f"allocations.{TWO}.storage.0", "0x1", f"$.allocations.{TWO}.storage.0", "slot stands here twice"),
    ("predeploys.multicall4", "0x", "$.predeploys.multicall4", "did you mean 'multicall3'"),
    ("predeploys.multicall3", "0x" + "00" * 32, "$.predeploys.multicall3", "code hash differs"),
    ("predeploys", [], "$.predeploys", "an object is expected"),
    (
        "allocations.0xcA11bde05977b3631167028862bE2a173976CA11",
        {"balance": "1"},
        "$.allocations.0xca11bde05977b3631167028862be2a173976ca11",
        "taken by the predeploy multicall3",
    ),
]


@pytest.mark.parametrize(("place", "value", "path", "reason"), FAULTS)
def test_a_fault_is_named_with_its_path(
    make_genesis: MakeGenesis, place: str, value: Any, path: str, reason: str
) -> None:
    tree: Any = json.loads(dump_genesis(make_genesis()))
    *parents, key = place.split(".")
    node = tree
    for parent in parents:
        node = node[int(parent)] if isinstance(node, list) else node[parent]
    if value is REMOVE:
        del node[key]
    else:
        node[key] = value
    with pytest.raises(GenesisError, match=reason) as caught:
        parse_genesis(json.dumps(tree).encode())
    assert caught.value.path == path
    assert str(caught.value).startswith(f"genesis {path}: ")


def test_an_address_in_two_spellings_stands_there_twice(make_genesis: MakeGenesis) -> None:
    tree = json.loads(dump_genesis(make_genesis()))
    mixed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    tree["allocations"] = {mixed: {"balance": "1"}, mixed.lower(): {"balance": "1"}}
    with pytest.raises(GenesisError, match="twice"):
        parse_genesis(json.dumps(tree).encode())


@given(st.data())
def test_a_changed_byte_gives_another_identity_or_a_genesis_error(data: st.DataObject) -> None:
    genesis = replace(data.draw(st.shared(genesis_values(), key="one")))
    raw = bytearray(dump_genesis(genesis))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        parsed = parse_genesis(bytes(raw))
    except GenesisError:
        return
    assert (genesis_id(parsed) == genesis_id(genesis)) == (parsed == genesis)


def test_files_are_read_or_named(make_genesis: MakeGenesis, tmp_path: Path) -> None:
    path = tmp_path / "genesis.json"
    with pytest.raises(GenesisError, match=r"cannot read .*genesis\.json: No such file"):
        load_genesis(path)
    path.write_bytes(dump_genesis(make_genesis()))
    assert load_genesis(path) == make_genesis()
    with pytest.raises(GenesisError, match="cannot read"):
        load_genesis(tmp_path)
