"""The reference engine: Ethereum bytecode run by py-evm's instructions on our state."""

# Selects the fast hash back end of eth-hash, so it must be imported before py-evm is.
import chain.keccak  # noqa: F401
