"""Signatures made outside of transactions, as contracts see them: EIP-712 digests, nonces, checking signers."""
