"""Errors of the pure half of consensus; each says whose fault it is through its base class.

Owns: the error tree for messages, certificates, validator sets and parameters.
Never does: describe disk faults; the modules that touch the disk define their own.
"""

from __future__ import annotations

from chain.errors import CallerError, PeerError


class DecodeError(PeerError):
    """Bytes from outside are not the one canonical encoding of a message of ours."""


class InvalidMessage(PeerError):
    """A well-formed message that no correct peer would have sent."""


class UnknownValidator(InvalidMessage):
    """The signer is not in the validator set of that height."""


class WrongSignature(InvalidMessage):
    """The signature does not verify under the validator's consensus key."""


class WrongProposer(InvalidMessage):
    """The proposal comes from a validator whose turn it is not."""


class InvalidProposal(InvalidMessage):
    """A proposal whose fields contradict each other."""


class InvalidCertificate(InvalidMessage):
    """A commit, polka certificate or round certificate that does not prove what it claims."""


class InsufficientPower(InvalidCertificate):
    """The signatures are right, but too few: `got` of the `needed` voting power."""

    def __init__(self, got: int, needed: int) -> None:
        super().__init__(f"signatures carry voting power {got}, more than {needed} needed")
        self.got = got
        self.needed = needed


class InvalidValidatorSet(CallerError):
    """A validator set or a change to one that breaks the rules (empty, duplicate, too large, bad power)."""


class InvalidConsensusParams(CallerError):
    """A consensus parameter outside its allowed range."""
