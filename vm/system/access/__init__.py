"""Who may do what in a system contract: owners, roles, pausing; and which interfaces it has (ERC-165)."""
