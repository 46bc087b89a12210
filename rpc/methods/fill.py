"""eth_fillTransaction: what is missing of a transaction, filled in.

Owns: the defaults of a transaction that is to be signed, and the form of the answer. The estimate runs in a worker
thread. Never signs and never submits.
Specification: go-ethereum internal/ethapi (TransactionArgs.setDefaults, FillTransaction), ethereum/execution-apis
FillTransactionResult. The type is 4 with an authorisation list and 2 without, but with `gasPrice` it is 0, or 1 with an
access list, which go-ethereum would drop.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chain.transaction import TransactionType, UnsignedTransaction, without_signature
from chain.types import Address
from rpc.backend import PoolBackend
from rpc.dispatch.deferred import Deadline
from rpc.errors import RpcFault
from rpc.params.call_params import CALL, CallObject, check_chain
from rpc.params.method import Method
from rpc.params.values import BlockTag
from rpc.reading.chain_view import ChainView
from rpc.reading.fees import FeeStatistics
from rpc.reading.rendering import JsonObject, text, transaction_json
from rpc.services import Services
from state.reader import StateReader
from vm.environment import BlockEnvironment
from vm.simulation import CallRequest, estimate_gas

BASE_FEE_FACTOR: Final = 2
"""The head's base fee may double before a filled transaction is too cheap; go-ethereum's number."""

_OF_A_MINED_TRANSACTION: Final = ("blockHash", "blockNumber", "blockTimestamp", "transactionIndex", "from")


def methods(services: Services) -> tuple[Method, ...]:
    """eth_fillTransaction."""
    handlers = FillMethods(services.view, services.pool, services.fees, services.limits.gas_cap)
    return (Method("eth_fillTransaction", handlers.fill_transaction, (CALL,)),)


class FillMethods:
    """The handler, over the head, the pool and what others pay."""

    def __init__(self, view: ChainView, pool: PoolBackend, fees: FeeStatistics, gas_cap: int) -> None:
        self._view = view
        self._pool = pool
        self._fees = fees
        self._gas_cap = gas_cap

    def fill_transaction(self, call: CallObject) -> object:
        """The unsigned transaction, encoded and as JSON."""
        request = call.request
        _check_price(request)
        _check_creation(request)
        check_chain(call.chain_id, self._view.chain.chain_id)
        nonce = request.nonce if request.nonce is not None else self._pool.pending_nonce(request.caller)
        minimum_tip = self._pool.minimum_tip()

        def run(state: StateReader, environment: BlockEnvironment, deadline: Deadline) -> JsonObject:
            priced = self._with_price(request, minimum_tip)
            gas = request.gas
            if gas is None:
                gas = estimate_gas(
                    state, environment, priced, gas_cap=self._gas_cap, checkpoint=deadline.check
                )
            return _answer(self._view.chain.chain_id, replace(priced, nonce=nonce, gas=gas))

        return self._view.with_next(BlockTag.LATEST, run)

    def _with_price(self, request: CallRequest, minimum_tip: int) -> CallRequest:
        if request.gas_price is not None:
            return request
        head = self._view.head_number()
        tip = request.max_priority_fee_per_gas
        if tip is None:
            tip = self._fees.suggested_tip(head, minimum_tip)
        fee_cap = request.max_fee_per_gas
        if fee_cap is None:
            header = self._view.header(head)
            if header is None:
                raise RpcFault.HEADER_NOT_FOUND.error()
            fee_cap = tip + BASE_FEE_FACTOR * header.base_fee_per_gas
        if fee_cap < tip:
            raise RpcFault.FEE_CAP_BELOW_TIP.error(fee_cap=hex(fee_cap), tip=hex(tip))
        return replace(request, max_fee_per_gas=fee_cap, max_priority_fee_per_gas=tip)


def _check_price(request: CallRequest) -> None:
    """What go-ethereum's setFeeDefaults refuses."""
    fee_cap, tip = request.max_fee_per_gas, request.max_priority_fee_per_gas
    if request.gas_price is None:
        if fee_cap == 0 and tip is not None:
            raise RpcFault.FEE_CAP_ZERO.error()
        return
    if fee_cap is not None or tip is not None:
        raise RpcFault.TWO_PRICES.error()
    if request.authorizations:
        raise RpcFault.GAS_PRICE_AND_AUTHORIZATIONS.error()
    if request.gas_price == 0:
        raise RpcFault.GAS_PRICE_ZERO.error()


def _check_creation(request: CallRequest) -> None:
    if request.to is not None:
        return
    if not request.input:
        raise RpcFault.CREATION_WITHOUT_CODE.error()
    if request.authorizations:
        raise RpcFault.CREATION_WITH_AUTHORIZATIONS.error()


def _type(request: CallRequest) -> TransactionType:
    if request.gas_price is not None:
        return TransactionType.ACCESS_LIST if request.access_list else TransactionType.LEGACY
    return TransactionType.SET_CODE if request.authorizations else TransactionType.DYNAMIC_FEE


def _answer(chain_id: int, request: CallRequest) -> JsonObject:
    kind = _type(request)
    fee_cap = request.max_fee_per_gas if request.gas_price is None else request.gas_price
    tip = request.max_priority_fee_per_gas if request.gas_price is None else request.gas_price
    transaction = without_signature(
        UnsignedTransaction(
            type=kind,
            chain_id=chain_id,
            nonce=request.nonce or 0,
            max_priority_fee_per_gas=tip or 0,
            max_fee_per_gas=fee_cap or 0,
            gas_limit=request.gas or 0,
            to=request.to,
            value=request.value,
            data=request.input,
            access_list=request.access_list,
            authorizations=request.authorizations,
        )
    )
    members = transaction_json(transaction, Address(request.caller), None, None)
    for name in _OF_A_MINED_TRANSACTION:
        members.pop(name, None)
    return {"raw": text(transaction.raw), "tx": members}
