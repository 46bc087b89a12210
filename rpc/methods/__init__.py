"""The JSON-RPC methods, one module for each kind of question; rpc/methods/table.py lists them."""
