"""Storage of system contracts: declared fields, laid out in the account's slots as solc lays out state variables.

Owns: the words for declaring it: `Slot`, `Map`, `Array`, `Struct`.
"""

from vm.system.storage.array import Array
from vm.system.storage.map import Map
from vm.system.storage.slot import Slot
from vm.system.storage.struct import Struct

__all__ = ["Array", "Map", "Slot", "Struct"]
