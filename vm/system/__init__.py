"""The chain's own contracts, written in Python: the framework they are written in, and the contracts."""
