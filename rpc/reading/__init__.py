"""What answers are made of: the chain behind block parameters, and its records as JSON.

Never decides who may ask.
"""
