"""Ties the parts together: configuration, mempool, block production, services. May import everything."""
