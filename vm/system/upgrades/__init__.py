"""New versions of system contracts, scheduled on the chain itself.

Owns the chain contract UPGRADES. Never knows what a version changes: each class migrates its own storage.
"""
