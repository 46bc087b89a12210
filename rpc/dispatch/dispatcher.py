"""Answers JSON-RPC 2.0 requests and batches, given as bytes, with bytes.

Owns the envelope: strict requests, ids echoed as they came, notifications without a reply, batches in order,
the limits on calls, values and reply bytes, and the hand-over of deferred answers to the worker threads and
the pool. Never knows what a method does, and nothing of HTTP.
Specification: JSON-RPC 2.0; where it is silent, go-ethereum rpc/handler.go.

A call that fails never fails its neighbours. `InvariantViolation` passes through and stops the node.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import msgspec
import trio

from chain.errors import CallerError, InvariantViolation
from rpc.backend import PoolBackend
from rpc.bug_log import log_bug
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.deferred import Deadline, OffLoop, OnLoop, Submission, Subscribe, Unsubscribe
from rpc.dispatch.heavy import HeavyCalls
from rpc.dispatch.session import LOCAL_SESSION, Session
from rpc.errors import RpcError, RpcFault, to_rpc_error
from rpc.params.method import Method, bind

MAX_JSON_VALUES = 100_000
SPARE_JSON_VALUES = 1_000
MIN_BYTES_PER_JSON_VALUE = 6
"""Commas and brackets that a request may hold: the first number, and no more than one for each 6 bytes beyond
the second. Calls have one for each 10 bytes or more; 100 kB of `[],[],…` would cost 20 ms and 2 MB of objects."""

UNCHARGED_REPLY_BYTES = 65_536
"""A batch whose replies are longer is charged to the budget that all batches share."""

LOOP_SLICE_S = 0.003
"""Time after which a batch of inline calls lets other tasks run."""

BULKY_BODY_BYTES = 16_384
BULKY_VALUES = 500
"""Parameters with more values than that, in a request that is longer than that, are read in a worker thread: a list of
70,000 storage keys or 14,000 authorisations takes 100 ms."""


class _Call(msgspec.Struct, gc=False):
    jsonrpc: Literal["2.0"]
    method: str
    params: list[Any] | dict[str, Any] | None = None
    id: msgspec.Raw = msgspec.Raw()  # empty: a notification


@dataclass(frozen=True, slots=True)
class _Refused:
    """An element that is not a request; `id` is its id as JSON, or null."""

    id: bytes
    error: RpcError


_Element = _Call | _Refused

_decode_call = msgspec.json.Decoder(_Call).decode
_decode_calls = msgspec.json.Decoder(list[_Call]).decode
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

_NULL = b"null"
_SCALAR_ID_STARTS = frozenset(b'"-0123456789n')


@dataclass(frozen=True, slots=True)
class _Bulky:
    """A call whose parameters have still to be read, in a worker thread; its handler runs on the event loop then."""

    method: Method
    params: list[Any]


_DEFERRED = (OffLoop, OnLoop, Submission, Subscribe, Unsubscribe, _Bulky)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request whose reply has to be waited for; await `finish()` once."""

    finish: Callable[[], Awaitable[bytes | None]]


