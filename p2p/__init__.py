"""Peer-to-peer networking of the node.

Owns: the `Network` interface, its libp2p implementation, its in-memory implementation, node identity, the
peer book and everything that keeps a hostile peer from harming this process.
Never: interprets a payload. Messages are bytes; what they mean is known to consensus and to the node.
Importing this package costs nothing: libp2p is imported only when a libp2p network is opened.
"""
