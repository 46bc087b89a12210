"""What a block asks of consensus, and how the header commits to it.

Owns: the two kinds of requests of this chain, changes of the validator set and events of block hooks, and their hash.
Never does: make either.
Specification: EIP-7685. Its types 0x00 to 0x02 are Ethereum's; ours stand at the other end.

    0xf0  validator updates: 33 bytes of public key and 8 bytes of power, big-endian, one after the other
    0xf1  events: the RLP list of the logs
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from chain.receipt import Log
from chain.rlp import encode_list_payload
from chain.types import Hash32
from chain.validator_update import ValidatorUpdate

VALIDATOR_UPDATES: Final = b"\xf0"
EVENTS: Final = b"\xf1"
POWER_BYTES: Final = 8


def requests_hash(updates: Sequence[ValidatorUpdate], events: Sequence[Log]) -> Hash32:
    """The header's field; that of no requests if there are none, as on Ethereum."""
    requests: list[bytes] = []
    if updates:
        requests.append(
            VALIDATOR_UPDATES
            + b"".join([update.public_key + update.power.to_bytes(POWER_BYTES) for update in updates])
        )
    if events:
        requests.append(EVENTS + encode_events(events))
    return Hash32(sha256(b"".join([sha256(request).digest() for request in requests])).digest())


def encode_events(events: Sequence[Log]) -> bytes:
    """The RLP list of the logs."""
    return encode_list_payload(b"".join([event.encode() for event in events]))
