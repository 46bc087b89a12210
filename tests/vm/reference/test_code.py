import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.worlds import address, assemble, call, funded, returning, word
from vm.evm import jump_table as jump_table_module
from vm.evm.jump_table import JUMPDEST, jump_table
from vm.gas import INITCODE_SIZE_LIMIT
from vm.message import Status
from vm.reference.code import Code

CONTRACT = address(0xC0DE)


def targets(code: bytes) -> list[int]:
    table = jump_table(code)
    return [position for position in range(len(code)) if table[position >> 3] >> (position & 7) & 1]


def test_only_jumpdests_outside_of_push_operands_are_targets() -> None:
    assert targets(bytes.fromhex("5b605b5b615b5b5b")) == [0, 3, 7]
    assert targets(bytes.fromhex("7f" + "5b" * 31)) == []
    assert targets(bytes.fromhex("7f" + "5b" * 33)) == [33]
    assert targets(b"") == []


@given(st.binary(max_size=200))
def test_targets_are_what_a_walk_over_the_instructions_finds(code: bytes) -> None:
    expected, position = [], 0
    while position < len(code):
        if code[position] == JUMPDEST:
            expected.append(position)
        position += 1 + max(0, code[position] - 0x5F if 0x60 <= code[position] <= 0x7F else 0)
    assert targets(code) == expected


def test_longer_code_than_can_be_deployed_is_searched_too() -> None:
    code = b"\x5b" * (INITCODE_SIZE_LIMIT + 1)
    assert len(targets(code)) == len(code)


def test_reading_past_the_end_gives_what_is_there_and_moves_on() -> None:
    code = Code(b"\x01\x02\x03")
    assert code.read(2) == b"\x01\x02"
    assert code.read(5) == b"\x03"
    assert code.program_counter == 7
    with code.seek(1) as moved:
        assert moved.read(1) == b"\x02"
    assert code.program_counter == 7


def test_a_jump_into_push_data_or_past_the_end_fails() -> None:
    for target in (2, 200, 2**255):
        world = funded().add(CONTRACT, nonce=1, code=bytes.fromhex("605b50") + assemble(target, "JUMP")).world
        outcome = call(world, CONTRACT)
        assert (outcome.status, outcome.error) == (Status.FAILURE, "invalid jump destination")


def test_a_contract_full_of_pushes_can_be_jumped_in() -> None:
    """py-evm's own search for jump targets recurses once per PUSH and overflows on this."""
    body = b"\x60" * 24_000
    code = assemble(b"\x5f\xfe", "JUMP") + body
    end = len(code) + (len(body) % 2)
    code = code + b"\x00" * (end - len(code)) + b"\x5b" + returning(9)
    code = assemble(end.to_bytes(2, "big"), "JUMP") + code[4:]
    assert word(call(funded().add(CONTRACT, nonce=1, code=code).world, CONTRACT)) == 9


def test_calling_many_long_contracts_in_turns_searches_each_for_targets_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[bytes] = []

    def search(code: bytes) -> bytes:
        searches.append(code)
        return found(code)

    found = jump_table_module._find_jump_targets
    monkeypatch.setattr(jump_table_module, "_find_jump_targets", search)
    codes = [
        b"\x67" + number.to_bytes(8, "big") + b"\x5b"
        for number in range(jump_table_module.RECENT_TABLES_KEPT + 1)
    ]
    for _ in range(3):
        for code in codes:
            assert targets(code) == [9]
    assert len(searches) == len(codes)


def test_the_tables_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jump_table_module, "TABLES_KEPT", 3)
    store = jump_table_module._TableStore()
    for number in range(10):
        store.table(bytes([number]))
    assert len(store._tables) == 3
