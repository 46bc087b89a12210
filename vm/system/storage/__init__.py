"""Storage of system contracts: declared fields, laid out in the account's slots as solc lays out state variables."""
