"""The vocabulary that every part of the node agrees on: keys, hashes, codecs, transactions, blocks, receipts.

Owns the exact byte formats of Ethereum as this chain uses them. Imports nothing else of the project, and
never reads a clock, randomness, disk or network: the same input gives the same bytes on every machine.
"""
