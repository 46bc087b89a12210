"""How parameters are read: one codec for each kind of JSON value, with go-ethereum's texts for bad ones.

Pure: never reads the chain.
"""
