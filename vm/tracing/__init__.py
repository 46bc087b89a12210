"""Tracers of single transactions, with go-ethereum's names, options and results."""
