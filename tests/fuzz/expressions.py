"""Random words: expressions with operands at the borders of everything, places in memory, slots, accounts."""

from __future__ import annotations

from random import Random

from tests.fuzz.assembly import CODES, Item, Label, Op, Push, Reference
from vm.forks import Fork

EDGES = (
    0, 1, 2, 3, 7, 8, 16, 31, 32, 33, 64, 127, 128, 255, 256, 257, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 2**64,
    2**64 + 1, 2**128, 2**160 - 1, 2**160, 2**248, 2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2, 2**256 - 1,
)  # fmt: skip
BINARY = (
    "ADD", "MUL", "SUB", "DIV", "SDIV", "MOD", "SMOD", "SIGNEXTEND", "LT", "GT", "SLT", "SGT", "EQ", "AND", "OR",
    "XOR", "BYTE", "SHL", "SHR", "SAR", "EXP",
)  # fmt: skip
INDEXED = ("SHL", "SHR", "SAR", "BYTE", "SIGNEXTEND")
COMPARISONS = ("LT", "GT", "SLT", "SGT", "EQ")
UNARY = ("ISZERO", "NOT", "CALLDATALOAD", "MLOAD", "SLOAD", "TLOAD", "BLOCKHASH", "BLOBHASH")
NULLARY = (
    "ADDRESS", "ORIGIN", "CALLER", "CALLVALUE", "CALLDATASIZE", "CODESIZE", "GASPRICE", "RETURNDATASIZE", "COINBASE",
    "TIMESTAMP", "NUMBER", "PREVRANDAO", "GASLIMIT", "CHAINID", "SELFBALANCE", "BASEFEE", "BLOBBASEFEE", "PC", "MSIZE",
    "GAS", "GAS",
)  # fmt: skip
ABOUT_ACCOUNTS = ("BALANCE", "EXTCODESIZE", "EXTCODEHASH")
TAME_PLACES = (0, 0, 1, 4, 31, 32, 33, 64, 96, 100, 160)
WILD_PLACES = (1_000, 4_096, 2**20, 2**32, 2**64 - 1, 2**64, 2**255, 2**256 - 1)
SIZES = (0, 1, 4, 5, 31, 32, 33, 64, 100)
LONG_SIZES = (1_023, 1_024, 1_025, 1_100, 3_000)  # long input of a call stays in the memory of the caller
SLOTS = 4
EXPRESSION_DEPTH = 3
STACK_REACH = 16


