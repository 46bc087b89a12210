"""Tokens as system contracts: ERC-20, ERC-721, ERC-1155, their extensions, the wrapped coin, and the factory."""
