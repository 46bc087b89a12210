"""What a contract says it has, by the classes it is made of."""

from __future__ import annotations

from vm.system.access.erc165 import ERC165, IERC165
from vm.system.framework import Interface, external, interface_id, u256
from vm.system.testing import TestChain


class ILeft(Interface):
    @external
    def left(self) -> u256:
        raise NotImplementedError


class IRight(Interface):
    @external
    def right(self) -> u256:
        raise NotImplementedError


class Left(ERC165, implements=(ILeft,)):
    @external
    def left(self) -> u256:
        return 1


class Right(ERC165, implements=(IRight, b"\x49\x06\x49\x06")):
    @external
    def right(self) -> u256:
        return 2


class Both(Left, Right, class_id=0xFFFF0305, version=1):
    pass


class Plain(ERC165, class_id=0xFFFF0306, version=1):
    pass


def test_the_answer_covers_all_bases_and_nothing_else() -> None:
    chain = TestChain()
    both, plain = chain.deploy(Both), chain.deploy(Plain)
    assert interface_id(IERC165) == bytes.fromhex("01ffc9a7")
    own = [interface_id(IERC165), interface_id(ILeft), interface_id(IRight), b"\x49\x06\x49\x06"]
    assert [both.supportsInterface(one) for one in own] == [True] * 4
    assert [plain.supportsInterface(one) for one in own] == [True, False, False, False]
    for contract in (both, plain):
        assert not contract.supportsInterface(b"\xff" * 4)
        assert not contract.supportsInterface(bytes(4))


def test_it_costs_less_than_30000_gas_as_the_standard_demands() -> None:
    chain = TestChain()
    both = chain.deploy(Both)
    assert both.supportsInterface(interface_id(ILeft))
    assert chain.gas_used < 30_000
