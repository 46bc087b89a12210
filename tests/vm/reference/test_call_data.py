"""Long input of a call stays in the caller's memory; what the callee reads of it must be the same as a copy."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.worlds import address, assemble, call, funded, returning, word
from vm.message import CallData, Status
from vm.reference.frame import COPIED_INPUT_BYTES

CALLER, CALLEE = address(0xC0DE), address(0xC0DF)
SIZE = 5_000
MARK = 0xABCDEF


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**256), st.integers(0, 2**256))
def test_a_window_slices_as_bytes_do(start: int, size: int, first: int, last: int) -> None:
    memory = bytearray(range(128))
    copy = bytes(memory[start : start + size])
    window = CallData(memory, start, size)
    assert len(window) == len(copy)
    assert window[first:last] == copy[first:last]
    assert window[:last] == copy[:last]
    assert window[first % 80 : first % 80 + last % 80] == copy[first % 80 : first % 80 + last % 80]
    assert window[:] == copy
    memory.extend(b"grown")  # nothing keeps hold of the memory


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 100) | st.integers(0, 2**256))
def test_a_window_reads_words_as_bytes_do(start: int, size: int, at: int) -> None:
    memory = bytearray(range(128))
    copy = bytes(memory[start : start + size])
    word = copy[at : at + 32]
    assert CallData(memory, start, size).word(at) == int.from_bytes(word + bytes(32 - len(word)))


def test_a_window_is_worth_a_copy_when_it_is_read_again_and_again() -> None:
    window = CallData(bytearray(100_000), 0, 100_000)
    reads = 0
    while not window.is_worth_a_copy:
        window.word(reads)
        assert len(window[5:10]) == 5
        reads += 2
    assert 50 < reads < 150
    long_read = CallData(bytearray(100_000), 0, 100_000)
    assert len(long_read[:]) == 100_000
    assert not long_read.is_worth_a_copy


@pytest.mark.parametrize("reads", [1, 20])
def test_what_the_callee_reads_is_the_same_before_and_after_the_copy(reads: int) -> None:
    read = assemble(SIZE - 32, "CALLDATALOAD", "ADD", 32, SIZE - 32, 0, "CALLDATACOPY", 0, "MLOAD", "ADD")
    code = assemble(0) + read * reads + assemble(0, "MSTORE", 32, 0, "RETURN")
    accounts = funded().add(CALLER, code=forwarding(SIZE)).add(CALLEE, code=code)
    assert word(call(accounts.world, CALLER)) == 2 * reads * MARK


def forwarding(size: int, to: int = 0xC0DF) -> bytes:
    """Writes MARK as the last word of its input, passes it on, and returns the word that comes back."""
    return assemble(
        MARK, size - 32, "MSTORE", 32, 0, size, 0, address(to), "GAS", "STATICCALL", "POP"
    ) + assemble(32, 0, "RETURN")


@pytest.mark.parametrize("size", [COPIED_INPUT_BYTES, COPIED_INPUT_BYTES + 1, SIZE])
@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda size: ("CALLDATASIZE",), lambda size: size),
        (lambda size: (size - 32, "CALLDATALOAD"), lambda size: MARK),
        (lambda size: (size - 1, "CALLDATALOAD"), lambda size: (MARK & 0xFF) << 248),
        (lambda size: (size, "CALLDATALOAD"), lambda size: 0),
        (lambda size: (2**256 - 1, "CALLDATALOAD"), lambda size: 0),
        (lambda size: (32, size - 32, 64, "CALLDATACOPY", 64, "MLOAD"), lambda size: MARK),
        (lambda size: (64, size - 1, 64, "CALLDATACOPY", 64, "MLOAD"), lambda size: (MARK & 0xFF) << 248),
    ],
)
def test_the_callee_reads_long_input_as_short_one(size, read, expected) -> None:  # type: ignore[no-untyped-def]
    accounts = funded().add(CALLER, code=forwarding(size)).add(CALLEE, code=returning(*read(size)))
    assert word(call(accounts.world, CALLER)) == expected(size)


def test_a_precompile_gets_long_input() -> None:
    # The identity returns its input: the first word is zero, the last one is beyond the 32 bytes taken.
    outcome = call(funded().add(CALLER, code=forwarding(SIZE, 4)).world, CALLER)
    assert outcome.status is Status.SUCCESS
    assert word(outcome) == 0


@pytest.mark.parametrize("target", [0xC0DF, 0xABCD, 6, 9, 0xB, 2])
def test_calls_with_two_megabytes_of_input_cost_no_copies(target: int) -> None:
    """Copied each time, they took 0.1 to 3 ms each for 160 gas: minutes for the gas of a block."""
    size = 2_000_000
    before = assemble(1, size, "MSTORE")
    body = assemble("JUMPDEST", 0, 0, size, 0, address(target), 250, "STATICCALL", "POP", len(before), "JUMP")
    world = funded().add(CALLER, code=before + body).add(CALLEE, code=assemble(0, "CALLDATALOAD")).world
    begun_s = time.process_time()
    outcome = call(world, CALLER, gas=9_300_000)
    assert outcome.error == "out of gas"
    per_gas_s = (time.process_time() - begun_s) / 1_500_000  # what the memory left
    assert per_gas_s * 30_000_000 < 10, "seconds for the gas of a block"
