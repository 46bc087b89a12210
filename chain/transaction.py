"""Transactions: the four envelopes that this chain accepts, decoded strictly, signed and recovered.

Owns legacy (EIP-155), access list (EIP-2930), dynamic fee (EIP-1559) and set code (EIP-7702) transactions.
One transaction has exactly one encoding, so that nobody can change its hash: canonical RLP, no trailing
bytes, numbers in shortest form and in range, low s. Blob transactions (EIP-4844) are refused by name.
Never looks at state: nonces, balances and fees are judged by vm.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chain import secp256k1
from chain.access_list import AccessList, decode_access_list, encode_access_list
from chain.authorization import (
    Authorization,
    authorization_digest,
    decode_authorizations,
    encode_authorizations,
    sign_authorization,
)
from chain.keccak import keccak256
from chain.rlp import (
    EMPTY_BYTES,
    RlpError,
    RlpItem,
    decode_items,
    encode_bytes,
    encode_list_payload,
    encode_uint,
    item_span,
    list_header,
)
from chain.secp256k1 import CURVE_ORDER, HALF_CURVE_ORDER, InvalidSignature, PrivateKey
from chain.transaction_errors import (
    BlobTransactionUnsupported,
    InvalidTransactionSignature,
    MalformedTransaction,
    TransactionError,
    TransactionTypeUnsupported,
    UnprotectedTransaction,
    WrongChainId,
    transaction_number,
)
from chain.types import ADDRESS_BYTES, Address, Hash32

__all__ = [
    "MAX_TRANSACTION_BYTES",
    "AccessList",
    "Authorization",
    "BlobTransactionUnsupported",
    "InvalidTransactionSignature",
    "MalformedTransaction",
    "RecoveredTransaction",
    "Transaction",
    "TransactionError",
    "TransactionType",
    "TransactionTypeUnsupported",
    "UnprotectedTransaction",
    "UnsignedTransaction",
    "WrongChainId",
    "assemble_transaction",
    "authorization_digest",
    "decode_transaction",
    "recover_sender",
    "sign_authorization",
    "sign_transaction",
    "without_signature",
]

MAX_TRANSACTION_BYTES: Final = 131_072
"""Longest transaction: the limit that wallets and pools know (geth's txMaxSize), four slots of 32 KiB."""


class TransactionType(IntEnum):
    """The envelope of a transaction and of its receipt (EIP-2718)."""

    LEGACY = 0
    ACCESS_LIST = 1
    DYNAMIC_FEE = 2
    BLOB = 3
    SET_CODE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Transaction:
    """A signed transaction; amounts in wei. Legacy and access list transactions have one gas price, which
    stands in both fee fields. `chain_id` is None for a legacy transaction without replay protection.
    `raw` are the canonical wire bytes; `hash` is their keccak, `signing_hash` what the sender signed.
    `impersonated` is the account that a transaction of a development chain speaks for without its signature; only
    chain.impersonation sets it, decoding never does.
    """

    type: TransactionType
    chain_id: int | None
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    access_list: AccessList
    authorizations: tuple[Authorization, ...]
    y_parity: int
    r: int
    s: int
    raw: bytes
    hash: Hash32
    signing_hash: Hash32
    impersonated: Address | None = None

    @property
    def gas_price(self) -> int:
        """Highest price per gas that the sender pays, in wei."""
        return self.max_fee_per_gas

    @property
    def is_create(self) -> bool:
        """Whether the transaction creates a contract."""
        return self.to is None

    @property
    def size_bytes(self) -> int:
        """Length of the wire bytes."""
        return len(self.raw)

    @property
    def v(self) -> int:
        """The v of the signature as RPC shows it: EIP-155 value for legacy, parity for the others."""
        if self.type is not TransactionType.LEGACY:
            return self.y_parity
        return self.y_parity + (27 if self.chain_id is None else 35 + 2 * self.chain_id)

    def effective_gas_price(self, base_fee: int) -> int:
        """Price per gas that is really paid when the base fee is `base_fee`, in wei (EIP-1559)."""
        return min(self.max_fee_per_gas, base_fee + self.max_priority_fee_per_gas)

    def encode_in_list(self) -> bytes:
        """Return the RLP item that stands for the transaction in a block body (EIP-2718)."""
        return self.raw if self.type is TransactionType.LEGACY else encode_bytes(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transaction) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.hash)


