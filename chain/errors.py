"""The root of the error tree: every error of the project says whose fault it is.

Owns the four kinds of fault. Packages derive their own errors from exactly one of them; whoever handles an
error decides by the kind (answer the caller, drop the peer, ask the operator, stop the node). Never holds
error texts of a single package.
"""


class NodeError(Exception):
    """Root of all errors that this project raises on purpose."""


class CallerError(NodeError):
    """The user, RPC client or transaction sender asked for something that cannot be done."""


class PeerError(NodeError):
    """A remote peer sent something that breaks the protocol."""


class EnvironmentFault(NodeError):
    """This machine is at fault: disk, port, configuration, permissions, a missing library."""


class InvariantViolation(NodeError):
    """A bug in this program. Nothing may be committed or signed after it: the node stops."""
