"""The state of the chain: key-value store, flat state, Merkle Patricia trie, blocks, journaled WorldState."""
