"""Ethereum bytecode."""
