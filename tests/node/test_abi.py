import pytest
from eth_abi.abi import encode
from web3 import Web3

from node.abi import InvalidCall, encode_call, encode_constructor

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_a_call_is_encoded_as_solidity_does() -> None:
    expected = Web3.keccak(text="transfer(address,uint256)")[:4] + encode(
        ["address", "uint256"], [ADDRESS, 100]
    )
    assert encode_call("transfer(address, uint256)", [ADDRESS, "100"]) == bytes(expected)
    assert encode_call("name()", []) == bytes(Web3.keccak(text="name()")[:4])


@pytest.mark.parametrize(
    ("types", "words", "values"),
    [
        ("(bool,string)", ["true", "hi, there"], [True, "hi, there"]),
        ("(int8,bytes4)", ["-5", "0x01020304"], [-5, b"\x01\x02\x03\x04"]),
        ("(uint256[],address[2])", ["[1, 2]", f'["{ADDRESS}", "{ADDRESS}"]'], [[1, 2], [ADDRESS, ADDRESS]]),
        ("((uint8,string),uint256)", ['[7, "x"]', "0x10"], [(7, "x"), 16]),
    ],
)
def test_arguments_of_every_kind(types: str, words: list[str], values: list[object]) -> None:
    from eth_abi.grammar import parse

    components = [part.to_type_str() for part in parse(types).components]
    assert encode_constructor(types, words) == encode(components, values)


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ("transfer", []),
        ("transfer(address)", []),
        ("transfer(address)", ["0x12"]),
        ("f(uint8)", ["256"]),
        ("f(uint8)", ["one"]),
        ("f(bool)", ["yes"]),
        ("f(money)", ["1"]),
        ("f(uint8[])", ["1"]),
        ("f((uint8,uint8))", ["[1]"]),
        ("f(bytes2)", ["0x010203"]),
        ("f(uint" + "9" * 5000 + ")", ["1"]),
        ("f(uint8[])", ["[" * 200_000]),
    ],
)
def test_what_does_not_fit_is_refused(signature: str, words: list[str]) -> None:
    with pytest.raises(InvalidCall):
        encode_call(signature, words)
