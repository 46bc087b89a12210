"""eth_accounts, eth_sendTransaction and all that signs, on a development chain: its accounts' keys are public.

Owns how a transaction that somebody left incomplete is filled in, and which digest each method signs. Never there on a
node with consensus, which holds no account keys and believes nobody without a signature. Never does the signing or the
nonce counting itself: that is the DevBackend's.
Specification: ethereum/execution-apis (eth_accounts, eth_sendTransaction, eth_sign, eth_signTransaction), EIP-191,
EIP-712, go-ethereum internal/ethapi TransactionArgs.setDefaults.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import trio

from chain.errors import CallerError
from chain.keccak import keccak256
from chain.secp256k1 import PrivateKey
from chain.transaction import TransactionType, UnsignedTransaction, sign_transaction
from chain.types import Address, Hash32, checksum_address
from rpc.backend import ChainBackend, PoolBackend
from rpc.config import CallLimits
from rpc.dev_backend import DevBackend, Draft
from rpc.dispatch.deferred import Deadline, OnLoop
from rpc.params.call_params import call_object, check_chain
from rpc.params.method import MalformedArgument, Method, Parameter, optional
from rpc.params.typed_data import typed_data_digest
from rpc.params.values import ADDRESS, BYTES, members, uint64
from rpc.reading.rendering import JsonObject, text, transaction_json
from rpc.services import Services
from vm.environment import BlockEnvironment
from vm.simulation import CallRequest, estimate_gas

DEFAULT_TIP_WEI: Final = 10**9
"""Priority fee of a transaction that names none."""

SPARE_BASE_FEES: Final = 2
"""A fee cap that nobody named covers this many times the base fee, as go-ethereum's does."""

_OF_A_MINED_TRANSACTION: Final = ("blockHash", "blockNumber", "blockTimestamp", "transactionIndex", "from")

