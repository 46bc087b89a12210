"""The one table of key columns: every key in the database starts with one of these bytes.

Owns the layout of the database: which byte stands for which kind of record, what follows it in the key, and
the version of that layout. Never reads or writes anything. Numbers inside keys are big-endian, so that the
order of the keys is the order of the numbers; `hash` below is keccak-256.

Raise SCHEMA_VERSION whenever the meaning of an existing key or value changes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

SCHEMA_VERSION: Final = 1


class Column(bytes, Enum):
    """First byte of a key, with the rest of the key and the value in the comment."""

    ACCOUNT = b"a"  # hash(address)                    -> account, see state.account
    STORAGE = b"s"  # hash(address) | hash(slot)       -> value, minimal big-endian
    CODE = b"c"  # hash(code)                       -> code
    ACCOUNT_NODE = (
        b"A"  # path, one byte a nibble          -> internal node of the account trie, see state.trie
    )
    STORAGE_NODE = b"S"  # hash(address) | path             -> internal node of one storage trie
    HEADER = b"h"  # number (8)                       -> block hash (32) | RLP header
    HEADER_NUMBER = b"H"  # block hash                       -> number (8)
    BODY = b"b"  # number (8)                       -> raw transactions, see state.block_codec
    RECEIPTS = b"r"  # number (8)                       -> receipts, see state.block_codec
    TRANSACTION = b"t"  # transaction hash                 -> number (8) | index (4)
    CERTIFICATE = b"v"  # number (8)                       -> commit certificate, bytes of the consensus layer
    CONSENSUS = b"k"  # number (8)                       -> consensus record, bytes of the consensus layer
    LOG_SECTION = (
        b"l"  # bucket (1) | last block (8)      -> part of a section of the log index, see state.log_index
    )
    META = b"m"  # name                             -> small named record, names below


META_SCHEMA: Final = b"schema"
META_GENESIS: Final = b"genesis"
META_HEAD: Final = b"head"
META_LOG_INDEX: Final = b"log_index"  # number (8): the sections of the log index hold all blocks below it
# Records of other layers get their own name space, so that they can never overwrite those above.
META_FOREIGN_PREFIX: Final = b"x/"


def number_key(column: Column, number: int) -> bytes:
    """Key of the record of block `number` in `column`."""
    return column.value + number.to_bytes(8, "big")
