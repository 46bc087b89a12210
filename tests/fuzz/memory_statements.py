"""Statements that write and read memory: the stack is as it was afterwards."""

from __future__ import annotations

from tests.fuzz.expressions import Words, edge_number


class MemoryStatements(Words):
    """Pieces that overlap, at places that a compiler knows and at others."""

    def memory_write(self) -> None:
        self.expression()
        self.place()
        self.op("MSTORE8" if self.rng.random() < 0.2 else "MSTORE")

    def memory_copy(self) -> None:
        rng = self.rng
        name = rng.choice(["MCOPY", "MCOPY", "CALLDATACOPY", "CODECOPY", "RETURNDATACOPY", "EXTCODECOPY"])
        if name == "RETURNDATACOPY" and rng.random() < 0.8:
            self.op("RETURNDATASIZE")
            self.push(0)
            self.place()
        else:
            self.size()
            if name == "MCOPY" or rng.random() < 0.9:
                self.place()
            else:
                self.push(edge_number(rng))
            self.place()
        if name == "EXTCODECOPY":
            self.account()
        self.op(name)

    def memory_pieces(self) -> None:
        """Words written and read at places beside each other, all fixed or nearly so; what was read is kept."""
        rng = self.rng
        around = rng.choice([32, 64, 96])
        distances = [-33, -32, -31, -30, -2, -1, 1, 2, 30, 31, 32, 33]
        places = [around, *[max(0, around + rng.choice(distances)) for _ in range(2)]]
        self.push(0)
        for _ in range(rng.randint(3, 8)):
            place = rng.choice(places)
            kind = rng.randrange(10)
            if kind < 4:
                self.op(*(["MSIZE", "NOT"] if kind else ["PC", "GAS", "MUL"]))
                self._near(place)
                self.op("MSTORE8" if rng.random() < 0.3 else "MSTORE")
            elif kind < 6:
                self.push(rng.choice([0, 1, 2, 31, 32, 33]))
                self._near(max(0, around + rng.choice([-32, -1, 0, 1, 32])))
                self._near(place)
                self.op(rng.choice(["MCOPY", "CODECOPY", "CALLDATACOPY"]))
            else:
                if kind == 9:
                    self.push(rng.choice([1, 31, 32, 64]))
                    self._near(place)
                    self.op("KECCAK256")
                else:
                    self._near(place)
                    self.op("MLOAD")
                self.push(3)
                self.op("SHL", "XOR")
        self.slot()
        self.op(rng.choice(["TSTORE", "TSTORE", "SSTORE"]))
        if rng.random() < 0.3:
            self.op("MSIZE")
            self.push(0)
            self.op("LOG0")

    def _near(self, place: int) -> None:
        self.push(place)
        if self.rng.random() < 0.12:
            self.hide()