class Dispatcher:
    """The method table with its limits."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        pool: PoolBackend,
        heavy: HeavyCalls,
        reply_budget: ByteBudget,
        *,
        max_batch_calls: int,
        max_response_bytes: int,
        handler_timeout_s: float,
    ) -> None:
        self._methods = dict(methods)
        self._pool = pool
        self._heavy = heavy
        self._reply_budget = reply_budget
        self._max_batch_calls = max_batch_calls
        self._max_response_bytes = max_response_bytes
        self._handler_timeout_s = handler_timeout_s

    def with_methods(self, methods: Mapping[str, Method]) -> Dispatcher:
        """One with other methods that shares all limits with this one."""
        return Dispatcher(
            methods,
            self._pool,
            self._heavy,
            self._reply_budget,
            max_batch_calls=self._max_batch_calls,
            max_response_bytes=self._max_response_bytes,
            handler_timeout_s=self._handler_timeout_s,
        )

    async def handle(self, body: bytes, session: Session = LOCAL_SESSION) -> bytes | None:
        """The reply to a request or batch as JSON; None when there is nothing to answer.

        `session`: the connection that asks.
        """
        reply = self.start(body, session)
        return await reply.finish() if isinstance(reply, Unfinished) else reply

    def start(self, body: bytes, session: Session = LOCAL_SESSION) -> bytes | Unfinished | None:
        """As `handle`, but only the part that needs no waiting; most requests are answered here."""
        if len(body) > SPARE_JSON_VALUES and _holds_too_many_values(body):
            return _error_reply(_NULL, RpcFault.REQUEST_TOO_COMPLEX.error())
        try:
            call = _decode_call(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._start_other(body, session)
        return self._start_one(call, session, is_long=len(body) > BULKY_BODY_BYTES)

    def _start_other(self, body: bytes, session: Session) -> bytes | Unfinished | None:
        """A batch, or something malformed."""
        try:
            if not body.lstrip(b" \t\r\n").startswith(b"["):
                element = _as_element(msgspec.Raw(body))
                if isinstance(element, _Refused):
                    return _refusal(element)
                return self._start_one(element, session, is_long=len(body) > BULKY_BODY_BYTES)
            try:
                elements: Sequence[_Element] = _decode_calls(body)
            except msgspec.ValidationError:
                # Each that is refused costs 5 µs: no more of them are looked at than may be in a batch.
                raws = _decode_elements(body)[: self._max_batch_calls + 1]
                elements = [_as_element(raw) for raw in raws]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return _error_reply(_NULL, RpcFault.PARSE.error(detail=error))
        if not elements:
            return _error_reply(_NULL, RpcFault.EMPTY_BATCH.error())
        if len(elements) > self._max_batch_calls:
            ids = (bytes(element.id) for element in elements if _may_be_id(bytes(element.id)))
            first = next((call_id for call_id in ids if call_id), _NULL)
            return b"[%b]" % _error_reply(first, RpcFault.BATCH_TOO_LARGE.error())
        return Unfinished(_Batch(self, elements, session, is_long=len(body) > BULKY_BODY_BYTES).run)

    def _start_one(self, call: _Call, session: Session, *, is_long: bool) -> bytes | Unfinished | None:
        result = self.begin(call, is_long=is_long)
        if type(result) in _DEFERRED:
            return Unfinished(partial(self._finish_one, call, result, session))
        return self._bounded_reply(call, result)

    async def _finish_one(self, call: _Call, deferred: object, session: Session) -> bytes | None:
        until = trio.current_time() + self._handler_timeout_s
        return self._bounded_reply(call, await self.finish(deferred, until, session))

    def _bounded_reply(self, call: _Call, result: object) -> bytes | None:
        reply = self.reply(call, result)
        if reply is not None and len(reply) > self._max_response_bytes:
            return _error_reply(bytes(call.id), RpcFault.RESPONSE_TOO_LARGE.error())
        return reply

    def begin(self, call: _Call, *, is_long: bool) -> object:
        """The inline part of a call: its result, a deferred answer, or an RpcError (returned, not raised).

        `is_long`: so was the request, and its parameters may hold many values.
        """
        call_id = bytes(call.id)
        if not call_id.isdigit() and not _may_be_id(call_id):  # nearly all are numbers
            return RpcFault.INVALID_REQUEST.error()
        method = self._methods.get(call.method)
        if method is None:
            return RpcFault.UNKNOWN_METHOD.error(method=call.method)
        params = call.params
        try:
            if not params:
                if method.constant is not None:
                    return method.constant
                if not method.parameters:
                    return method.handler()
                params = []
            if isinstance(params, dict):
                return RpcFault.NAMED_PARAMS.error()
            if is_long and _holds_many(params):
                call.params = None
                return _Bulky(method, params)
            arguments = bind(method.parameters, params)
            call.params = None  # a client may have filled it with values that nobody needs
            return method.handler(*arguments)
        except Exception as error:
            return _returned(error, call.method)

    def submits(self, call: _Call) -> bool:
        """The call is a transaction for the pool."""
        method = self._methods.get(call.method)
        return method is not None and method.submits

    async def finish(self, deferred: object, until: float, session: Session) -> object:
        """The result of a deferred answer, or an RpcError. `until` is a time of trio's clock."""
        if isinstance(deferred, Submission):
            return (await self.submit([deferred.raw], until))[0]
        if isinstance(deferred, Subscribe | Unsubscribe):
            return _ask_session(deferred, session)
        result: object = RpcFault.TIMED_OUT.error()
        try:
            if isinstance(deferred, _Bulky):
                deferred = await self._bound(deferred, until, session.client)
                if type(deferred) not in _DEFERRED:
                    return deferred
                return await self.finish(deferred, until, session)
            with trio.move_on_at(until):
                left = await deferred.job() if isinstance(deferred, OnLoop) else deferred
                if isinstance(left, OffLoop):
                    left = await self._heavy.run(
                        partial(_run_and_encode, left.job), is_long=left.is_long, client=session.client
                    )
                if isinstance(left, Submission | OnLoop):
                    raise InvariantViolation(f"not a deferred answer that can be finished: {left!r}")
                result = left
        except Exception as error:
            result = _returned(error, "a deferred call")
        return result

    async def _bound(self, bulky: _Bulky, until: float, client: str) -> object:
        """What the handler answers, once the parameters are read."""
        method = bulky.method
        arguments: list[object] | None = None
        with trio.move_on_at(until):
            arguments = await self._heavy.run(
                lambda _deadline: bind(method.parameters, bulky.params), client=client
            )
        return RpcFault.TIMED_OUT.error() if arguments is None else method.handler(*arguments)

    async def submit(self, raw: list[bytes], until: float) -> list[object]:
        """Hand transactions to the pool: for each its hash as text, or an RpcError."""
        results: list[object] = [RpcFault.TIMED_OUT.error()] * len(raw)
        try:
            with trio.move_on_at(until):
                answers = await self._pool.submit(raw)
                results = [
                    to_rpc_error(answer) if isinstance(answer, CallerError) else "0x" + answer.hex()
                    for answer in answers
                ]
        except Exception as error:
            results = [_returned(error, "eth_sendRawTransaction")] * len(raw)
        if len(results) != len(raw):
            raise InvariantViolation(f"the pool answered {len(results)} of {len(raw)} transactions")
        return results

    def reply(self, call: _Call, result: object) -> bytes | None:
        """The reply to a call whose result, or RpcError, is known; None for a notification."""
        call_id = bytes(call.id)
        if not call_id.isdigit():
            if not call_id:
                return None
            if not _may_be_id(call_id):
                call_id = _NULL
        if type(result) is msgspec.Raw:
            return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (call_id, result)
        if isinstance(result, RpcError):
            return _error_reply(call_id, result)
        try:
            encoded = _encode(result)
        except (TypeError, OverflowError, ValueError, msgspec.MsgspecError) as error:
            return _error_reply(call_id, _returned(error, call.method))
        return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (call_id, encoded)


