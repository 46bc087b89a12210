"""Why a transaction, a block or a simulated call was refused.

Owns: the error tree of this package and its texts. Wallets and client libraries parse these texts, so they
are go-ethereum's (core/error.go, core/txpool/errors.go, eth/gasestimator): change them only together.
Never does: decide anything; the rules raise, this module words.
"""

from __future__ import annotations

from chain.errors import CallerError, PeerError
from chain.types import Address, checksum_address


class TransactionRejected(CallerError):
    """The transaction may not be executed on this state in this block. Nothing has changed."""


class NonceTooLow(TransactionRejected):
    """The nonce was used before: the transaction can never become valid."""

    def __init__(self, sender: Address, nonce: int, state_nonce: int) -> None:
        super().__init__(
            f"nonce too low: address {checksum_address(sender)}, tx: {nonce} state: {state_nonce}"
        )
        self.nonce = nonce
        self.state_nonce = state_nonce


class NonceTooHigh(TransactionRejected):
    """An earlier transaction of the sender is missing."""

    def __init__(self, sender: Address, nonce: int, state_nonce: int) -> None:
        super().__init__(
            f"nonce too high: address {checksum_address(sender)}, tx: {nonce} state: {state_nonce}"
        )
        self.nonce = nonce
        self.state_nonce = state_nonce


class NonceMax(TransactionRejected):
    """EIP-2681: the nonce 2**64 - 1 cannot be used, because it could not be raised any more."""

    def __init__(self, nonce: int, sender: Address | None = None) -> None:
        whose = "" if sender is None else f"address {checksum_address(sender)}, "
        super().__init__(f"nonce has max value: {whose}nonce: {nonce}")


class SenderNotEOA(TransactionRejected):
    """EIP-3607: the sender has code that is not a delegation (EIP-7702)."""

    def __init__(self, sender: Address, code_size: int) -> None:
        super().__init__(f"sender not an eoa: address {checksum_address(sender)}, len(code): {code_size}")


class TransactionGasAboveCap(TransactionRejected):
    """EIP-7825: more gas than one transaction may ask for under any circumstances."""

    def __init__(self, gas_limit: int, cap: int) -> None:
        super().__init__(f"transaction gas limit too high (cap: {cap}, tx: {gas_limit})")


class TipAboveFeeCap(TransactionRejected):
    """EIP-1559: maxPriorityFeePerGas > maxFeePerGas."""

    def __init__(self, tip: int, fee_cap: int, sender: Address | None = None) -> None:
        whose = "" if sender is None else f"address {checksum_address(sender)}, "
        super().__init__(
            "max priority fee per gas higher than max fee per gas: "
            f"{whose}maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee_cap}"
        )


class FeeCapBelowBaseFee(TransactionRejected):
    """EIP-1559: maxFeePerGas < the block's base fee."""

    def __init__(self, sender: Address, fee_cap: int, base_fee: int) -> None:
        super().__init__(
            "max fee per gas less than block base fee: "
            f"address {checksum_address(sender)}, maxFeePerGas: {fee_cap}, baseFee: {base_fee}"
        )


class InsufficientFunds(TransactionRejected):
    """The balance does not cover gas limit * fee cap + value (wei)."""

    def __init__(self, sender: Address, have: int, want: int) -> None:
        super().__init__(
            "insufficient funds for gas * price + value: "
            f"address {checksum_address(sender)} have {have} want {want}"
        )


class InsufficientFundsForTransfer(TransactionRejected):
    """Gas estimation: the balance does not even cover the value."""

    def __init__(self, sender: Address) -> None:
        super().__init__(f"insufficient funds for transfer: address {checksum_address(sender)}")


class IntrinsicGasTooLow(TransactionRejected):
    """The gas limit does not cover what the transaction costs before any code runs."""

    def __init__(self, have: int, want: int) -> None:
        super().__init__(f"intrinsic gas too low: have {have}, want {want}")


class FloorGasTooLow(TransactionRejected):
    """EIP-7623: the gas limit does not cover the floor price of the call data."""

    def __init__(self, have: int, want: int) -> None:
        super().__init__(f"insufficient gas for floor data gas cost: have {have}, want {want}")


class GasLimitAboveBlock(TransactionRejected):
    """The gas limit is larger than a whole block: the transaction never fits."""

    def __init__(self, gas_limit: int, block_gas_limit: int) -> None:
        super().__init__(f"exceeds block gas limit: have {gas_limit}, block gas limit {block_gas_limit}")


class BlockFull(TransactionRejected):
    """The transaction fits a block, but not the rest of this one: it may stand in a later one."""


class BlockGasExhausted(BlockFull):
    """Not enough gas is left in this block."""

    def __init__(self, gas_limit: int, gas_available: int) -> None:
        super().__init__(f"gas limit reached: have {gas_limit}, block gas left {gas_available}")


class BlockBytesExhausted(BlockFull):
    """The transaction does not fit the byte budget that is left in this block."""

    def __init__(self, size_bytes: int, bytes_available: int) -> None:
        super().__init__(f"block size limit reached: have {size_bytes}, block bytes left {bytes_available}")


class InitcodeTooLarge(TransactionRejected):
    """EIP-3860."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"max initcode size exceeded: code size {size} limit {limit}")


class EmptyAuthorizationList(TransactionRejected):
    """EIP-7702."""

    def __init__(self, sender: Address | None = None) -> None:
        whose = "" if sender is None else f" (sender {checksum_address(sender)})"
        super().__init__(f"EIP-7702 transaction with empty auth list{whose}")


class SetCodeCreatesContract(TransactionRejected):
    """EIP-7702: such a transaction must have a recipient."""

    def __init__(self, sender: Address | None = None) -> None:
        whose = "" if sender is None else f" (sender {checksum_address(sender)})"
        super().__init__(f"EIP-7702 transaction cannot be used to create contract{whose}")


class TransactionTypeNotSupported(TransactionRejected):
    """The rule set of the block, or this chain, does not know the transaction type."""

    def __init__(self, type_number: int) -> None:
        # viem looks for the second half of this text.
        super().__init__(f"transaction type not supported: transaction type not valid: type {type_number}")


class InvalidBlock(PeerError):
    """A proposed block breaks a rule. `transaction_index` is None when no single transaction is to blame."""

    def __init__(self, reason: str, transaction_index: int | None = None) -> None:
        where = "" if transaction_index is None else f"transaction {transaction_index}: "
        super().__init__(f"invalid block: {where}{reason}")
        self.reason = reason
        self.transaction_index = transaction_index


class ExecutionReverted(CallerError):
    """A simulated call reverted. `output` holds the raw revert data."""

    def __init__(self, output: bytes, reason: str | None) -> None:
        super().__init__("execution reverted" if reason is None else f"execution reverted: {reason}")
        self.output = output
        self.reason = reason


class ExecutionFailed(CallerError):
    """A simulated call failed for a reason that more gas does not cure, such as an invalid opcode."""


class GasRequiredExceedsAllowance(CallerError):
    """The call fails even with all the gas that may be given to it."""

    def __init__(self, allowance: int) -> None:
        super().__init__(f"gas required exceeds allowance ({allowance})")
        self.allowance = allowance


class InvalidCallRequest(CallerError):
    """The arguments of a simulated call contradict each other."""
