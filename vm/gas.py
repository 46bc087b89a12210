"""Prices and limits of the rules that this package applies itself.

Owns: named constants, each with the EIP that set it. Opcode prices live with the engines.
Never does: depend on the rule set: what differs between rule sets is in vm/rules.py.
"""

from __future__ import annotations

# --- a transaction, before any code runs
TRANSACTION_BASE = 21_000
CREATION_BASE = 32_000  # EIP-2 (Homestead): on top of the base
CALLDATA_ZERO_BYTE = 4
CALLDATA_NONZERO_BYTE = 16  # EIP-2028 (Istanbul)
CALLDATA_NONZERO_BYTE_FRONTIER = 68
ACCESS_LIST_ADDRESS = 2_400  # EIP-2930
ACCESS_LIST_SLOT = 1_900  # EIP-2930
INITCODE_WORD = 2  # EIP-3860
AUTHORIZATION = 25_000  # EIP-7702 PER_EMPTY_ACCOUNT_COST, charged for each authorisation
AUTHORIZATION_BASE = 12_500  # EIP-7702 PER_AUTH_BASE_COST; the difference is refunded for existing accounts
FLOOR_PER_TOKEN = 10  # EIP-7623 TOTAL_COST_FLOOR_PER_TOKEN
TOKENS_PER_NONZERO_BYTE = 4  # EIP-7623: a zero byte is one token

TRANSACTION_GAS_CAP = 1 << 24  # EIP-7825 (Osaka)

# --- a transaction, after its code ran
REFUND_QUOTIENT = 5  # EIP-3529 (London): at most a fifth of the gas used comes back
REFUND_QUOTIENT_FRONTIER = 2

# --- calls
CALL_DEPTH_LIMIT = 1_024
COLD_ACCOUNT_ACCESS = 2_600  # EIP-2929
WARM_ACCESS = 100  # EIP-2929
CALL_VALUE = 9_000
CALL_STIPEND = 2_300
NEW_ACCOUNT = 25_000

# --- creation
CODE_DEPOSIT_BYTE = 200
CODE_SIZE_LIMIT = 24_576  # EIP-170
INITCODE_SIZE_LIMIT = 2 * CODE_SIZE_LIMIT  # EIP-3860
CREATE = 32_000
KECCAK_WORD = 6
SELFDESTRUCT = 5_000

BLOCK_SIZE_LIMIT = (
    8 * 1024 * 1024
)  # EIP-7934 MAX_RLP_BLOCK_SIZE: 10 MiB, less 2 MiB that are the beacon block's

NONCE_LIMIT = 2**64 - 1  # EIP-2681: never reached by an account that acts
UINT256_LIMIT = 2**256


def all_but_one_64th(gas: int) -> int:
    """EIP-150: what a call may pass on of the gas that is left."""
    return gas - gas // 64


def words(size: int) -> int:
    """How many 32-byte words hold `size` bytes."""
    return (size + 31) // 32
