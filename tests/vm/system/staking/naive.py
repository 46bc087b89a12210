"""Staking as one would write it without thinking of costs: every slash visits everybody, every block pays everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from vm.system.staking.parameters import BPS


@dataclass
class Pool:
    """The stake of one validator."""

    tokens: Fraction
    shares: Fraction
    tombstoned: bool = False

    @property
    def rate(self) -> Fraction:
        return self.tokens / self.shares if self.shares else Fraction(1)


@dataclass
class Leaving:
    who: str
    pool: str
    height: int
    completion: int
    balance: Fraction


@dataclass
class Move:
    who: str
    source: str
    destination: str
    height: int
    completion: int
    wei: int
    shares: Fraction


@dataclass
class Naive:
    """Exact fractions of wei; names instead of addresses."""

    pools: dict[str, Pool]
    held: dict[tuple[str, str], Fraction] = field(default_factory=dict)
    leaving: list[Leaving] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    paid: dict[str, Fraction] = field(default_factory=dict)

    def worth(self, who: str, name: str) -> Fraction:
        return self.held.get((who, name), Fraction(0)) * self.pools[name].rate

    def deposit(self, who: str, name: str, wei: Fraction | int) -> Fraction:
        pool = self.pools[name]
        added = wei / pool.rate
        pool.tokens += wei
        pool.shares += added
        self.held[who, name] = self.held.get((who, name), Fraction(0)) + added
        return added

    def take(self, who: str, name: str, wei: Fraction | int) -> None:
        pool = self.pools[name]
        gone = min(wei / pool.rate, self.held[who, name])
        pool.tokens -= wei
        pool.shares -= gone
        self.held[who, name] -= gone

    def unbond(self, who: str, name: str, wei: int, height: int, completion: int, now: int) -> None:
        self.take(who, name, wei)
        if completion == now:
            self.pay(who, Fraction(wei))
        else:
            self.leaving.append(Leaving(who, name, height, completion, Fraction(wei)))

    def pay(self, who: str, wei: Fraction) -> None:
        self.paid[who] = self.paid.get(who, Fraction(0)) + wei

    def move(
        self, who: str, source: str, destination: str, wei: int, height: int, completion: int, now: int
    ) -> None:
        self.take(who, source, wei)
        shares = self.deposit(who, destination, wei)
        if completion != now:
            self.moves.append(Move(who, source, destination, height, completion, wei, shares))

    def slash(self, name: str, bps: int) -> None:
        self.pools[name].tokens *= 1 - Fraction(bps, BPS)

    def slash_double_sign(self, name: str, fault: int, height: int, now: int, bps: int) -> None:
        part = Fraction(bps, BPS)
        self.slash(name, bps)
        self.pools[name].tombstoned = True
        for entry in self.leaving:
            if entry.pool == name and fault - 1 <= entry.height < height and entry.completion > now:
                entry.balance *= 1 - part
        for move in reversed(self.moves):
            if move.source == name and fault - 1 <= move.height < height and move.completion > now:
                self._collect(move, part, now)

    def _collect(self, move: Move, part: Fraction, now: int) -> None:
        key = (move.who, move.destination)
        pool = self.pools[move.destination]
        owed = move.shares * part
        taken = min(owed, self.held[key])
        rate = pool.rate
        pool.tokens -= taken * rate
        pool.shares -= taken
        self.held[key] -= taken
        left = move.wei * part * (owed - taken) / owed
        for entry in reversed(self.leaving):
            fits = (entry.who, entry.pool) == key and entry.height >= move.height
            if fits and entry.completion > now:
                cut = min(left, entry.balance)
                entry.balance -= cut
                left -= cut

    def end_block(self, now: int) -> None:
        for entry in self.leaving:
            if entry.completion <= now:
                self.pay(entry.who, entry.balance)
        self.leaving = [entry for entry in self.leaving if entry.completion > now]
        self.moves = [move for move in self.moves if move.completion > now]
