"""What a block does: transaction rules, the one call path, and the engines that run contract code."""