@dataclass(frozen=True, slots=True)
class RecoveredTransaction:
    """A transaction and the account that signed it."""

    transaction: Transaction
    sender: Address


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """What a sender signs. For legacy and access list types both fee fields hold the gas price; a legacy
    transaction with `chain_id` None is signed without replay protection."""

    type: TransactionType
    chain_id: int | None
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes = b""
    access_list: AccessList = ()
    authorizations: tuple[Authorization, ...] = ()

    @property
    def signing_hash(self) -> Hash32:
        """The digest that the sender signs.

        Raises:
            MalformedTransaction: the fields do not fit the type.
        """
        payload = _unsigned_payload(self)
        if self.type is not TransactionType.LEGACY:
            return keccak256(bytes((self.type,)) + encode_list_payload(payload))
        return keccak256(encode_list_payload(payload + _replay_protection(self.chain_id)))


def decode_transaction(raw: bytes, chain_id: int, *, allow_unprotected: bool = False) -> Transaction:
    """Decode the wire bytes of one transaction of the chain `chain_id`.

    Args:
        raw: RLP list (legacy) or type byte and RLP list (EIP-2718).
        chain_id: the chain that the transaction must be signed for.
        allow_unprotected: accept legacy transactions from before EIP-155, which name no chain.

    Raises:
        TransactionError: MalformedTransaction, TransactionTypeUnsupported (BlobTransactionUnsupported),
            WrongChainId, UnprotectedTransaction or InvalidTransactionSignature.
    """
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise MalformedTransaction(
            f"oversized data: transaction size {len(raw)}, limit {MAX_TRANSACTION_BYTES} bytes"
        )
    if not raw:
        raise MalformedTransaction("typed transaction too short")
    try:
        if raw[0] >= 0xC0:
            return _decode_legacy(raw, chain_id, allow_unprotected)
        decoder = _TYPED_DECODERS.get(raw[0])
        if decoder is None:
            raise _unsupported_type(raw[0])
        return decoder(raw, chain_id)
    except RlpError as error:
        raise MalformedTransaction(f"malformed transaction: {error}") from None


def recover_sender(transaction: Transaction) -> Address:
    """Return the account that signed the transaction.

    Raises:
        InvalidTransactionSignature: no public key fits the signature.
    """
    if transaction.impersonated is not None:
        return transaction.impersonated
    try:
        return secp256k1.recover_address(
            transaction.signing_hash, transaction.y_parity, transaction.r, transaction.s
        )
    except InvalidSignature:
        raise InvalidTransactionSignature("invalid transaction v, r, s values: no public key fits") from None


def sign_transaction(transaction: UnsignedTransaction, key: PrivateKey) -> Transaction:
    """Sign a transaction and return it as the network will read it.

    Raises:
        TransactionError: a field is out of range for its type, or the type is not accepted by this chain.
    """
    signature = key.sign(transaction.signing_hash)
    return assemble_transaction(transaction, signature)


def assemble_transaction(unsigned: UnsignedTransaction, signature: secp256k1.Signature) -> Transaction:
    """Join a transaction with a signature made elsewhere (hardware wallet, remote signer).

    Raises:
        TransactionError: a field or the signature is out of range.
    """
    if unsigned.type is TransactionType.LEGACY:
        v = signature.y_parity + (27 if unsigned.chain_id is None else 35 + 2 * unsigned.chain_id)
        prefix = b""
    else:
        v = signature.y_parity
        prefix = bytes((unsigned.type,))
    payload = (
        _unsigned_payload(unsigned) + encode_uint(v) + encode_uint(signature.r) + encode_uint(signature.s)
    )
    raw = prefix + encode_list_payload(payload)
    chain_id = 0 if unsigned.chain_id is None else unsigned.chain_id
    return decode_transaction(raw, chain_id, allow_unprotected=unsigned.chain_id is None)


def without_signature(unsigned: UnsignedTransaction) -> Transaction:
    """The transaction with zeros where its signature would stand, as a simulated block shows it. No network and no
    decoder accepts it, and nobody is its sender.

    Raises:
        MalformedTransaction: the fields do not fit the type.
    """
    signed = _unsigned_payload(unsigned)
    prefix = b"" if unsigned.type is TransactionType.LEGACY else bytes((unsigned.type,))
    raw = prefix + encode_list_payload(signed + EMPTY_BYTES * 3)
    return Transaction(
        unsigned.type,
        unsigned.chain_id,
        unsigned.nonce,
        unsigned.max_priority_fee_per_gas,
        unsigned.max_fee_per_gas,
        unsigned.gas_limit,
        unsigned.to,
        unsigned.value,
        unsigned.data,
        unsigned.access_list,
        unsigned.authorizations,
        0,
        0,
        0,
        raw,
        keccak256(raw),
        keccak256(prefix + encode_list_payload(signed)),
    )


