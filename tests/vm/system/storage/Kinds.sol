// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

// Storage of many kinds. tests/vm/system/storage/kinds.py says the same in Python, step for step.

struct Point {
    uint128 x;
    uint64 y;
    bool z;
    address w;
    uint256 v;
}

struct Account {
    uint8 kind;
    mapping(address => uint256) shares;
    uint64[] history;
    string note;
    Point place;
    uint16 tail;
}

struct Wrapped {
    Point inside;
    uint8 behind;
    Point again;
}

contract First {
    Wrapped at_first;
    uint8 first;
    uint256 whole;
}

contract Second {
    uint64 second;
    address who;
}

contract Kinds is First, Second {
    uint8 small;
    int16 negative;
    bool yes;
    uint32 middle;
    address owner;
    uint96 amount;
    bytes4 tag;
    int128 below;
    bytes20 twenty;
    bytes32 root;
    int256 signed;
    string name;
    bytes blob;
    bool later;
    mapping(address => uint256) balances;
    mapping(address => mapping(address => uint256)) allowances;
    mapping(string => uint256) by_name;
    mapping(bytes => uint64) by_bytes;
    mapping(int8 => int8) by_int;
    mapping(bool => bytes8) by_flag;
    mapping(bytes4 => string) by_tag;
    mapping(uint256 => address) by_number;
    uint64[] numbers;
    bool[] flags;
    uint72[] three_each;
    bytes17[] one_each;
    address[] people;
    string[] texts;
    Point[] points;
    uint64[][] nested;
    Point point;
    uint8 end;
    Account account;
    uint8 very_end;
    mapping(address => Point) point_of;
    mapping(address => Account) account_of;
    mapping(address => uint64[]) list_of;
    mapping(address => mapping(uint256 => Point)) deep;
    mapping(address => Wrapped) wrapped_of;

    address constant A = 0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1;
    address constant B = 0xb2b2b2b2b2B2b2B2B2b2b2B2B2b2B2B2b2b2b2b2;

    function text(uint256 size) internal pure returns (string memory) {
        bytes memory raw = new bytes(size);
        for (uint256 i = 0; i < size; i++) raw[i] = bytes1(uint8(97 + (i % 26)));
        return string(raw);
    }

    function packed() external {
        first = 255;
        whole = type(uint256).max;
        second = 0x1122334455667788;
        who = A;
        small = 7;
        negative = -2;
        yes = true;
        middle = 0xdeadbeef;
        owner = B;
        amount = type(uint96).max;
        tag = 0x01020304;
        below = -(2 ** 127);
        twenty = bytes20(A);
        root = keccak256("root");
        signed = -1;
        later = true;
    }

    function packed_again() external {
        negative = 0x1234;
        yes = false;
        middle = 1;
        amount = 5;
        owner = address(0);
        tag = 0;
        below = 3;
        delete small;
        second = 0;
    }

    function short_texts() external {
        name = "";
        blob = bytes(text(31));
    }

    function long_texts() external {
        name = text(32);
        blob = bytes(text(100));
    }

    function shorter_texts() external {
        name = text(31);
        blob = bytes(text(33));
    }

    function longer_texts() external {
        name = text(100);
        blob = bytes(text(65));
    }

    function deleted_texts() external {
        name = text(5);
        delete blob;
    }

    function mappings() external {
        balances[A] = 5;
        balances[B] = type(uint256).max;
        allowances[A][B] = 6;
        allowances[B][A] = 7;
        by_name["total"] = 8;
        by_name[text(40)] = 9;
        by_bytes[hex"00ff"] = 10;
        by_int[-128] = -1;
        by_int[127] = 1;
        by_flag[true] = 0x0102030405060708;
        by_flag[false] = 0x1112131415161718;
        by_tag[0xaabbccdd] = text(70);
        by_number[2 ** 255] = A;
    }

    function mappings_again() external {
        balances[A] -= 5;
        delete balances[B];
        allowances[A][B] += 1;
        by_int[-128] = 0;
        by_tag[0xaabbccdd] = text(3);
        delete by_number[2 ** 255];
    }

    function arrays() external {
        for (uint64 i = 1; i <= 9; i++) numbers.push(i);
        for (uint64 i = 0; i < 35; i++) flags.push(i % 3 != 0);
        for (uint72 i = 1; i <= 7; i++) three_each.push(i << 64);
        one_each.push(bytes17(bytes32(type(uint256).max)));
        one_each.push(bytes17(bytes32(uint256(1) << 248)));
        people.push(A);
        people.push(B);
        texts.push(text(3));
        texts.push(text(64));
        texts.push(text(40));
        points.push(Point(1, 2, true, A, 3));
        points.push(Point(4, 5, true, B, 6));
        points.push();
        nested.push();
        nested.push();
        nested[1].push(11);
        nested[1].push(12);
        nested[0].push(13);
    }

    function arrays_again() external {
        numbers.pop();
        numbers.pop();
        numbers[0] = type(uint64).max;
        numbers[5] = 0;
        flags.pop();
        flags.pop();
        flags.pop();
        flags[1] = false;
        three_each.pop();
        three_each[2] = 0x99;
        one_each.pop();
        people[1] = A;
        texts.pop();
        texts[1] = text(35);
        points.pop();
        points.pop();
        points[0].y = 77;
        nested.pop();
        numbers.push(100);
    }

    function arrays_cleared() external {
        delete numbers;
        delete flags;
        delete three_each;
        delete people;
        delete texts;
        delete points;
        delete nested;
    }

    function structs() external {
        point = Point(type(uint128).max, 2, true, A, 3);
        end = 9;
        account.kind = 3;
        account.shares[A] = 4;
        account.history.push(5);
        account.history.push(6);
        account.note = text(50);
        account.place = point;
        account.tail = 7;
        very_end = 8;
        point_of[A] = Point(1, type(uint64).max, false, B, 0);
        point_of[B] = point;
        account_of[B].kind = 1;
        account_of[B].shares[B] = 2;
        account_of[B].history.push(3);
        account_of[B].note = text(31);
        account_of[B].place.w = B;
        account_of[B].tail = 65535;
        list_of[A].push(1);
        list_of[A].push(2);
        deep[A][1] = Point(1, 2, true, A, 3);
        at_first = Wrapped(point, 5, Point(9, 8, true, B, 7));
        wrapped_of[B] = at_first;
    }

    function structs_again() external {
        point.z = false;
        point.x += 0;
        point.y -= 1;
        delete account;
        point_of[A].w = address(0);
        delete point_of[B];
        account_of[B].note = text(32);
        account_of[B].history.push(4);
        account_of[B].place = point;
        list_of[A].pop();
        deep[A][1].v = 0;
        deep[A][2] = deep[A][1];
        at_first.again = at_first.inside;
        wrapped_of[B].inside.v = 0;
        delete wrapped_of[B].again;
    }
}
