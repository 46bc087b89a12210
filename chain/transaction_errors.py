"""Why a transaction cannot be decoded or its sender not recovered.

Owns the errors that all parts of a transaction share, with the texts that wallets know from geth. Never holds
the rules of execution (nonce, balance, gas): those are vm's.
"""

from chain.errors import CallerError
from chain.rlp import RlpItem
from chain.secp256k1 import InvalidSignature


class TransactionError(CallerError):
    """A transaction cannot be decoded or its sender not recovered."""


class MalformedTransaction(TransactionError):
    """Not the canonical encoding of a transaction, or a field out of range."""


class TransactionTypeUnsupported(TransactionError):
    """The envelope type is unknown to this chain."""


class BlobTransactionUnsupported(TransactionTypeUnsupported):
    """Blob transactions need a data availability layer that this chain does not have."""


class WrongChainId(TransactionError):
    """Signed for another chain."""

    def __init__(self, got: int, expected: int) -> None:
        super().__init__(f"invalid chain id for signer: have {got} want {expected}")
        self.got = got
        self.expected = expected

    def __reduce__(self) -> tuple[type["WrongChainId"], tuple[int, int]]:
        """Let the error come back from a worker process."""
        return WrongChainId, (self.got, self.expected)


class UnprotectedTransaction(TransactionError):
    """A legacy transaction without a chain id (before EIP-155), which could be replayed on other chains."""

    def __init__(self) -> None:
        super().__init__("only replay-protected (EIP-155) transactions allowed")

    def __reduce__(self) -> tuple[type["UnprotectedTransaction"], tuple[()]]:
        """Let the error come back from a worker process."""
        return UnprotectedTransaction, ()


class InvalidTransactionSignature(TransactionError, InvalidSignature):
    """v, r or s out of range, s too high, or no public key fits."""


def transaction_number(item: RlpItem, field: str, max_bytes: int = 32) -> int:
    """Read a number field of a transaction.

    Raises:
        MalformedTransaction: a list, longer than `max_bytes`, or not in shortest form.
    """
    if not isinstance(item, bytes):
        raise MalformedTransaction(f"malformed transaction: {field} is a list")
    if len(item) > max_bytes or (item and item[0] == 0):
        raise MalformedTransaction(f"malformed transaction: {field} is too large or has a leading zero byte")
    return int.from_bytes(item, "big")
