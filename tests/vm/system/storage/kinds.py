"""Kinds.sol in Python, step for step."""

from __future__ import annotations

from chain.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address
from tests.vm.system.storage.contracts import Bound
from vm.system.abi.annotations import (
    address,
    bytes4,
    bytes8,
    bytes17,
    bytes20,
    bytes32,
    i8,
    i16,
    i128,
    i256,
    u8,
    u16,
    u32,
    u64,
    u72,
    u96,
    u128,
    u256,
)
from vm.system.storage import Array, Map, Slot, Struct

A = Address(b"\xa1" * 20)
B = Address(b"\xb2" * 20)


class Point(Struct):
    x: u128
    y: u64
    z: bool
    w: address
    v: u256


class Account(Struct):
    kind: u8
    shares: Map[address, u256]
    history: Array[u64]
    note: str
    place: Point
    tail: u16


class Wrapped(Struct):
    inside: Point
    behind: u8
    again: Point


class First(Bound):
    at_first: Slot[Wrapped]
    first: Slot[u8]
    whole: Slot[u256]


class Second(Bound):
    second: Slot[u64]
    who: Slot[address]


class Kinds(Second, First):
    small: Slot[u8]
    negative: Slot[i16]
    yes: Slot[bool]
    middle: Slot[u32]
    owner: Slot[address]
    amount: Slot[u96]
    tag: Slot[bytes4]
    below: Slot[i128]
    twenty: Slot[bytes20]
    root: Slot[bytes32]
    signed: Slot[i256]
    name: Slot[str]
    blob: Slot[bytes]
    later: Slot[bool]
    balances: Map[address, u256]
    allowances: Map[address, Map[address, u256]]
    by_name: Map[str, u256]
    by_bytes: Map[bytes, u64]
    by_int: Map[i8, i8]
    by_flag: Map[bool, bytes8]
    by_tag: Map[bytes4, str]
    by_number: Map[u256, address]
    numbers: Array[u64]
    flags: Array[bool]
    three_each: Array[u72]
    one_each: Array[bytes17]
    people: Array[address]
    texts: Array[str]
    points: Array[Point]
    nested: Array[Array[u64]]
    point: Slot[Point]
    end: Slot[u8]
    account: Slot[Account]
    very_end: Slot[u8]
    point_of: Map[address, Point]
    account_of: Map[address, Account]
    list_of: Map[address, Array[u64]]
    deep: Map[address, Map[u256, Point]]
    wrapped_of: Map[address, Wrapped]

    def packed(self) -> None:
        self.first = 255
        self.whole = 2**256 - 1
        self.second = 0x1122334455667788
        self.who = A
        self.small = 7
        self.negative = -2
        self.yes = True
        self.middle = 0xDEADBEEF
        self.owner = B
        self.amount = 2**96 - 1
        self.tag = bytes.fromhex("01020304")
        self.below = -(2**127)
        self.twenty = A
        self.root = keccak256(b"root")
        self.signed = -1
        self.later = True

    def packed_again(self) -> None:
        self.negative = 0x1234
        self.yes = False
        self.middle = 1
        self.amount = 5
        self.owner = ZERO_ADDRESS
        self.tag = bytes(4)
        self.below = 3
        del self.small
        self.second = 0

    def short_texts(self) -> None:
        self.name = ""
        self.blob = text(31).encode()

    def long_texts(self) -> None:
        self.name = text(32)
        self.blob = text(100).encode()

    def shorter_texts(self) -> None:
        self.name = text(31)
        self.blob = text(33).encode()

    def longer_texts(self) -> None:
        self.name = text(100)
        self.blob = text(65).encode()

    def deleted_texts(self) -> None:
        self.name = text(5)
        del self.blob

    def mappings(self) -> None:
        self.balances[A] = 5
        self.balances[B] = 2**256 - 1
        self.allowances[A][B] = 6
        self.allowances[B][A] = 7
        self.by_name["total"] = 8
        self.by_name[text(40)] = 9
        self.by_bytes[b"\x00\xff"] = 10
        self.by_int[-128] = -1
        self.by_int[127] = 1
        self.by_flag[True] = bytes.fromhex("0102030405060708")
        self.by_flag[False] = bytes.fromhex("1112131415161718")
        self.by_tag[bytes.fromhex("aabbccdd")] = text(70)
        self.by_number[2**255] = A

    def mappings_again(self) -> None:
        self.balances[A] -= 5
        del self.balances[B]
        self.allowances[A][B] += 1
        self.by_int[-128] = 0
        self.by_tag[bytes.fromhex("aabbccdd")] = text(3)
        del self.by_number[2**255]

    def arrays(self) -> None:
        for i in range(1, 10):
            self.numbers.append(i)
        for i in range(35):
            self.flags.append(i % 3 != 0)
        for i in range(1, 8):
            self.three_each.append(i << 64)
        self.one_each.append(b"\xff" * 17)
        self.one_each.append(b"\x01" + bytes(16))
        self.people.append(A)
        self.people.append(B)
        self.texts.append(text(3))
        self.texts.append(text(64))
        self.texts.append(text(40))
        self.points.append(Point(1, 2, True, A, 3))
        self.points.append(Point(4, 5, True, B, 6))
        self.points.append_zero()
        self.nested.append_zero()
        self.nested.append_zero()
        self.nested[1].append(11)
        self.nested[1].append(12)
        self.nested[0].append(13)

    def arrays_again(self) -> None:
        self.numbers.pop()
        self.numbers.delete_last()
        self.numbers[0] = 2**64 - 1
        self.numbers[5] = 0
        for _ in range(3):
            self.flags.pop()
        self.flags[1] = False
        self.three_each.pop()
        self.three_each[2] = 0x99
        self.one_each.pop()
        self.people[1] = A
        self.texts.pop()
        self.texts[1] = text(35)
        self.points.pop()
        self.points.delete_last()
        self.points[0].y = 77
        self.nested.delete_last()
        self.numbers.append(100)

    def arrays_cleared(self) -> None:
        self.numbers.clear()
        self.flags.clear()
        self.three_each.clear()
        self.people.clear()
        self.texts.clear()
        self.points.clear()
        self.nested.clear()

    def structs(self) -> None:
        self.point = Point(2**128 - 1, 2, True, A, 3)
        self.end = 9
        self.account.kind = 3
        self.account.shares[A] = 4
        self.account.history.append(5)
        self.account.history.append(6)
        self.account.note = text(50)
        self.account.place = self.point
        self.account.tail = 7
        self.very_end = 8
        self.point_of[A] = Point(1, 2**64 - 1, False, B, 0)
        self.point_of[B] = self.point
        entry = self.account_of[B]
        entry.kind = 1
        entry.shares[B] = 2
        entry.history.append(3)
        entry.note = text(31)
        entry.place.w = B
        entry.tail = 65535
        self.list_of[A].append(1)
        self.list_of[A].append(2)
        self.deep[A][1] = Point(1, 2, True, A, 3)
        self.at_first = Wrapped(self.point, 5, Point(9, 8, True, B, 7))
        self.wrapped_of[B] = self.at_first

    def structs_again(self) -> None:
        self.point.z = False
        self.point.x += 0
        self.point.y -= 1
        del self.account
        self.point_of[A].w = ZERO_ADDRESS
        del self.point_of[B]
        self.account_of[B].note = text(32)
        self.account_of[B].history.append(4)
        self.account_of[B].place = self.point
        self.list_of[A].pop()
        self.deep[A][1].v = 0
        self.deep[A][2] = self.deep[A][1]
        self.at_first.again = self.at_first.inside
        self.wrapped_of[B].inside.v = 0
        del self.wrapped_of[B].again


def text(size: int) -> str:
    """The alphabet over and over."""
    return bytes([97 + i % 26 for i in range(size)]).decode()
