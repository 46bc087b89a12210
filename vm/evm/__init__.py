"""Ethereum bytecode: our own engine and its instructions."""
