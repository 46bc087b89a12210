from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.precompiles.reference import address, ours
from vm.forks import Fork
from vm.message import CallData
from vm.precompiles import HEAD_BYTES, PRECOMPILES
from vm.precompiles.modexp import MODEXP


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


@given(st.integers(0x01, 0x11), st.binary(max_size=700), st.integers(0, 2_000))
def test_bytes_beyond_its_reach_change_nothing(number: int, head: bytes, zeros: int) -> None:
    precompile = PRECOMPILES[Fork.PRAGUE][address(number)]
    payload = head + bytes(zeros)
    if precompile.reach is None:
        return
    reached = payload[: precompile.reach(payload[:HEAD_BYTES])]
    assert precompile.gas(reached) == precompile.gas(payload)
    if precompile.gas(payload) < 1_000_000:
        assert ours(number, reached) == ours(number, payload)


@pytest.mark.parametrize("lengths", [(0, 0, 0), (0, 1_000, 0), (0, 2, 1), (33, 0, 1), (1, 40, 64)])
def test_modexp_reaches_its_operands_and_no_further(lengths: tuple[int, int, int]) -> None:
    payload = b"".join(length.to_bytes(32, "big") for length in lengths) + b"\x07" * 3_000
    reach = MODEXP.reach
    assert reach is not None
    reached = payload[: reach(payload[:HEAD_BYTES])]
    assert len(reached) == 96 + (sum(lengths) if lengths[0] or lengths[2] else 0)
    assert (MODEXP.gas(reached), MODEXP.run(reached)) == (MODEXP.gas(payload), MODEXP.run(payload))


def test_a_price_without_a_reach_depends_on_the_length_only() -> None:
    for precompile in PRECOMPILES[Fork.PRAGUE].values():
        if precompile.reach is None:
            for size in (0, 1, 192, 1_000, 3_840):
                assert precompile.gas(bytes(size)) == precompile.gas(b"\xff" * size)
                assert precompile.gas(cast(bytes, CallData(bytearray(size), 0, size))) == precompile.gas(
                    bytes(size)
                )