def edge_number(rng: Random) -> int:
    """A number that is likely to be a border of something."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(EDGES)
    if kind == 1:
        return rng.randrange(40)
    if kind == 2:
        return (1 << rng.randrange(257)) + rng.randrange(-1, 2) & 2**256 - 1
    return rng.getrandbits(rng.choice([8, 16, 64, 160, 256]))


class Words:
    """Writes what leaves one word on the stack. `accounts` are the numbers of addresses that it may call or look at."""

    def __init__(self, rng: Random, accounts: tuple[int, ...], fork: Fork) -> None:
        self.rng = rng
        self.accounts = accounts
        self.fork = fork
        self.items: list[Item] = []
        self._later: list[Item] = []  # functions and data, behind the end
        self._labels = 0
        self._budget = 0
        self._functions: list[tuple[int, int]] = []  # label, arguments
        self._known = 0  # items on the stack that statements may look at
        self._fixed = 0  # so many of them, the lowest, must stay: counters of loops lie there

    # --- pieces

    def op(self, *names: str) -> None:
        self.items += [Op(CODES[name]) for name in names]

    def push(self, number: int) -> None:
        least = (number.bit_length() + 7) // 8
        wider = self.rng.random() < 0.1
        self.items.append(Push(self.rng.randint(least, 32) if wider else least, number))

    def label(self) -> int:
        self._labels += 1
        return self._labels

    def target(self, name: int) -> None:
        self.items.append(Label(name))

    def to(self, name: int) -> None:
        shift = self.rng.choice([-1, 1, 2]) if self.rng.random() < 0.002 else 0
        self.items.append(Reference(name, shift))
        if self.rng.random() < 0.08:
            self.hide()

    def hide(self) -> None:
        """Adds zero to the top, in a way that no compiler sees through."""
        self.op(
            *self.rng.choice(
                [["GAS", "ISZERO", "ADD"], ["ADDRESS", "ISZERO", "OR"], ["CALLER", "ISZERO", "XOR"]]
            )
        )

    def place(self) -> None:
        """Pushes a position in memory."""
        rng = self.rng
        if rng.random() < 0.003:
            self.push(rng.choice(WILD_PLACES))
        elif rng.random() < 0.75:
            self.push(rng.choice(TAME_PLACES))
            if rng.random() < 0.15:
                self.hide()
        else:
            self.expression(1)
            self.push(rng.choice([31, 63, 127, 0xE0]))
            self.op("AND")

    def size(self) -> None:
        if self.rng.random() < 0.04:
            self.push(self.rng.choice(LONG_SIZES))
        elif self.rng.random() < 0.9:
            self.push(self.rng.choice(SIZES))
        else:
            self.expression(1)
            self.push(63)
            self.op("AND")

    def slot(self) -> None:
        if self.rng.random() < 0.9:
            self.push(self.rng.randrange(SLOTS))
        else:
            self.expression(1)
            self.push(SLOTS - 1)
            self.op("AND")

    def account(self) -> None:
        if self.rng.random() < 0.05:
            self.op(self.rng.choice(["ADDRESS", "CALLER", "ORIGIN", "COINBASE"]))
        else:
            self.push(self.rng.choice(self.accounts))

    def spend(self) -> bool:
        self._budget -= 1
        return self._budget > 0

    # --- expressions: one more item on the stack

    def expression(self, depth: int = EXPRESSION_DEPTH) -> None:
        rng = self.rng
        kind = rng.random()
        if depth <= 0 or kind < 0.25:
            if self._known and rng.random() < 0.4:
                self.op(f"DUP{rng.randint(1, min(STACK_REACH, self._known))}")
            elif rng.random() < 0.3:
                self.op(rng.choice(NULLARY))
            else:
                self.push(edge_number(rng))
        elif kind < 0.75:
            self._binary(depth)
        elif kind < 0.83:
            self._three(depth)
        elif kind < 0.95:
            self._unary(depth)
        else:
            self._hash()
        self._known += 1

    def _binary(self, depth: int) -> None:
        before, rng = self._known, self.rng
        name = rng.choice(BINARY)
        self.expression(depth - 1)
        if name in INDEXED and rng.random() < 0.7:
            self.push(rng.choice([0, 1, 5, 8, 30, 31, 32, 96, 128, 248, 255, 256, 257]))
        elif rng.random() < 0.1:
            self.op("DUP1")
        else:
            self.expression(depth - 1)
        if rng.random() < 0.15:
            self.op("SWAP1")
        self.op(name)
        if name in COMPARISONS and rng.random() < 0.3:
            self.op(*["ISZERO"] * rng.randint(1, 2))
        self._known = before

    def _three(self, depth: int) -> None:
        before = self._known
        for _ in range(3):
            self.expression(depth - 2)
        self.op(self.rng.choice(["ADDMOD", "MULMOD"]))
        self._known = before

    def _unary(self, depth: int) -> None:
        before, rng = self._known, self.rng
        name = rng.choice(UNARY)
        if name == "MLOAD":
            self.place()
        elif name in ("SLOAD", "TLOAD"):
            self.slot()
        elif rng.random() < 0.2:
            self.account()
            name = rng.choice(ABOUT_ACCOUNTS)
        else:
            if name == "NOT" and self.fork >= Fork.OSAKA and rng.random() < 0.5:
                name = "CLZ"
            if name == "CALLDATALOAD" and rng.random() < 0.7:
                self.push(rng.choice([0, 4, 36, 30, 2**64, 2**256 - 1]))
            else:
                self.expression(depth - 1)
        self.op(name)
        self._known = before

    def _hash(self) -> None:
        before = self._known
        self.size()
        self._known = before + 1
        self.place()
        self.op("KECCAK256")
        self._known = before
