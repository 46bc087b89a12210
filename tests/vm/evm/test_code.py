"""What is kept of code: when it is decoded, how much of it, and for how long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.vm.worlds import assemble
from vm.evm.blocks import Block, Program
from vm.evm.code import CODE_BYTES_LIMIT, VISITS_BEFORE_DECODING, Code, CodeCache
from vm.evm.instruction_set import instruction_set
from vm.forks import Fork

PROGRAM = Program(instruction_set(Fork.PRAGUE))


def code_of(raw: bytes) -> Code:
    return Code(raw, PROGRAM)


def test_a_block_is_decoded_when_it_was_visited_often() -> None:
    code = code_of(assemble("CALLER", "POP"))
    assert [code.visit(0) for _ in range(VISITS_BEFORE_DECODING)] == [False] * (
        VISITS_BEFORE_DECODING - 1
    ) + [True]
    assert isinstance(code.entries[0], Block)
    assert set(code.entries) == {0}


def test_jump_targets() -> None:
    code = code_of(bytes.fromhex("5b605b5b00"))
    assert [code.is_target(position) for position in range(5)] == [True, False, False, True, False]
    for beyond in (5, 6, 2**64, 2**256 - 1):
        assert not code.is_target(beyond)


def test_decoding_stops_when_a_code_has_taken_its_share() -> None:
    """24 KB of places to jump to, each the start of a long block."""
    code = code_of(bytes.fromhex("5b586001505050") * 3_500)
    for position in range(0, len(code.raw), 7):
        for _ in range(VISITS_BEFORE_DECODING):
            if code.visit(position):
                break
    assert code.size_bytes > CODE_BYTES_LIMIT
    assert code.size_bytes < CODE_BYTES_LIMIT + 1_000_000
    undecoded = [position for position in range(0, len(code.raw), 7) if position not in code.entries]
    assert undecoded
    assert not code.visit(undecoded[0])


def contract(number: int, size: int = 20_000) -> bytes:
    return number.to_bytes(4) + bytes(size - 4)


def test_the_same_bytes_have_one_code() -> None:
    cache = CodeCache(PROGRAM)
    assert cache.get(contract(1)) is cache.get(bytes(bytearray(contract(1))))
    assert cache.get(contract(1)) is not cache.get(contract(2))


def test_the_cache_is_bounded_by_bytes_and_keeps_what_is_used() -> None:
    cache = CodeCache(PROGRAM, limit_bytes=1_000_000)
    used = cache.get(contract(0))
    for number in range(1, 500):
        cache.get(contract(number))
        assert cache.get(contract(0)) is used
        assert cache.size_bytes <= 1_000_000 + 2 * 21_000
    assert len(cache.codes) >= 20
    kept = cache.codes
    assert cache.get(contract(1)) not in kept


def test_decoded_blocks_count() -> None:
    cache = CodeCache(PROGRAM, limit_bytes=200_000)
    first = cache.get(contract(1, 100))
    cache.get(contract(2, 100))
    first.grow(500_000)
    assert cache.get(contract(1, 100)) is first  # it was pushed into the old generation, and comes back
    first.grow(500_000)
    first.grow(500_000)
    cache.get(contract(3, 100))
    assert len(cache.codes) <= 3


def test_many_threads_may_use_one_cache() -> None:
    cache = CodeCache(PROGRAM, limit_bytes=300_000)
    codes = [assemble("JUMPDEST", number, "POP") + bytes(5_000) for number in range(60)]

    def work(offset: int) -> int:
        wrong = 0
        for turn in range(600):
            raw = codes[(turn * 7 + offset) % len(codes)]
            code = cache.get(raw)
            code.visit(0)
            wrong += code.raw != raw
        return wrong

    with ThreadPoolExecutor(max_workers=4) as threads:
        assert sum(threads.map(work, range(4))) == 0
    assert cache.size_bytes <= 300_000 + 10_000
