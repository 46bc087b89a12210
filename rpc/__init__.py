"""Ethereum JSON-RPC over HTTP: the listener, the protocol and the methods.

Owns everything between a client's socket and the protocols of rpc/backend.py, which the node implements. Never
imports the node, consensus or the network. Start reading at rpc/server.py.
"""
