"""The handlers of the instructions, by theme. vm/evm/instruction_set.py says which rule set has which."""
