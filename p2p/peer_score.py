"""Penalties: when a misbehaving peer is disconnected and for how long it stays away.

Owns: penalty points per peer, their decay, and bans.
Never: reads a clock (the caller passes seconds) and never closes a connection itself.

Points fade, so a peer is judged by its rate of offences. A protected peer (a validator on the allow-list) is
disconnected like any other, but only for seconds: consensus needs it more than it fears it.
"""

from collections import OrderedDict
from dataclasses import dataclass

from p2p.network import PeerId

MAX_RECORDS = 4096
"""Peers remembered; the least recently penalised is forgotten first. Ids are free, so the table is bounded."""


@dataclass(frozen=True, slots=True)
class PenaltyPolicy:
    """Points and durations. `ban_at_points` offences' worth of points lead to a ban."""

    points_per_offence: float = 10.0
    decay_points_per_s: float = 1.0
    ban_at_points: float = 100.0
    ban_first_s: float = 60.0
    ban_max_s: float = 3600.0
    ban_protected_s: float = 5.0


@dataclass(slots=True)
class _Record:
    points: float
    updated_s: float
    banned_until_s: float
    bans: int


class PeerScores:
    """Penalty book of this node."""

    def __init__(self, policy: PenaltyPolicy) -> None:
        self._policy = policy
        self._records: OrderedDict[PeerId, _Record] = OrderedDict()

    def _decayed(self, record: _Record, now_s: float) -> float:
        faded = record.points - (now_s - record.updated_s) * self._policy.decay_points_per_s
        return max(0.0, faded)

    def penalise(self, peer: PeerId, now_s: float, *, is_protected: bool) -> bool:
        """Record an offence. True when the peer must be disconnected: it is banned from now on."""
        record = self._records.pop(peer, None) or _Record(0.0, now_s, 0.0, 0)
        self._records[peer] = record
        if len(self._records) > MAX_RECORDS:
            self._records.popitem(last=False)
        record.points = self._decayed(record, now_s) + self._policy.points_per_offence
        record.updated_s = now_s
        if record.points < self._policy.ban_at_points:
            return False
        record.points = 0.0
        if is_protected:
            record.banned_until_s = now_s + self._policy.ban_protected_s
        else:
            duration_s = self._policy.ban_first_s * 2.0 ** min(record.bans, 32)
            record.banned_until_s = now_s + min(duration_s, self._policy.ban_max_s)
            record.bans += 1
        return True

    def is_banned(self, peer: PeerId, now_s: float) -> bool:
        """Whether the peer is to be refused now."""
        record = self._records.get(peer)
        return record is not None and now_s < record.banned_until_s

    def points(self, peer: PeerId, now_s: float) -> int:
        """Current points, rounded down."""
        record = self._records.get(peer)
        return 0 if record is None else int(self._decayed(record, now_s))
