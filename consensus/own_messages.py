"""Signing this node's messages, and the rule that nothing of ours leaves before it is durable.

Owns: the signer, the heights in which this validator stays silent, and for the current height which own messages
are in the signer's record and which are in the log. Never does: decide what to sign, or send.
"""

from __future__ import annotations

import structlog

from chain.errors import InvariantViolation
from chain.types import Address
from consensus.messages import OwnSigned, SigningRefused
from consensus.signer import DoubleSignRefused, FileSigner
from consensus.types import UNSIGNED, SignedMessage, Vote
from consensus.wal import Wal

log = structlog.get_logger(__name__)


class OwnMessages:
    """`address` is None on a node without a key, which refuses every signature."""

    def __init__(self, signer: FileSigner | None, wal: Wal) -> None:
        self.address: Address | None = None if signer is None else signer.address
        self.silent_through = 0
        self._signer = signer
        self._wal = wal
        self._signed: set[SignedMessage] = set()
        self._logged: set[SignedMessage] = set()

    def start_height(self) -> None:
        """Own messages of the height before are sent no more."""
        self._signed.clear()
        self._logged.clear()

    def sign(self, message: SignedMessage) -> OwnSigned | SigningRefused:
        """Sign if the guard agrees; on return the signature is in the log and in the signer's record.

        The answer must be the next input of the engine, because it stands next in the log.
        """
        if self._signer is None or message.height <= self.silent_through:
            return SigningRefused(message)
        try:
            signed = self._signer.sign(message, self._log)
        except DoubleSignRefused as refusal:
            log.error("signing_refused", reason=str(refusal))
            return SigningRefused(message)
        self._signed.add(signed)
        return OwnSigned(signed)

    def persist(self, entry: OwnSigned) -> None:
        """Log an own message durably unless that happened when it was signed."""
        if entry.message not in self._logged:
            self._log(entry.message)

    def _log(self, message: SignedMessage) -> None:
        self._wal.append(OwnSigned(message), sync=True)
        self._logged.add(message)

    def is_own(self, message: SignedMessage) -> bool:
        """Whether our key is the signer."""
        owner = message.validator if isinstance(message, Vote) else message.proposer
        return self._signer is not None and owner == self.address

    def restore(self, message: SignedMessage, asked: set[SignedMessage]) -> None:
        """An own message from the log, durable already; `asked` are the unsigned ones that replay led to.

        Raises InvariantViolation when replay did not lead to it.
        """
        if self._signer is None or message.signed(UNSIGNED) not in asked:
            raise InvariantViolation(
                f"replaying the log of height {message.height} did not lead to a message that was signed: remove "
                "the log to start, silent for this height"
            )
        if self._signer.observe(message):
            log.error("signer_state_was_behind_log", height=message.height, round=message.round)
        self._signed.add(message)
        self._logged.add(message)

    def require_durable(self, message: SignedMessage) -> None:
        """Raise InvariantViolation unless signer record and log entry of `message` are on disk."""
        if message not in self._signed or message not in self._logged:
            raise InvariantViolation(f"about to send a message that is not durable: {message!r}")