class _Batch:
    """One batch in progress: calls run in order; replies keep it."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        elements: Sequence[_Element],
        session: Session,
        *,
        is_long: bool,
    ) -> None:
        self._dispatcher = dispatcher
        self._session = session
        self._is_long = is_long
        self._budget = dispatcher._reply_budget
        self._elements = elements
        self._replies: list[bytes] = []
        self._reply_bytes = 2
        self._charged = 0
        self._waiting: list[tuple[_Call, bytes]] = []  # transactions not yet submitted
        self._until = trio.current_time() + dispatcher._handler_timeout_s

    async def run(self) -> bytes | None:
        """The replies as one JSON array; None when all calls are notifications."""
        try:
            return await self._run()
        finally:
            self._budget.give_back(self._charged)  # the sender charges the whole reply again, at once

    async def _run(self) -> bytes | None:
        dispatcher, replies = self._dispatcher, self._replies
        begin, reply_to, now = dispatcher.begin, dispatcher.reply, time.perf_counter
        slice_end = now() + LOOP_SLICE_S
        for position, element in enumerate(self._elements):
            if isinstance(element, _Refused):
                await self._submit_waiting()
                self._add(_refusal(element))
                continue
            if self._waiting and not dispatcher.submits(element):
                await self._submit_waiting()  # what follows may ask about them
            result = begin(element, is_long=self._is_long)
            if type(result) in _DEFERRED:
                if isinstance(result, Submission):
                    self._waiting.append((element, result.raw))
                    continue
                result = await dispatcher.finish(result, self._until, self._session)
            elif self._waiting:
                await self._submit_waiting()  # a malformed transaction: replies keep the order
            reply = reply_to(element, result)
            if reply is not None:
                replies.append(reply)
                self._reply_bytes += len(reply) + 1
                if self._reply_bytes > UNCHARGED_REPLY_BYTES and (fault := self._overflow()) is not None:
                    self._replies.pop()
                    return self._cut_off(position, fault)
            if now() > slice_end:
                await trio.lowlevel.checkpoint()
                slice_end = now() + LOOP_SLICE_S
                if trio.current_time() > self._until:
                    return self._cut_off(position + 1, RpcFault.TIMED_OUT)
        await self._submit_waiting()
        return self._joined()

    def _overflow(self) -> RpcFault | None:
        """Charge the replies so far; tells why the last of them cannot be kept."""
        if self._reply_bytes > self._dispatcher._max_response_bytes:
            return RpcFault.RESPONSE_TOO_LARGE
        uncharged = self._reply_bytes - self._charged
        if not self._budget.take(uncharged):
            return RpcFault.REPLIES_BUSY
        self._charged += uncharged
        return None

    async def _submit_waiting(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        results = await self._dispatcher.submit([raw for _, raw in waiting], self._until)
        for (call, _), result in zip(waiting, results, strict=True):
            self._add(self._dispatcher.reply(call, result))

    def _add(self, reply: bytes | None) -> None:
        if reply is not None:
            self._replies.append(reply)
            self._reply_bytes += len(reply) + 1

    def _cut_off(self, position: int, fault: RpcFault) -> bytes | None:
        """Answer the calls from `position` on with an error, without running them."""
        for element in self._elements[position:]:
            if isinstance(element, _Refused):
                self._add(_refusal(element))
            else:
                self._add(self._dispatcher.reply(element, fault.error()))
        return self._joined()

    def _joined(self) -> bytes | None:
        return b"[%b]" % b",".join(self._replies) if self._replies else None


def _ask_session(request: Subscribe | Unsubscribe, session: Session) -> object:
    """The answer of the connection, or an RpcError."""
    try:
        if isinstance(request, Subscribe):
            return session.subscribe(request.topic)
        if not session.unsubscribe(request.subscription_id):
            return RpcFault.SUBSCRIPTION_NOT_FOUND.error()
    except RpcError as error:
        return error
    return True


def _run_and_encode(job: Callable[[Deadline], object], deadline: Deadline) -> msgspec.Raw:
    value = job(deadline)
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(_encode(value))


def _holds_too_many_values(body: bytes) -> bool:
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    return values > min(MAX_JSON_VALUES, SPARE_JSON_VALUES + len(body) // MIN_BYTES_PER_JSON_VALUE)


def _holds_many(params: list[Any]) -> bool:
    """There are more than BULKY_VALUES values in the parameters; looks at hardly more than that."""
    count = 0
    unseen: list[Any] = [params]
    while unseen:
        value = unseen.pop()
        count += len(value)
        if count > BULKY_VALUES:
            return True
        members = value.values() if isinstance(value, dict) else value
        unseen += [member for member in members if isinstance(member, dict | list)]
    return False


def _may_be_id(raw: bytes) -> bool:
    """Text, a number or null, or absent; not an object, array or boolean. `raw` is the JSON of one value, whose
    UTF-8 nobody has checked yet."""
    if not raw:
        return True
    return raw[0] in _SCALAR_ID_STARTS and (raw.isascii() or _is_utf8(raw))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_element(raw: msgspec.Raw) -> _Element:
    """One element of a batch, or a whole request, that may be malformed; raises DecodeError only for bad JSON."""
    try:
        return _decode_call(raw)
    except msgspec.ValidationError:
        pass
    try:
        call_id = bytes(_decode_members(raw).get("id", b""))
    except msgspec.ValidationError:
        call_id = b""
    if not call_id or not _may_be_id(call_id):
        call_id = _NULL
    return _Refused(call_id, RpcFault.INVALID_REQUEST.error())


def _refusal(element: _Refused) -> bytes:
    return _error_reply(element.id, element.error)


def _error_reply(call_id: bytes, error: RpcError) -> bytes:
    body: dict[str, object] = {"code": int(error.code), "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (call_id, _encode(body))


def _returned(error: Exception, where: str) -> RpcError:
    """The answer for an exception of a method; bugs are logged, broken invariants raised again."""
    if isinstance(error, CallerError):
        return to_rpc_error(error)
    if isinstance(error, InvariantViolation):
        raise error
    log_bug(error, where)
    return RpcFault.INTERNAL.error()
