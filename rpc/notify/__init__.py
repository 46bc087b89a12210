"""What clients are told, or may ask for later: new blocks, logs and transactions, by subscription or filter.

Never blocks consensus or the pool.
"""
