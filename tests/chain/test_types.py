"""Addresses in text form: EIP-55."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.types import Address, InvalidAddress, checksum_address, parse_address

EIP_55_EXAMPLES = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", EIP_55_EXAMPLES)
def test_the_examples_of_eip_55(text: str) -> None:
    assert checksum_address(parse_address(text)) == text


@given(st.binary(min_size=20, max_size=20))
def test_text_form_round_trips(raw: bytes) -> None:
    address = Address(raw)
    assert parse_address(checksum_address(address)) == address
    assert parse_address("0x" + raw.hex()) == address
    assert parse_address("0x" + raw.hex().upper()) == address


@pytest.mark.parametrize("text", EIP_55_EXAMPLES[4:])
def test_one_letter_in_the_wrong_case_is_refused(text: str) -> None:
    position = next(index for index, letter in enumerate(text) if index > 1 and letter.isalpha())
    with pytest.raises(InvalidAddress, match="checksum"):
        parse_address(text[:position] + text[position].swapcase() + text[position + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "52908400098527886e0f7030069857d2e4169ee7",
        "0X52908400098527886e0f7030069857d2e4169ee7",
        "0x52908400098527886e0f7030069857d2e4169ee",
        "0x52908400098527886e0f7030069857d2e4169ee70",
        "0x52908400098527886e0f7030069857d2e4169eeg",
        "0x52908400098527886e0f7030069857d2e4169ee7\n",
        "0x５2908400098527886e0f7030069857d2e4169ee7",
    ],
)
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_address(text)


def test_only_twenty_bytes_have_a_checksum() -> None:
    with pytest.raises(InvalidAddress, match="not 19"):
        checksum_address(Address(bytes(19)))
