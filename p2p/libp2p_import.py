"""Importing libp2p: the pinned version only, quietly, and without the parts that this node never uses.

Owns: the version check, the settings of libp2p's logging, and the substitution of unused parts.
Never: runs when this package is imported; only opening a network costs anything.

`import libp2p` loads QUIC, WebSocket, TLS, DHT, bitswap, relay, mDNS, UPnP and the HTTP clients they need: 94 MB
resident and 0.5 s of CPU against 57 MB and 0.25 s without them (trio alone: 26 MB).
"""

import importlib
import importlib.metadata
import logging
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from chain.errors import EnvironmentFault

SUPPORTED_VERSION = "0.8.1"
"""The guards replace parts of libp2p that have no stable interface; each new version has to be read first."""

_UNUSED = (
    "libp2p.bitswap",
    "libp2p.discovery.bootstrap",
    "libp2p.discovery.mdns",
    "libp2p.discovery.random_walk",
    "libp2p.discovery.upnp",
    "libp2p.host.routed_host",
    "libp2p.kad_dht",
    "libp2p.peer.persistent",
    "libp2p.records",
    "libp2p.relay",
    "libp2p.security.secio",
    "libp2p.security.tls",
    "libp2p.transport.quic",
    "libp2p.transport.websocket",
    # Needed by unused code inside modules that are used. Without Crypto, peers with RSA identities fail to
    # authenticate; this network's identities are ed25519.
    "Crypto",
    "aioquic",
    "dns",
    "fastecdsa",
    "prometheus_client",
    "psutil",
)


class UnsupportedLibp2p(EnvironmentFault):
    """The installed libp2p is missing or another version than the guards were written for."""


class _AbsentModule(ModuleType):
    """Stands for a module that is not loaded; every name in it is a distinct empty class."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        # Derived from Exception, because some of these names are caught by the code that imports them.
        absent = type(name, (Exception,), {"__module__": self.__name__})
        setattr(self, name, absent)
        return absent


class _AbsentParts(MetaPathFinder, Loader):
    """Import hook that answers for the unused parts, in the importing thread only."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self.names: list[str] = []

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """The specification of an absent module, or None to let Python search."""
        is_unused = any(fullname == part or fullname.startswith(part + ".") for part in _UNUSED)
        if not is_unused or threading.get_ident() != self._thread:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The stand-in."""
        self.names.append(spec.name)
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


def import_libp2p() -> None:
    """Check the version and import what this node uses. Raises UnsupportedLibp2p.

    When the program has imported libp2p before, it is taken as it is.
    """
    try:
        version = importlib.metadata.version("libp2p")
    except importlib.metadata.PackageNotFoundError as error:
        raise UnsupportedLibp2p(f"libp2p is not installed; install libp2p=={SUPPORTED_VERSION}") from error
    if version != SUPPORTED_VERSION:
        raise UnsupportedLibp2p(
            f"libp2p {version} is installed, but the guards of this node are written for {SUPPORTED_VERSION}; "
            f"install libp2p=={SUPPORTED_VERSION}"
        )
    if "libp2p" not in sys.modules:
        _import_lean()
    # Peers can provoke most of its warnings at will; what matters is counted and logged by our own modules.
    library_logger = logging.getLogger("libp2p")
    if not library_logger.handlers:
        library_logger.addHandler(logging.NullHandler())
        library_logger.setLevel(logging.CRITICAL)


def _import_lean() -> None:
    absent = _AbsentParts()
    sys.meta_path.insert(0, absent)
    try:
        importlib.import_module("p2p.libp2p_stack")
    finally:
        sys.meta_path.remove(absent)
        # Whoever imports one of these later gets the real one.
        for name in absent.names:
            sys.modules.pop(name, None)
