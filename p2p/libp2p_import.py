"""Importing libp2p: the pinned version only, quietly, once.

Owns: the version check and the settings of libp2p's logging.
Never: runs at import time of this package.
"""

import importlib.metadata
import logging

from chain.errors import EnvironmentFault

SUPPORTED_VERSION = "0.8.1"
"""The guards replace parts of libp2p that have no stable interface; each new version has to be read first."""


class UnsupportedLibp2p(EnvironmentFault):
    """The installed libp2p is missing or another version than the guards were written for."""


def import_libp2p() -> None:
    """Check and import. Raises UnsupportedLibp2p."""
    try:
        version = importlib.metadata.version("libp2p")
    except importlib.metadata.PackageNotFoundError as error:
        raise UnsupportedLibp2p(f"libp2p is not installed; install libp2p=={SUPPORTED_VERSION}") from error
    if version != SUPPORTED_VERSION:
        raise UnsupportedLibp2p(
            f"libp2p {version} is installed, but the guards of this node are written for {SUPPORTED_VERSION}; "
            f"install libp2p=={SUPPORTED_VERSION}"
        )
    import libp2p  # noqa: F401

    # Peers can provoke most of its warnings at will; what matters is counted and logged by our own modules.
    library_logger = logging.getLogger("libp2p")
    library_logger.addHandler(logging.NullHandler())
    library_logger.setLevel(logging.CRITICAL)
