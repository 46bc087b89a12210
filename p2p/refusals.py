"""Which refusals of strangers the operator is told about: the one who forgot to list a node, not every port scanner.

Owns: the memory of who was told about.
Never: reads a clock (the caller passes seconds) or writes the log itself.
"""

from p2p.network import PeerId

REPEAT_S = 3600.0
"""A refused peer dials again and again; its operator may look at the log an hour later."""

MAX_TOLD = 32
"""Peers told about within REPEAT_S. Ids are free: whoever makes up thousands must not fill the log."""


class RefusalNotes:
    """What was said of late."""

    def __init__(self) -> None:
        self._told_s: dict[PeerId, float] = {}

    def is_news(self, peer: PeerId, now_s: float) -> bool:
        """Whether to say that `peer` was refused; if so, it counts as said."""
        self._told_s = {told: at_s for told, at_s in self._told_s.items() if now_s - at_s < REPEAT_S}
        if peer in self._told_s or len(self._told_s) >= MAX_TOLD:
            return False
        self._told_s[peer] = now_s
        return True
