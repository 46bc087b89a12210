"""Tools for tests of system contracts: a chain in memory, contracts as objects, failures that are demanded.

`from vm.system.testing import TestChain, reverts`. No node imports this.
"""

from vm.system.testing.accounts import address_of, key_of
from vm.system.testing.chain import COIN, TestChain
from vm.system.testing.failures import CallFailed, CallReverted, fails, reverts
from vm.system.testing.handle import BoundFunction, ContractHandle
from vm.system.testing.values import LoggedEvent

__all__ = [
    "COIN",
    "BoundFunction",
    "CallFailed",
    "CallReverted",
    "ContractHandle",
    "LoggedEvent",
    "TestChain",
    "address_of",
    "fails",
    "key_of",
    "reverts",
]
