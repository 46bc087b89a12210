"""The description of the JSON-RPC methods: their signatures and types as data, and OpenRPC made from them.

`methods/*.toml` has one entry for each method, `types.toml` the types; both use the notation of notation.py.
"""
