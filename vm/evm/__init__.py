"""Ethereum bytecode: the engine and its instructions."""

# Selects the fast hash back end of eth-hash, so it must be imported before py-evm is.
import chain.keccak  # noqa: F401
