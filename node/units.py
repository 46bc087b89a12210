"""Amounts of coins and tokens as people write them, exactly: never through floats.

1 AUR = 10**18 wei, 1 gwei = 10**9 wei.
"""

from __future__ import annotations

import re

from chain.errors import CallerError

UNITS = {"wei": 1, "gwei": 10**9, "aur": 10**18, "ether": 10**18}
# At most 100 digits on each side: more is no amount, and converting thousands of digits is refused by Python.
_AMOUNT = re.compile(r"([0-9]{1,100})(?:\.([0-9]{1,100}))?\s*([a-zA-Z]*)")
MAX_AMOUNT = 2**256 - 1


class InvalidAmount(CallerError):
    """Not an amount, or finer than one wei."""


def parse_amount(text: str, default_unit: str = "aur") -> int:
    """Wei from texts as `1.5`, `1.5aur`, `20gwei` or `7 wei`. Raises InvalidAmount."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise InvalidAmount(f"{text!r} is not an amount; write it as 1.5aur, 20gwei or 7wei")
    unit = (match[3] or default_unit).lower()
    if unit not in UNITS:
        raise InvalidAmount(f"unknown unit {match[3]!r} in {text!r}; known are {', '.join(UNITS)}")
    return _scaled(text, match[1], match[2] or "", UNITS[unit], "one wei")


def parse_units(text: str, decimals: int) -> int:
    """`text` times 10**decimals, exactly: an amount of a token, or a rate. Raises InvalidAmount."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or match[3]:
        raise InvalidAmount(f"{text!r} is not a number; write it as 1.5")
    return _scaled(text, match[1], match[2] or "", int(10**decimals), f"{decimals} decimals")


def _scaled(text: str, whole: str, fraction: str, factor: int, finest: str) -> int:
    scaled: int = int(whole + fraction) * factor
    amount, rest = divmod(scaled, int(10 ** len(fraction)))
    if rest:
        raise InvalidAmount(f"{text!r} is finer than {finest}")
    if amount > MAX_AMOUNT:
        raise InvalidAmount(f"{text!r} is more than 256 bits can hold")
    return amount


def format_aur(wei: int) -> str:
    """AUR with all its digits and no trailing zeros."""
    return format_units(wei, 18)


def format_units(amount: int, decimals: int) -> str:
    """`amount` divided by 10**decimals, with all its digits and no trailing zeros."""
    whole, rest = divmod(amount, int(10**decimals))
    fraction = f"{rest:0{decimals}d}".rstrip("0") if decimals else ""
    return f"{whole:,}" + (f".{fraction}" if fraction else "")
