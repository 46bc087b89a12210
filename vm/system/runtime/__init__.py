"""How a system contract runs: its frame, the engine of the call path, block hooks, and what happens after a fault."""
