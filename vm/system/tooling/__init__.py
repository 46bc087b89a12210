"""Tools for who writes system contracts: the determinism lint, and what is published from the classes."""
