import pytest

from node.units import InvalidAmount, format_aur, parse_amount


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
