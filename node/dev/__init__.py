"""The development node: one validator without consensus, with the powers that test suites ask for.

Owns everything that only `aurigraph start --dev` may do. Never reachable from a node with consensus: its service opens
another store, another pool and another application, and registers none of these methods.
"""
