"""Long calls of native libraries hold no other thread up, and have the results that they have here."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.vm.precompiles.reference import ours
from vm.precompiles import apart, blake2f, bn254, modexp
from vm.precompiles.apart import Apart
from vm.precompiles.interface import PrecompileFailure

ROUNDS = 20_000_000  # 0.4 s
G1 = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
G2 = bytes.fromhex(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
)


def rounds(count: int, flag: int = 1) -> bytes:
    return count.to_bytes(4, "big") + bytes(range(208)) + bytes((flag,))


def power(size: int) -> bytes:
    lengths = b"".join(size.to_bytes(32, "big") for _ in range(3))
    return lengths + b"\xfe" * size + b"\xff" * size + b"\xff" * (size - 1) + b"\xfd"


@contextmanager
def heartbeat() -> Iterator[list[float]]:
    """The longest time for which another thread did not get to run."""
    longest = [0.0]
    ended = threading.Event()

    def run() -> None:
        last = time.perf_counter()
        while not ended.wait(0.001):
            now = time.perf_counter()
            longest[0] = max(longest[0], now - last)
            last = now

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield longest
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("address", "payload"), [(9, rounds(ROUNDS)), (5, power(1_024)), (8, (G1 + G2) * 1_200)]
)
def test_a_long_call_holds_no_other_thread_up(address: int, payload: bytes) -> None:
    ours(address, rounds(blake2f.LONG_ROUNDS + 1) if address == 9 else payload)  # starts the process
    with heartbeat() as longest:
        begun = time.perf_counter()
        assert ours(address, payload) is not None
        took = time.perf_counter() - begun
    assert longest[0] < took / 2, (longest, took)


def test_results_are_those_of_the_function_itself() -> None:
    for function, payloads in (
        (blake2f.blake2f, [rounds(number) for number in (99_999, 100_000, 100_001, 150_000)]),
        (modexp.modexp, [power(size) for size in (100, 150, 200, 400)]),
        (bn254.pairing, [(G1 + G2) * pairs for pairs in (7, 8, 9, 20)]),
    ):
        somewhere_else = Apart(function, lambda _payload: True)
        assert [somewhere_else(payload) for payload in payloads] == [
            function(payload) for payload in payloads
        ]


def test_a_failure_comes_back_with_its_text_and_the_process_goes_on() -> None:
    somewhere_else = Apart(bn254.pairing, lambda _payload: True)
    for _ in range(3):
        with pytest.raises(PrecompileFailure, match="not on the curve of G1"):
            somewhere_else((G1 + G2)[:-192] + bytes(31) + b"\x01" + bytes(160))
        with pytest.raises(PrecompileFailure, match="no multiple of 192"):
            somewhere_else(G1)
    assert len(somewhere_else._idle) == 1


def test_a_process_that_is_killed_or_cannot_be_started_changes_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    somewhere_else = Apart(blake2f.blake2f, lambda _payload: True)
    expected = blake2f.blake2f(rounds(12))
    assert somewhere_else(rounds(12)) == expected
    os.kill(somewhere_else._idle[0]._process.pid, signal.SIGKILL)
    for _ in range(2):  # the first may have found it still alive
        assert somewhere_else(rounds(12)) == expected
    somewhere_else._idle[0]._process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(apart, "GIVE_UP_S", 0.2)
    assert somewhere_else(rounds(12)) == expected
    assert not somewhere_else._idle
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert somewhere_else(rounds(12)) == expected


def test_many_threads_share_few_processes_that_end_with_this_one() -> None:
    somewhere_else = Apart(blake2f.blake2f, lambda _payload: True)
    expected = [blake2f.blake2f(rounds(number)) for number in range(40)]
    found: dict[int, bytes] = {}

    def call(number: int) -> None:
        found[number] = somewhere_else(rounds(number))

    for start in range(0, 40, 4):
        threads = [threading.Thread(target=call, args=(start + number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[number] for number in range(40)] == expected
    assert len(somewhere_else._idle) <= apart.KEPT_IDLE
    process = somewhere_else._idle[0]._process
    assert process.stdin is not None
    process.stdin.close()  # as the end of this process would
    assert process.wait(10) == 0
    assert not Path(f"/proc/{process.pid}").exists()
