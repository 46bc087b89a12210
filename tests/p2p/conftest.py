"""Loads libp2p as the node does, before any test module names it."""

from p2p.libp2p_import import import_libp2p

import_libp2p()
