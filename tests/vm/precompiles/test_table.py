import pytest

from tests.vm.precompiles.reference import address
from vm.forks import Fork
from vm.precompiles import PRECOMPILES


def test_every_rule_set_has_a_table() -> None:
    assert set(PRECOMPILES) == set(Fork)


def test_cancun_has_the_precompiles_one_to_ten() -> None:
    assert set(PRECOMPILES[Fork.CANCUN]) == {address(number) for number in range(0x01, 0x0B)}


def test_prague_adds_the_seven_of_bls12_381() -> None:
    added = set(PRECOMPILES[Fork.PRAGUE]) - set(PRECOMPILES[Fork.CANCUN])
    assert added == {address(number) for number in range(0x0B, 0x12)}


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRECOMPILES[Fork.PRAGUE][address(1)] = PRECOMPILES[Fork.PRAGUE][address(2)]  # type: ignore[index]


def test_prices_of_every_precompile_accept_any_input() -> None:
    for precompile in PRECOMPILES[Fork.PRAGUE].values():
        for payload in (b"", b"\xff", b"\xff" * 97, b"\xff" * 500, bytes(1000)):
            assert precompile.gas(payload) >= 0
