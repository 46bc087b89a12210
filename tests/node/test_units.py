import pytest

from node.units import InvalidAmount, format_aur, format_units, parse_amount, parse_units


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("1", 10**18),
        ("1.5aur", 15 * 10**17),
        ("0.000000000000000001", 1),
        ("20gwei", 20 * 10**9),
        ("7 wei", 7),
        ("1Ether", 10**18),
    ],
)
def test_amounts_are_read_exactly(text: str, wei: int) -> None:
    assert parse_amount(text) == wei


@pytest.mark.parametrize(
    "text", ["", "-1", "1e18", "1.5wei", "1 bitcoin", "0.0000000000000000001", "1.", "9" * 80]
)
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text)


def test_amounts_are_written_with_all_digits() -> None:
    assert format_aur(10**18) == "1"
    assert format_aur(1) == "0.000000000000000001"
    assert format_aur(12_345 * 10**18 + 5 * 10**17) == "12,345.5"


@pytest.mark.parametrize(
    ("text", "decimals", "amount"),
    [("1", 0, 1), ("1.5", 6, 1_500_000), ("0.000001", 6, 1), ("0", 255, 0)],
)
def test_amounts_of_tokens_have_as_many_decimals_as_the_token(text: str, decimals: int, amount: int) -> None:
    assert parse_units(text, decimals) == amount


def test_an_amount_with_all_its_decimals_fits_256_bits() -> None:
    with pytest.raises(InvalidAmount, match="256 bits"):
        parse_units("2", 255)


@pytest.mark.parametrize("text", ["", "1.5", "-1", "1e3", "1wei", "0x10", "1_000", "٣"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_units(text, 0)


def test_amounts_of_tokens_are_written_as_they_are_read() -> None:
    assert [format_units(1_234_500, decimals) for decimals in (0, 2, 6, 9)] == [
        "1,234,500", "12,345", "1.2345", "0.0012345",
    ]  # fmt: skip
