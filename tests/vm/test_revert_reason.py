from hypothesis import given
from hypothesis import strategies as st

from vm.revert_reason import revert_reason

ERROR = bytes.fromhex("08c379a0")
PANIC = bytes.fromhex("4e487b71")


def abi_error(text: bytes) -> bytes:
    padded = text + bytes(-len(text) % 32)
    return ERROR + (32).to_bytes(32, "big") + len(text).to_bytes(32, "big") + padded


def test_the_string_of_a_require_is_the_reason() -> None:
    assert revert_reason(abi_error(b"user error")) == "user error"


def test_panics_are_worded_as_geth_words_them() -> None:
    assert revert_reason(PANIC + (0x01).to_bytes(32, "big")) == "assert(false)"
    assert revert_reason(PANIC + (0x11).to_bytes(32, "big")) == "arithmetic underflow or overflow"
    assert revert_reason(PANIC + (0x99).to_bytes(32, "big")) == "unknown panic code: 0x99"


def test_data_that_is_neither_has_no_reason() -> None:
    assert revert_reason(b"") is None
    assert revert_reason(b"wrong-calldatasize") is None
    assert revert_reason(PANIC + b"\x01") is None


def test_a_string_that_runs_past_the_end_has_no_reason() -> None:
    assert revert_reason(abi_error(b"x" * 40)[:-40]) is None
    assert revert_reason(ERROR + (2**256 - 1).to_bytes(32, "big") * 2) is None


@given(st.binary(max_size=200), st.sampled_from([b"", ERROR, PANIC]))
def test_any_revert_data_is_read_without_an_error(data: bytes, selector: bytes) -> None:
    reason = revert_reason(selector + data)
    assert reason is None or isinstance(reason, str)


@given(st.text(max_size=100))
def test_any_text_comes_back(text: str) -> None:
    assert revert_reason(abi_error(text.encode())) == text
