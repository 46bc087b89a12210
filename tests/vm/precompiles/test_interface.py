import pytest
from zksnake._algebra import ec_bn254  # type: ignore[import-untyped]

from chain.errors import InvariantViolation
from vm.precompiles.interface import PrecompileFailure, fixed_price, guarded, price_per_word


def test_a_panic_of_a_rust_library_becomes_a_failed_call(capfd: pytest.CaptureFixture[str]) -> None:
    def off_the_curve(payload: bytes) -> bytes:
        ec_bn254.PointG1(1, 3)
        return payload

    with pytest.raises(PrecompileFailure, match="panicked"):
        guarded(off_the_curve)(b"")
    capfd.readouterr()  # the panic writes to standard error


def test_an_error_of_a_library_becomes_a_failed_call() -> None:
    def refuse(payload: bytes) -> bytes:
        raise OverflowError("too big")

    with pytest.raises(PrecompileFailure, match="too big"):
        guarded(refuse)(b"")


@pytest.mark.parametrize("error", [InvariantViolation, MemoryError, KeyboardInterrupt, SystemExit])
def test_what_must_stop_the_node_passes(error: type[BaseException]) -> None:
    def stop(payload: bytes) -> bytes:
        raise error

    with pytest.raises(error):
        guarded(stop)(b"")


def test_prices_count_begun_words() -> None:
    price = price_per_word(60, 12)
    assert [price(bytes(length)) for length in (0, 1, 32, 33, 64)] == [60, 72, 72, 84, 84]
    assert fixed_price(7)(bytes(9)) == 7
