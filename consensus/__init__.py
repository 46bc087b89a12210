"""Byzantine fault tolerant agreement on one block per height.

Owns: the Tendermint algorithm (arXiv 1807.04938) with later liveness fixes, its messages and safety rules.
Never does: look into a block. Consensus sees a block as (block id, payload bytes); building, executing and
storing it belong to the application behind the driver.

The pure part (types, params, codec, vote keeper, round machine, engine, ...) has no clock, randomness, disk
or network: `engine.Engine.handle` maps one input to a tuple of effects. The driving part runs those effects.
"""
