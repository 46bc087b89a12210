import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.precompiles.reference import address
from vm.forks import Fork
from vm.message import CallData
from vm.precompiles import HEAD_BYTES, PRECOMPILES, PrecompileFailure
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


def test_p256_comes_with_osaka() -> None:
    assert set(PRECOMPILES[Fork.OSAKA]) - set(PRECOMPILES[Fork.PRAGUE]) == {address(0x100)}


class Watched:
    """Counts what is copied out of it."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.copied = 0

    def __len__(self) -> int:
        return len(self.payload)

    def __getitem__(self, part: slice, /) -> bytes:
        copy = self.payload[part]
        self.copied += len(copy)
        return copy


LENGTHS = [(0, 32, 0), (1, 1 << 20, 1), (1 << 20, 1, 1), (1, 1, 1 << 20), (2**256 - 1,) * 3]
LONG_INPUTS = [
    b"",
    b"\xff",
    b"\xff" * 97,
    b"\xff" * 100_000,
    bytes(100_000),
    *(b"".join(length.to_bytes(32, "big") for length in lengths) + bytes(100_000) for lengths in LENGTHS),
]


@pytest.mark.parametrize("fork", list(Fork))
def test_a_price_is_found_without_copying_the_input(fork: Fork) -> None:
    """Who calls with a long input and no gas has not paid for a copy."""
    for precompile in PRECOMPILES[fork].values():
        for payload in LONG_INPUTS:
            watched = Watched(payload)
            assert precompile.gas(watched) == precompile.gas(payload) >= 0
            assert watched.copied <= 256, precompile.name


@pytest.mark.parametrize("fork", [Fork.BYZANTIUM, Fork.PRAGUE, Fork.OSAKA])
@given(st.sampled_from([*range(0x01, 0x12), 0x100]), st.binary(max_size=700), st.integers(0, 2_000))
def test_bytes_beyond_its_reach_do_not_change_the_result(
    fork: Fork, number: int, head: bytes, zeros: int
) -> None:
    precompile = PRECOMPILES[fork].get(address(number))
    payload = head + bytes(zeros)
    if precompile is None or precompile.reach is None or precompile.gas(payload) > 1_000_000:
        return
    reached = payload[: precompile.reach(payload[:HEAD_BYTES])]
    results = []
    for given_bytes in (reached, payload):
        try:
            results.append(precompile.run(given_bytes))
        except PrecompileFailure:
            results.append(b"failed")
    assert results[0] == results[1]


@pytest.mark.parametrize("lengths", [(0, 0, 0), (0, 1_000, 0), (0, 2, 1), (33, 0, 1), (1, 40, 64)])
def test_modexp_reaches_its_operands_and_no_further(lengths: tuple[int, int, int]) -> None:
    payload = b"".join(length.to_bytes(32, "big") for length in lengths) + b"\x07" * 3_000
    reach = MODEXP.reach
    assert reach is not None
    reached = payload[: reach(payload[:HEAD_BYTES])]
    assert len(reached) == 96 + (sum(lengths) if lengths[0] or lengths[2] else 0)
    assert MODEXP.run(reached) == MODEXP.run(payload)


def test_a_price_without_a_reach_depends_on_the_length_only() -> None:
    for precompile in PRECOMPILES[Fork.PRAGUE].values():
        if precompile.reach is None:
            for size in (0, 1, 192, 1_000, 3_840):
                assert precompile.gas(bytes(size)) == precompile.gas(b"\xff" * size)
                assert precompile.gas(CallData(bytearray(size), 0, size)) == precompile.gas(bytes(size))
