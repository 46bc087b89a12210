"""Errors of the node package, by whose fault they are (roots in chain.errors)."""

from chain.errors import CallerError, EnvironmentFault, InvariantViolation, PeerError


class ConfigError(EnvironmentFault):
    """The configuration file or an AURIGRAPH_ environment variable is wrong; the text names the key."""


class HomeError(EnvironmentFault):
    """A file of the home folder is missing, unreadable, too open, or belongs to another chain."""


class KeystoreError(EnvironmentFault):
    """A keystore file or password is wrong."""


class PoolError(CallerError):
    """The mempool refused a transaction; the texts are geth's, because clients read them."""


class AlreadyKnown(PoolError):
    """The same transaction is in the pool."""


class ReplacementUnderpriced(PoolError):
    """Another transaction with this nonce pays as much or nearly as much."""


class PoolFull(PoolError):
    """The pool is at its limits and this transaction pays less than those in it."""


class InvalidPayload(PeerError):
    """The bytes of a proposed or certified block are not a block of this chain at this height."""


class AheadOfClock(InvalidPayload):
    """A block's time is ahead of this node's clock: its proposer's clock is wrong, or ours. Nobody is blamed."""


class NoPeers(PeerError):
    """A question to peers on a node that has none."""


class EnginesDisagree(InvariantViolation):
    """Two engines see one block differently: one of them is wrong, and this node must not decide which."""