_ONE_PRICE: Final = (TransactionType.LEGACY, TransactionType.ACCESS_LIST)


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A transaction object: what it says, and the type that it names, if any."""

    request: CallRequest
    sender: Address | None
    type: TransactionType | None
    chain_id: int | None


def send_request(value: object) -> SendRequest:
    """As a call object, with a type. Raises MalformedArgument."""
    call = call_object(value)
    fields = members(value, "ethapi.TransactionArgs")
    kind: TransactionType | None = None
    if "type" in fields:
        try:
            kind = TransactionType(uint64(fields["type"]))
        except ValueError:
            raise MalformedArgument("unknown transaction type") from None
    sender = call.request.caller if "from" in fields else None
    return SendRequest(call.request, sender, kind, call.chain_id)


SEND: Final = Parameter(send_request)
TYPED_DATA: Final = Parameter(typed_data_digest)
PASSWORD: Final = optional(Parameter(lambda value: value))


def methods(services: Services) -> tuple[Method, ...]:
    """Nothing at all without a development chain."""
    dev = services.dev
    if dev is None:
        return ()
    handlers = AccountMethods(services.chain, services.pool, dev, services.limits)
    return (
        Method("eth_accounts", handlers.accounts),
        Method("personal_listAccounts", handlers.accounts),
        Method("personal_unlockAccount", handlers.unlock, (ADDRESS, PASSWORD, PASSWORD)),
        Method("eth_sendTransaction", handlers.send_transaction, (SEND,)),
        Method("eth_sendUnsignedTransaction", handlers.send_unsigned_transaction, (SEND,)),
        Method("eth_signTransaction", handlers.sign_transaction, (SEND,)),
        Method("eth_sign", handlers.sign, (ADDRESS, BYTES)),
        Method("personal_sign", handlers.personal_sign, (BYTES, ADDRESS, PASSWORD)),
        Method("eth_signTypedData_v4", handlers.sign_typed_data, (ADDRESS, TYPED_DATA)),
        Method("eth_signTypedData", handlers.sign_typed_data, (ADDRESS, TYPED_DATA)),
    )


class AccountMethods:
    """Handlers over the accounts of a development chain."""

    def __init__(self, chain: ChainBackend, pool: PoolBackend, dev: DevBackend, limits: CallLimits) -> None:
        self._chain = chain
        self._pool = pool
        self._dev = dev
        self._limits = limits

    def accounts(self) -> list[str]:
        """Those whose keys the node has."""
        return [text(address) for address in self._dev.accounts()]

    def unlock(self, address: Address, _password: object, _duration: object) -> bool:
        """They are never locked."""
        self._key(address)
        return True

    def sign(self, address: Address, message: bytes) -> str:
        """eth_sign: over the EIP-191 form of a personal message."""
        return self._sign(address, personal_message_digest(message))

    def personal_sign(self, message: bytes, address: Address, _password: object) -> str:
        """The same with its parameters the other way round."""
        return self.sign(address, message)

    def sign_typed_data(self, address: Address, digest: Hash32) -> str:
        """eth_signTypedData_v4."""
        return self._sign(address, digest)

    def send_transaction(self, sent: SendRequest) -> OnLoop:
        """eth_sendTransaction: filled in, signed or believed, submitted; its hash."""
        return self._send(sent, unsigned=False)

    def send_unsigned_transaction(self, sent: SendRequest) -> OnLoop:
        """eth_sendUnsignedTransaction, anvil's: the same for any sender, without impersonating it first."""
        return self._send(sent, unsigned=True)

    def _send(self, sent: SendRequest, *, unsigned: bool) -> OnLoop:
        async def job() -> str:
            sender = self._sender(sent)
            draft = await self._draft(sent, sender)
            return text(await self._dev.send(sender, draft, sent.request.nonce, unsigned=unsigned))

        return OnLoop(job)

    def sign_transaction(self, sent: SendRequest) -> OnLoop:
        """eth_signTransaction: filled in and signed, as bytes and as an object."""

        async def job() -> JsonObject:
            sender = self._sender(sent)
            key = self._key(sender)
            draft = await self._draft(sent, sender)
            nonce = sent.request.nonce
            unsigned = draft(self._pool.pending_nonce(sender) if nonce is None else nonce)
            signed = sign_transaction(unsigned, key)
            members = transaction_json(signed, sender, None, None)
            for name in _OF_A_MINED_TRANSACTION:
                members.pop(name, None)
            return {"raw": text(signed.raw), "tx": members}

        return OnLoop(job)

    # ------------------------------------------------------------------------------------------------------

    def _sender(self, sent: SendRequest) -> Address:
        check_chain(sent.chain_id, self._chain.chain_id)
        return self._dev.accounts()[0] if sent.sender is None else sent.sender

    async def _draft(self, sent: SendRequest, sender: Address) -> Draft:
        """The transaction without its nonce; estimates its gas in a worker thread if it names none."""
        request = replace(sent.request, caller=sender)
        kind = _type_of(request, sent.type)
        tip, fee_cap = _fees(request, kind, self._chain.next_base_fee())
        gas = request.gas
        if gas is None:
            names_fees = request.max_fee_per_gas is not None or request.max_priority_fee_per_gas is not None
            priced = replace(request, max_fee_per_gas=fee_cap, max_priority_fee_per_gas=tip)
            gas = await self._estimate(priced if names_fees else request)
        return lambda nonce: UnsignedTransaction(
            type=kind,
            chain_id=self._chain.chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=tip,
            max_fee_per_gas=fee_cap,
            gas_limit=gas,
            to=request.to,
            value=request.value,
            data=request.input,
            access_list=request.access_list,
            authorizations=request.authorizations,
        )

    async def _estimate(self, request: CallRequest) -> int:
        """On the state that the transactions which wait will leave."""
        pending = await self._chain.pending_block()
        head = self._chain.head()
        state = self._chain.state_at(head.number) if pending is None else pending.state
        environment: BlockEnvironment = self._chain.pending_environment()

        def work() -> int:
            deadline = Deadline(self._limits.call_timeout_s)
            cap = min(self._limits.gas_cap, environment.gas_limit)
            return estimate_gas(state, environment, request, gas_cap=cap, checkpoint=deadline.check)

        return await trio.to_thread.run_sync(work)

    def _key(self, address: Address) -> PrivateKey:
        key = self._dev.key(address)
        if key is None:
            raise CallerError(f"unknown account {checksum_address(address)}: this node has no key of it")
        return key

    def _sign(self, address: Address, digest: Hash32) -> str:
        signature = self._key(address).sign(digest)
        raw = signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big")
        return text(raw + bytes((27 + signature.y_parity,)))


def personal_message_digest(message: bytes) -> Hash32:
    """EIP-191, version 0x45."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def _type_of(request: CallRequest, named: TransactionType | None) -> TransactionType:
    if named is not None:
        return named
    if request.authorizations:
        return TransactionType.SET_CODE
    if request.gas_price is not None:
        return TransactionType.ACCESS_LIST if request.access_list else TransactionType.LEGACY
    return TransactionType.DYNAMIC_FEE


def _fees(request: CallRequest, kind: TransactionType, base_fee: int) -> tuple[int, int]:
    """(tip, fee cap), wei per gas. Raises CallerError for fees that do not fit the type."""
    price = request.gas_price
    cap, tip = request.max_fee_per_gas, request.max_priority_fee_per_gas
    if price is not None and (cap is not None or tip is not None):
        raise CallerError("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    if kind in _ONE_PRICE:
        if cap is not None or tip is not None:
            raise CallerError(f"a transaction of type {int(kind)} has a gasPrice, not maxFeePerGas")
        price = base_fee + DEFAULT_TIP_WEI if price is None else price
        return price, price
    if price is not None:
        return price, price
    if tip is None:
        tip = DEFAULT_TIP_WEI if cap is None else min(DEFAULT_TIP_WEI, cap)
    return tip, SPARE_BASE_FEES * base_fee + tip if cap is None else cap
