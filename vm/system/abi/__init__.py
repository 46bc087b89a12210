"""Solidity's contract ABI for contracts written in Python: types from annotations, signatures, codecs, descriptions."""
