"""Proof of stake: who validates (STAKING), who earns (DISTRIBUTION), who is punished (SLASHING)."""
