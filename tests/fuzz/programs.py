"""Random programs that do more than fail: stacks mostly fit, loops get hot, functions return, accounts call each other.

Everything follows from the seed. The shapes are those that an engine with blocks and compiled regions can get wrong:
loops that move what lies on the stack, branches that meet again, return addresses as data, memory that is written in
pieces and read as a whole, prices charged ahead of what looks at the gas.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.fuzz.assembly import NEWEST, Item, Label, Op, Program, Raw, Reference, Table, assemble
from tests.fuzz.expressions import COMPARISONS, SLOTS, STACK_REACH, edge_number
from tests.fuzz.memory_statements import MemoryStatements
from vm.evm.instruction import Flow
from vm.forks import Fork

NESTING = 3


class Composer(MemoryStatements):
    """Writes one program."""

    # --- statements: the stack is as it was

    def statements(self, count: int, nesting: int) -> None:
        for _ in range(count):
            if not self.spend():
                return
            self.statement(nesting)

    def statement(self, nesting: int) -> None:
        rng = self.rng
        plain: tuple[tuple[int, Callable[[], None]], ...] = (
            (6, self.memory_write),
            (2, self.memory_copy),
            (3, self.memory_pieces),
            (3, self._store),
            (2, self._rearrange),
            (2, self._change_known),
            (1, self._log),
            (2, self._call),
            (1, self._create),
            (2, self._pop_expression),
            (1, self._jumpdests),
            (1, self._conditional_exit if rng.random() < 0.6 else self._change_known),
            (1, self._wild if rng.random() < 0.5 else self._store),
        )
        nested: tuple[tuple[int, Callable[[int], None]], ...] = (
            (4, self._if),
            (4, self._loop),
            (2, self._carrying_loop),
            (3, self._call_function),
            (1, self._jump_table),
            (1, self._deep_stack),
        )
        before, fixed = self._known, self._fixed
        if nesting > 0 and rng.random() < 0.4:
            (chosen,) = rng.choices([entry for _, entry in nested], [weight for weight, _ in nested])
            chosen(nesting - 1)
        else:
            (simple,) = rng.choices([entry for _, entry in plain], [weight for weight, _ in plain])
            simple()
        self._known, self._fixed = before, fixed

    def _store(self) -> None:
        if self.rng.random() < 0.6:
            self.push(self.rng.choice([0, 0, 1, 2, 3]))
        else:
            self.expression()
        self.slot()
        self.op(self.rng.choice(["SSTORE", "SSTORE", "TSTORE"]))

    def _rearrange(self) -> None:
        """Pushes some, mixes them, drops them."""
        rng = self.rng
        count = rng.randint(1, 6)
        for _ in range(count):
            self.expression(1)
        for _ in range(rng.randint(1, 6)):
            if rng.random() < 0.3:
                self.op(f"DUP{rng.randint(1, min(STACK_REACH, self._known))}")
                count += 1
                self._known += 1
            elif count > 1:
                self.op(f"SWAP{rng.randint(1, min(count - 1, STACK_REACH))}")
            else:
                self.op("NOT")
        self.op(*["POP"] * count)

    def _change_known(self) -> None:
        """Replaces an item that lies deeper by another value."""
        free = self._known - self._fixed
        if free <= 0:
            return
        reach = self.rng.randint(1, min(STACK_REACH, free))
        self.expression(2)
        self.op(f"SWAP{reach}", "POP")

    def _pop_expression(self) -> None:
        self.expression()
        self.op("POP")

    def _log(self) -> None:
        topics = self.rng.randrange(5)
        for _ in range(topics):
            self.expression(1)
        self.size()
        self.place()
        self.op(f"LOG{topics}")

    def _jumpdests(self) -> None:
        for _ in range(self.rng.choice([1, 2, 5, 40])):
            self.op("JUMPDEST")

    def _conditional_exit(self) -> None:
        """Ends here if something holds that mostly does not."""
        over = self.label()
        self.expression(2)
        self.push(self.rng.choice([0, 1, 3, 7]))
        self.op(*(["AND", "ISZERO"] if self.rng.random() < 0.3 else ["OR"]))
        self.to(over)
        self.op("JUMPI")
        self.ending()
        self.target(over)

    def _wild(self) -> None:
        """Instructions one after the other without a plan, most of them with enough operands."""
        rng = self.rng
        height = 0
        for _ in range(rng.randint(1, 8)):
            instruction = NEWEST[rng.randrange(256)]
            if instruction.flow not in (Flow.NEXT, Flow.JUMPDEST) or instruction.immediate:
                self.push(edge_number(rng))
                height += 1
                continue
            while height < instruction.pops and rng.random() < 0.98:
                self.push(rng.choice([0, 0, 1, 32, 64]) if rng.random() < 0.9 else edge_number(rng))
                height += 1
            self.items.append(Op(instruction.opcode))
            height += instruction.pushes - instruction.pops
        for _ in range(max(0, height)):
            self.op("POP")

    # --- calls and creations

    def _call(self) -> None:
        rng = self.rng
        name = rng.choice(["CALL", "CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"])
        for _ in range(2):  # output, input
            self.size()
            self.place()
        if name in ("CALL", "CALLCODE"):
            if rng.random() < 0.85:
                self.push(rng.choice([0, 0, 0, 1, 2, 10**6, 2**255]))
            else:
                self.op(rng.choice(["SELFBALANCE", "CALLVALUE"]))
        self.account()
        if rng.random() < 0.5:
            self.op("GAS")
            if rng.random() < 0.3:
                self.push(rng.choice([1, 2, 5]))
                self.op("SHR")
        else:
            self.push(rng.choice([0, 1, 21, 100, 700, 2_300, 2_301, 5_000, 9_000, 40_000, 2**64, 2**256 - 1]))
        self.op(name)
        self._use_result()

    def _use_result(self) -> None:
        kind = self.rng.randrange(5)
        if kind == 0:
            self.slot()
            self.op("SSTORE")
        elif kind == 1:
            self.place()
            self.op("MSTORE")
        elif kind == 2:
            over = self.label()
            self.to(over)
            self.op("JUMPI")
            self.op("RETURNDATASIZE")
            self.push(0)
            self.push(64)
            self.op("RETURNDATACOPY")
            self.target(over)
        else:
            self.op("POP")

    def _create(self) -> None:
        rng = self.rng
        content = small_init_code(rng, self.accounts, self.fork)
        data = self.label()
        self._later += [Label(data, is_target=False), Raw(content)]
        start = rng.choice([0, 32, 64])
        self.push(len(content))
        self.items.append(Reference(data))
        self.push(start)
        self.op("CODECOPY")
        is_salted = rng.random() < 0.5
        if is_salted:
            self.push(rng.randrange(2))
        self.push(max(0, len(content) + rng.choice([0, 0, 0, 0, -1, 5])))
        self.push(start)
        self.push(rng.choice([0, 0, 0, 1, 10**6]))
        self.op("CREATE2" if is_salted else "CREATE")
        if rng.random() < 0.3:
            for _ in range(4):
                self.push(0)
            self.push(rng.choice([0, 1]))
            self.op("DUP6", "GAS", "CALL", "POP")
        self._use_result()

    # --- jumps

    def _condition(self) -> None:
        rng = self.rng
        if rng.random() < 0.1:
            self.push(rng.randrange(2))
            return
        self.expression(2)
        if rng.random() < 0.5:
            self.expression(1)
            self.op(rng.choice(COMPARISONS))
        if rng.random() < 0.4:
            self.op("ISZERO")
        if rng.random() < 0.3:
            self.push(1)
            self.op("AND")

    def _if(self, nesting: int) -> None:
        before = self._known
        other, end = self.label(), self.label()
        self._condition()
        self._known = before
        self.to(other)
        self.op("JUMPI")
        self.statements(self.rng.randint(0, 2), nesting)
        if self.rng.random() < 0.5:
            self.to(end)
            self.op("JUMP")
            self.target(other)
            self._known = before
            self.statements(self.rng.randint(0, 2), nesting)
            self.target(end)
        else:
            self.target(other)

    def _counter_place(self) -> int:
        """Where in memory a loop counts: nobody else writes there, or the loop might never end."""
        return 512 + 32 * self.label() + self.rng.choice([0, 0, 0, 5])

    def _rounds(self) -> int:
        return self.rng.choice([1, 2, 3, 3, 5, 9, 20])

    def _loop(self, nesting: int) -> None:
        """A counter on the stack, tested at the end or at the start."""
        rng = self.rng
        start, end = self.label(), self.label()
        self.push(self._rounds())
        self._known += 1
        before = self._fixed = self._known
        self.target(start)
        if rng.random() < 0.5:
            self.op("DUP1", "ISZERO")
            self.to(end)
            self.op("JUMPI")
            self.statements(rng.randint(1, 3), nesting)
            self._known = before
            self.push(2**256 - 1)
            self.op("ADD")
            self.to(start)
            self.op("JUMP")
            self.target(end)
            self.op("POP")
            return
        self.statements(rng.randint(1, 3), nesting)
        self._known = before
        self.push(1)
        self.op("SWAP1", "SUB", "DUP1")
        if rng.random() < 0.2:
            self.op("ISZERO", "ISZERO")
        self.to(start)
        self.op("JUMPI", "POP")

    def _carrying_loop(self, nesting: int) -> None:
        """Items on the stack change and change places in each round; the counter is in memory or transient storage."""
        rng = self.rng
        start = self.label()
        count = rng.randint(2, 6)
        transient, place = rng.random() < 0.3, self._counter_place()
        load, store = ("TLOAD", "TSTORE") if transient else ("MLOAD", "MSTORE")
        for _ in range(count):
            self.push(edge_number(rng))
        self._known += count
        before = self._known
        self.push(self._rounds())
        self.push(place)
        self.op(store)
        self.target(start)
        for _ in range(rng.randint(1, 5)):
            if rng.random() < 0.5:
                self.op(f"SWAP{rng.randint(1, count - 1)}")
            else:
                self._known = before
                self._change_known()
        self._known = before
        self.statements(rng.randint(0, 1), nesting)
        self._known = before
        self.push(1)
        self.push(place)
        self.op(load, "SUB", "DUP1")
        self.push(place)
        self.op(store)
        self.to(start)
        self.op("JUMPI")
        self.place()
        self.op("MSTORE")
        for _ in range(count - 1):
            self.op("POP")

    def _call_function(self, nesting: int) -> None:
        """As Solidity does: return address, arguments, jump; the result is left."""
        rng = self.rng
        if self._functions and rng.random() < 0.6:
            name, arguments = rng.choice(self._functions)
        else:
            name, arguments = self._function(nesting)
        back, before = self.label(), self._known
        self.items.append(Reference(back))
        self._known += 1
        for _ in range(arguments):
            self.expression(1)
        self.to(name)
        self.op("JUMP")
        self.target(back)
        self._known = before + 1
        self.place()
        self.op("MSTORE")

    def _function(self, nesting: int) -> tuple[int, int]:
        """Writes a function: [back, arguments...] becomes [result]."""
        rng = self.rng
        name, arguments = self.label(), rng.randint(1, 3)
        outside, known, fixed = self.items, self._known, self._fixed
        self.items, self._known, self._fixed = [], arguments, 0
        self.target(name)
        if rng.random() < 0.2:
            self._recursion(name, arguments)
        self.statements(rng.randint(0, 2), nesting)
        self._known = arguments
        self.expression(2)
        self.op(f"SWAP{arguments + 1}", *["SWAP1", "POP"] * arguments, "JUMP")
        self._later += self.items
        self.items, self._known, self._fixed = outside, known, fixed
        self._functions.append((name, arguments))
        return name, arguments

    def _recursion(self, name: int, arguments: int) -> None:
        """Calls itself with a smaller first argument until that is small."""
        rng = self.rng
        done, back = self.label(), self.label()
        self.push(rng.choice([3, 7, 15]))
        self.op("AND", "DUP1", "ISZERO")
        self.to(done)
        self.op("JUMPI")
        self.items.append(Reference(back))
        for _ in range(arguments - 1):
            self.push(edge_number(rng))
        self.push(1)
        self.op(f"DUP{arguments + 2}", "SUB")
        self.to(name)
        self.op("JUMP")
        self.target(back)
        self.push(rng.choice([0, 32, 64]))
        self.op("MSTORE")
        self.target(done)

    def _jump_table(self, nesting: int) -> None:
        rng = self.rng
        names = tuple([self.label() for _ in range(rng.choice([2, 4]))])
        end = self.label()
        self.items.append(Table(names))
        self.expression(1)
        self.push(len(names) - 1)
        self.op("AND")
        self.push(4)
        self.op("SHL", "SHR")
        self.push(0xFFFF)
        self.op("AND", "JUMP")
        before = self._known - 1
        for name in names:
            self.target(name)
            self._known = before
            self.statements(rng.randint(0, 1), nesting)
            self.to(end)
            self.op("JUMP")
        self.target(end)

    def _deep_stack(self, _nesting: int) -> None:
        """Grows the stack in a loop, seldom to its limit, then takes it down again."""
        rng = self.rng
        width = rng.choice([1, 2, 3, 16])
        is_high = rng.random() < 0.2
        rounds = rng.randint(990, 1_026) // width if is_high else rng.choice([2, 3, 9])
        self._repeat(["MSIZE"] * width, rounds)
        if width == 16 and is_high:
            self.op(*["CALLER"] * rng.randrange(16))  # no matter if some are left
        before = self._known
        self._known = self._fixed = before + rounds * width
        self.statements(2, 1)
        self._known = before
        self._repeat(["POP"] * width, rounds)

    def _repeat(self, names: list[str], rounds: int) -> None:
        """A loop that may change the height of the stack."""
        start, place = self.label(), self._counter_place()
        self.push(rounds)
        self.push(place)
        self.op("MSTORE")
        self.target(start)
        self.op(*names)
        self.push(1)
        self.push(place)
        self.op("MLOAD", "SUB", "DUP1")
        self.push(place)
        self.op("MSTORE")
        self.to(start)
        self.op("JUMPI")

    # --- ends

    def ending(self) -> None:
        rng = self.rng
        kind = rng.randrange(16)
        if kind in (0, 1, 2, 3, 4, 12, 13, 14, 15):
            if rng.random() < 0.5:
                self.op("MSIZE")
                self.push(0)
            else:
                self.push(rng.choice([0, 32, 64, 96]))
                self.push(rng.choice([0, 0, 32]))
            self.op("RETURN" if kind else "REVERT")
        elif kind < 8:
            self.op("STOP")
        elif kind == 8:
            self.expression(2)
            self.place()
            self.op("MSTORE")
            self.push(32)
            self.push(0)
            self.op("REVERT")
        elif kind == 9:
            self.account()
            self.op("SELFDESTRUCT")
        elif kind == 10:
            self.items.append(Op(rng.choice([0xFE, 0x0C, 0x21, 0xEF, 0x5B])))
        else:
            self.expression(1)
            self.op(rng.choice(["JUMP", "RETURN", "SELFDESTRUCT", "POP"]))

    def _soup(self) -> Program:
        """Jumps from anywhere to anywhere, with whatever lies on the stack; it goes on until something runs out."""
        rng = self.rng
        names = [self.label() for _ in range(rng.randint(2, 12))]
        for _ in range(rng.randint(4, 24)):
            self.push(rng.choice([0, 1, 2, 3, 32, 64]))
        waiting = list(names)
        for _ in range(rng.randint(10, 150)):
            kind = rng.random()
            if waiting and kind < 0.1:
                self.target(waiting.pop())
            elif kind < 0.15:
                self.to(rng.choice(names))
                self.op("JUMPI")
            elif kind < 0.22:
                self.op("DUP2", "DUP2", rng.choice(COMPARISONS))
                self.to(rng.choice(names))
                self.op("JUMPI")
            elif kind < 0.24:
                self.to(rng.choice(names))
                self.op("JUMP")
            elif kind < 0.26:
                self.to(rng.choice(names))
            elif kind < 0.5:
                self.push(rng.choice([0, 0, 1, 1, 2, 31, 32, 64, 255]))
            elif kind < 0.53:
                self.push(rng.choice([0, 32, 64, 96]))
                self.op(rng.choice(["MSTORE", "MLOAD", "MSTORE8"]))
            elif kind < 0.54:
                self.statement(0)
            else:
                self.op(rng.choice(SOUP))
        for name in waiting:
            self.target(name)
        self.ending()
        return (*self.items, *self._later)

    def program(self, budget: int) -> Program:
        """A whole program of about `budget` statements."""
        rng = self.rng
        self._budget = budget
        if rng.random() < 0.1:
            return self._soup()
        while self.spend():
            self.statement(NESTING)
        last = rng.random()
        if last < 0.92 or self._later:
            self.ending()
            self.items += self._later
        if last > 0.9:
            self.items.append(Raw(bytes([0x5F + rng.randint(1, 32)]) + rng.randbytes(rng.randrange(3))))
        return mutated(rng, self.items) if rng.random() < 0.15 else tuple(self.items)


SOUP = (
    "POP", "DUP1", "DUP2", "DUP3", "DUP7", "SWAP1", "SWAP2", "SWAP5", "ADD", "SUB", "LT", "SGT", "EQ", "ISZERO",
    "ISZERO", "AND", "SHR", "MLOAD", "MSTORE", "GAS", "PC", "MSIZE", "CALLVALUE", "CALLDATASIZE", "JUMPDEST", "MULMOD",
)  # fmt: skip


def mutated(rng: Random, items: list[Item]) -> Program:
    """A few items replaced, doubled, swapped or dropped."""
    changed = list(items)
    for _ in range(rng.randint(1, 3)):
        if not changed:
            break
        index = rng.randrange(len(changed))
        kind = rng.randrange(5)
        if kind == 0:
            del changed[index]
        elif kind == 1:
            changed.insert(index, changed[index])
        elif kind == 2:
            changed[index] = Op(rng.randrange(256))
        elif kind == 3:
            changed.insert(index, Op(rng.choice([0x5B, 0x5A, 0x58, 0x80, 0x90, 0x50, 0x15, 0x55])))
        else:
            other = rng.randrange(len(changed))
            changed[index], changed[other] = changed[other], changed[index]
    return tuple(changed)


def small_init_code(rng: Random, accounts: tuple[int, ...], fork: Fork) -> bytes:
    """Init code, some of which deploys a small contract."""
    composer = Composer(rng, accounts, fork)
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(8))
    if kind == 1:
        composer.op(rng.choice(["STOP", "INVALID", "GAS"]))
        return assemble(composer.items)
    if rng.random() < 0.5:
        composer.push(rng.randrange(3))
        composer.push(rng.randrange(SLOTS))
        composer.op("SSTORE")
    runtime = Composer(rng, accounts, fork)
    for _ in range(rng.randrange(2)):
        runtime.push(rng.randrange(2))
        runtime.push(rng.randrange(SLOTS))
        runtime.op("SSTORE")
    runtime.ending()
    content = assemble(runtime.items)[:32]
    composer.push(int.from_bytes(content.ljust(32, b"\0"), "big"))
    composer.push(0)
    composer.op("MSTORE")
    composer.push(len(content))
    composer.push(0)
    composer.op("RETURN" if kind < 4 else "REVERT")
    return assemble(composer.items)
