"""Reproducible measurements of single parts. Run `python -m benchmarks`; never part of the test run."""
