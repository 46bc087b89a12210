"""Blocks: a header and its transactions, as they are proposed, stored and served.

Owns the encoding [header, transactions, ommers, withdrawals], where the last two lists are always empty on
this chain, and the strict decoding. Never checks a root or a rule: that needs the parent state.
Specification: yellow paper section 4.4.3, EIP-4895.
"""

from dataclasses import dataclass
from typing import Final

from chain.errors import PeerError
from chain.header import Header, HeaderError, decode_header
from chain.rlp import EMPTY_LIST, RlpError, encode_list_payload, iterate_encoded_items, list_payload_span
from chain.transaction import Transaction, TransactionError, TransactionType, decode_transaction
from chain.types import Hash32

MAX_BLOCK_BYTES: Final = 10 * 1024 * 1024
"""Longest encoding that is looked at: MAX_BLOCK_SIZE of EIP-7934. The chain's own limit is lower."""


class BlockError(PeerError):
    """The bytes are not the canonical encoding of a block of this chain."""


@dataclass(frozen=True, slots=True)
class Block:
    """A header and the transactions that its transactions root commits to."""

    header: Header
    transactions: tuple[Transaction, ...]

    @property
    def hash(self) -> Hash32:
        """The hash of the header."""
        return self.header.hash

    @property
    def number(self) -> int:
        """The height of the block; genesis is 0."""
        return self.header.number

    @property
    def size_bytes(self) -> int:
        """Length of the encoding."""
        return len(self.encode())

    def encode(self) -> bytes:
        """Return the canonical RLP: [header, transactions, [], []]."""
        transactions = b"".join([transaction.encode_in_list() for transaction in self.transactions])
        return encode_list_payload(
            self.header.encode() + encode_list_payload(transactions) + EMPTY_LIST + EMPTY_LIST
        )


def decode_block(raw: bytes, chain_id: int, *, allow_unprotected: bool = False) -> Block:
    """Decode the canonical RLP of a block of the chain `chain_id`.

    Whether legacy transactions without replay protection may stand in a block is a rule of the chain: every
    caller on one chain must pass the same `allow_unprotected`.

    Raises:
        BlockError: not canonical, too long, ommers or withdrawals present, or a bad header or transaction.
    """
    if len(raw) > MAX_BLOCK_BYTES:
        raise BlockError(f"block of {len(raw)} bytes, at most {MAX_BLOCK_BYTES} are allowed")
    try:
        parts = list(zip(range(5), iterate_encoded_items(raw, *list_payload_span(raw)), strict=False))
        if len(parts) != 4:
            raise BlockError("malformed block: 4 parts are expected")
        (_, header), (_, transactions), (_, ommers), (_, withdrawals) = parts
        if ommers[1] != EMPTY_LIST or withdrawals[1] != EMPTY_LIST:
            raise BlockError("malformed block: ommers and withdrawals must be empty")
        if not transactions[0]:
            raise BlockError("malformed block: transactions are not a list")
        return Block(
            decode_header(header[1]), _decode_transactions(transactions[2], chain_id, allow_unprotected)
        )
    except (RlpError, HeaderError) as error:
        raise BlockError(f"malformed block: {error}") from None


def _decode_transactions(payload: bytes, chain_id: int, allow_unprotected: bool) -> tuple[Transaction, ...]:
    transactions: list[Transaction] = []
    for is_list, encoding, content in iterate_encoded_items(payload, 0, len(payload)):
        raw = encoding if is_list else content
        try:
            transaction = decode_transaction(raw, chain_id, allow_unprotected=allow_unprotected)
        except TransactionError as error:
            raise BlockError(f"malformed block: transaction {len(transactions)}: {error}") from None
        if (transaction.type is TransactionType.LEGACY) is not is_list:
            raise BlockError(f"malformed block: transaction {len(transactions)} in the wrong envelope")
        transactions.append(transaction)
    return tuple(transactions)
