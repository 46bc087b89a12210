"""Tier 2: hot bytecode as Python functions. See region.py for the idea and compiler.py for the way in."""