# --- decoding -------------------------------------------------------------------------------------------


def _unsupported_type(first_byte: int) -> TransactionTypeUnsupported:
    if first_byte == TransactionType.BLOB:
        return BlobTransactionUnsupported("transaction type not supported: blob transactions (type 0x03)")
    return TransactionTypeUnsupported(f"transaction type not supported: 0x{first_byte:02x}")


def _recipient(item: RlpItem) -> Address | None:
    if isinstance(item, bytes):
        if len(item) == ADDRESS_BYTES:
            return Address(item)
        if not item:
            return None
    raise MalformedTransaction("malformed transaction: recipient is neither empty nor 20 bytes")


def _byte_string(item: RlpItem, field: str) -> bytes:
    if not isinstance(item, bytes):
        raise MalformedTransaction(f"malformed transaction: {field} is a list")
    return item


def _check_signature(r: int, s: int) -> None:
    if not 0 < r < CURVE_ORDER or not 0 < s <= HALF_CURVE_ORDER:
        raise InvalidTransactionSignature("invalid transaction v, r, s values")


def _encoded_length(value: int) -> int:
    """Length of the RLP item of a number of at most 55 bytes."""
    return 1 if value < 0x80 else 1 + ((value.bit_length() + 7) >> 3)


def _typed_fields(raw: bytes, count: int) -> tuple[int, list[RlpItem]]:
    """Return where the items of the list after the type byte begin, and the items."""
    end = len(raw)
    is_list, start, stop = item_span(raw, 1, end)
    if not is_list or stop != end:
        raise MalformedTransaction("malformed transaction: not one list after the type byte")
    fields = decode_items(raw, start, end)
    if len(fields) != count:
        raise MalformedTransaction(f"malformed transaction: {len(fields)} fields instead of {count}")
    return start, fields


def _decode_access_list(raw: bytes, chain_id: int) -> Transaction:
    start, fields = _typed_fields(raw, 11)
    fields.insert(2, fields[2])  # the gas price is both fee caps
    return _finish_typed(raw, start, fields, TransactionType.ACCESS_LIST, chain_id, ())


def _decode_dynamic_fee(raw: bytes, chain_id: int) -> Transaction:
    start, fields = _typed_fields(raw, 12)
    return _finish_typed(raw, start, fields, TransactionType.DYNAMIC_FEE, chain_id, ())


def _decode_set_code(raw: bytes, chain_id: int) -> Transaction:
    start, fields = _typed_fields(raw, 13)
    authorizations = decode_authorizations(fields.pop(9))
    if not fields[5]:
        raise MalformedTransaction("malformed transaction: a set code transaction cannot create a contract")
    return _finish_typed(raw, start, fields, TransactionType.SET_CODE, chain_id, authorizations)


def _finish_typed(
    raw: bytes,
    start: int,
    fields: list[RlpItem],
    kind: TransactionType,
    expected_chain_id: int,
    authorizations: tuple[Authorization, ...],
) -> Transaction:
    """Check the fields, laid out as those of a dynamic fee transaction, and compute both hashes."""
    chain_id = transaction_number(fields[0], "chain id")
    if chain_id != expected_chain_id:
        raise WrongChainId(chain_id, expected_chain_id)
    r, s = transaction_number(fields[10], "r"), transaction_number(fields[11], "s")
    y_parity = transaction_number(fields[9], "y parity")
    if y_parity > 1:
        raise InvalidTransactionSignature("invalid transaction v, r, s values")
    _check_signature(r, s)
    # The signed payload is the encoding itself without its last three items; being canonical, it need not
    # be encoded again.
    signature_length = 1 + _encoded_length(r) + _encoded_length(s)
    signed = raw[start : len(raw) - signature_length]
    return Transaction(
        kind,
        chain_id,
        transaction_number(fields[1], "nonce", 8),
        transaction_number(fields[2], "priority fee"),
        transaction_number(fields[3], "fee cap"),
        transaction_number(fields[4], "gas limit", 8),
        _recipient(fields[5]),
        transaction_number(fields[6], "value"),
        _byte_string(fields[7], "data"),
        decode_access_list(fields[8]),
        authorizations,
        y_parity,
        r,
        s,
        raw,
        keccak256(raw),
        keccak256(raw[:1] + list_header(len(signed)) + signed),
    )


def _decode_legacy(raw: bytes, expected_chain_id: int, allow_unprotected: bool) -> Transaction:
    _, start, stop = item_span(raw, 0, len(raw))
    if stop != len(raw):
        raise MalformedTransaction("malformed transaction: bytes after the end of the list")
    fields = decode_items(raw, start, stop)
    if len(fields) != 9:
        raise MalformedTransaction(f"malformed transaction: {len(fields)} fields instead of 9")
    v, r, s = (
        transaction_number(fields[6], "v", 33),
        transaction_number(fields[7], "r"),
        transaction_number(fields[8], "s"),
    )
    chain_id, y_parity = _split_legacy_v(v)
    if chain_id is None:
        if not allow_unprotected:
            raise UnprotectedTransaction
    elif chain_id != expected_chain_id:
        raise WrongChainId(chain_id, expected_chain_id)
    _check_signature(r, s)
    signature_length = _encoded_length(v) + _encoded_length(r) + _encoded_length(s)
    signed = raw[start : stop - signature_length] + _replay_protection(chain_id)
    gas_price = transaction_number(fields[1], "gas price")
    return Transaction(
        TransactionType.LEGACY,
        chain_id,
        transaction_number(fields[0], "nonce", 8),
        gas_price,
        gas_price,
        transaction_number(fields[2], "gas limit", 8),
        _recipient(fields[3]),
        transaction_number(fields[4], "value"),
        _byte_string(fields[5], "data"),
        (),
        (),
        y_parity,
        r,
        s,
        raw,
        keccak256(raw),
        keccak256(list_header(len(signed)) + signed),
    )


def _split_legacy_v(v: int) -> tuple[int | None, int]:
    """Return (chain id or None, parity) of the v of a legacy signature (EIP-155)."""
    if v >= 35:
        return (v - 35) >> 1, (v - 35) & 1
    if v in (27, 28):
        return None, v - 27
    raise InvalidTransactionSignature("invalid transaction v, r, s values")


_TYPED_DECODERS: Final[dict[int, Callable[[bytes, int], Transaction]]] = {
    TransactionType.ACCESS_LIST: _decode_access_list,
    TransactionType.DYNAMIC_FEE: _decode_dynamic_fee,
    TransactionType.SET_CODE: _decode_set_code,
}


# --- encoding -------------------------------------------------------------------------------------------


def _replay_protection(chain_id: int | None) -> bytes:
    """The three items that EIP-155 appends to what is signed."""
    return b"" if chain_id is None else encode_uint(chain_id) + EMPTY_BYTES + EMPTY_BYTES


def _unsigned_payload(transaction: UnsignedTransaction) -> bytes:
    """Encode the fields before the signature, joined but without a list header."""
    try:
        return _encode_unsigned(transaction)
    except RlpError as error:
        raise MalformedTransaction(f"malformed transaction: {error}") from None


def _encode_unsigned(transaction: UnsignedTransaction) -> bytes:
    kind = transaction.type
    if kind is TransactionType.BLOB:
        raise _unsupported_type(kind)
    one_price = kind in (TransactionType.LEGACY, TransactionType.ACCESS_LIST)
    if one_price and transaction.max_fee_per_gas != transaction.max_priority_fee_per_gas:
        raise MalformedTransaction("this type of transaction has one gas price, not two fee caps")
    if transaction.authorizations and kind is not TransactionType.SET_CODE:
        raise MalformedTransaction("only a set code transaction carries authorizations")
    if transaction.access_list and kind is TransactionType.LEGACY:
        raise MalformedTransaction("a legacy transaction carries no access list")
    parts = [encode_uint(transaction.nonce)]
    if not one_price:
        parts.append(encode_uint(transaction.max_priority_fee_per_gas))
    parts += [
        encode_uint(transaction.max_fee_per_gas),
        encode_uint(transaction.gas_limit),
        encode_bytes(transaction.to or b""),
        encode_uint(transaction.value),
        encode_bytes(transaction.data),
    ]
    if kind is not TransactionType.LEGACY:
        if transaction.chain_id is None:
            raise MalformedTransaction("only a legacy transaction can do without a chain id")
        parts.insert(0, encode_uint(transaction.chain_id))
        parts.append(encode_access_list(transaction.access_list))
    if kind is TransactionType.SET_CODE:
        parts.append(encode_authorizations(transaction.authorizations))
    return b"".join(parts)
