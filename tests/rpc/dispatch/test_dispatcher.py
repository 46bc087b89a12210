"""JSON-RPC 2.0: the envelope, batches, deferred answers and their limits, without HTTP."""

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import CallerError, InvariantViolation
from chain.transaction import RecoveredTransaction
from chain.types import Address, Hash32
from rpc.dispatch.byte_budget import ByteBudget
from rpc.dispatch.deferred import Deadline, OffLoop, OnLoop, Submission
from rpc.dispatch.dispatcher import BULKY_VALUES, MAX_JSON_VALUES, Dispatcher, Unfinished
from rpc.dispatch.heavy import HeavyCalls
from rpc.errors import RpcFault
from rpc.params.method import MalformedArgument, Method, Parameter, optional


class PoolRecorder:
    """A pool that accepts everything but transactions that begin with 0xff; counts the calls."""

    def __init__(self) -> None:
        self.submissions: list[list[bytes]] = []
        self.delay_s = 0.0

    async def submit(self, raw: Sequence[bytes]) -> list[Hash32 | CallerError]:
        self.submissions.append(list(raw))
        await trio.sleep(self.delay_s)
        return [
            CallerError("already known") if item[:1] == b"\xff" else Hash32(item.ljust(32)) for item in raw
        ]

    def pending_nonce(self, address: Address) -> int:
        raise NotImplementedError

    def get(self, transaction_hash: Hash32) -> None:
        raise NotImplementedError

    def content(self, sender: Address | None = None) -> list[RecoveredTransaction]:
        raise NotImplementedError

    def waiting(self) -> tuple[int, int]:
        raise NotImplementedError

    def minimum_tip(self) -> int:
        raise NotImplementedError


def anything(value: object) -> object:
    return value


def fail_with(error: Exception) -> Any:
    def handler() -> object:
        raise error

    return handler


def wait_for_deadline(deadline: Deadline) -> None:
    while True:
        deadline.check()


async def wait_on_loop() -> object:
    await trio.sleep(0)
    return "waited"


def is_main_thread(_deadline: Deadline) -> bool:
    return threading.current_thread() is threading.main_thread()


def on_main_thread(decoded: object) -> object:
    """Codec and handler at once: where the one ran, and then the other."""
    here = threading.current_thread() is threading.main_thread()
    return [here] if isinstance(decoded, list) and len(decoded) > 1 else [*decoded, here]  # type: ignore[misc]


def malformed(value: object) -> object:
    raise MalformedArgument(f"{type(value).__name__} of {len(value)}")  # type: ignore[arg-type]


async def wait_and_compute() -> object:
    await trio.sleep(0)
    return OffLoop(is_main_thread)


async def wait_and_wait() -> object:
    return OnLoop(wait_on_loop)


def build(pool: PoolRecorder | None = None, budget: ByteBudget | None = None, **limits: Any) -> Dispatcher:
    methods = [
        Method("constant", lambda: "x", constant=msgspec.Raw(b'"0x1"')),
        Method("echo", anything, (optional(Parameter(anything)),)),
        Method("needs", anything, (Parameter(anything),)),
        Method("threads", on_main_thread, (Parameter(on_main_thread),)),
        Method("bulky_heavy", lambda _: OffLoop(is_main_thread), (Parameter(anything),)),
        Method("bulky_malformed", anything, (Parameter(malformed),)),
        Method("big", lambda: "x" * 1000),
        Method("bug", fail_with(KeyError("x"))),
        Method("refused", fail_with(CallerError("no"))),
        Method("broken", fail_with(InvariantViolation("broken"))),
        Method("unencodable", lambda: object()),
        Method("send", lambda raw: Submission(raw.encode()), (Parameter(anything),), submits=True),
        Method("heavy", lambda: OffLoop(is_main_thread)),
        Method("waits_and_computes", lambda: OnLoop(wait_and_compute)),
        Method("waits_and_waits", lambda: OnLoop(wait_and_wait)),
        Method("waits", lambda: OnLoop(wait_on_loop)),
        Method("waits_forever", lambda: OnLoop(trio.sleep_forever)),
        Method("heavy_bug", lambda: OffLoop(lambda _: int("x"))),
        Method("heavy_refused", lambda: OffLoop(lambda _: fail_with(CallerError("no"))())),
        Method("endless", lambda: OffLoop(wait_for_deadline)),
    ]
    settings: dict[str, Any] = {
        "max_batch_calls": 10,
        "max_response_bytes": 10_000,
        "handler_timeout_s": 5.0,
        **limits,
    }
    return Dispatcher(
        {method.name: method for method in methods},
        pool or PoolRecorder(),
        HeavyCalls(2, 4, 0.1),
        budget or ByteBudget(1_000_000),
        **settings,
    )


def call(method: str, *params: object, id: object = 1) -> dict[str, object]:  # noqa: A002
    return {"jsonrpc": "2.0", "method": method, "params": list(params), "id": id}


async def ask(dispatcher: Dispatcher, body: object) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = await dispatcher.handle(raw)
    return None if reply is None else json.loads(reply)


async def error_of(dispatcher: Dispatcher, body: object) -> tuple[int, str]:
    reply = await ask(dispatcher, body)
    assert set(reply) == {"jsonrpc", "id", "error"}, reply
    return reply["error"]["code"], reply["error"]["message"]


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": []}, {"params": [None]}])
async def test_params_may_be_missing_null_or_empty(params: dict[str, object]) -> None:
    body = {"jsonrpc": "2.0", "method": "echo", "id": 1, **params}

    assert await ask(build(), body) == {"jsonrpc": "2.0", "id": 1, "result": None}


@pytest.mark.parametrize(
    "call_id",
    ["1", "-5", "1.5", "123456789012345678901234567890", '"text"', '"Ω\\u00e9\\n"', "null", '""', "1e3"],
)
async def test_an_id_is_echoed_as_it_came(call_id: str) -> None:
    body = b'{"id": %b ,"jsonrpc":"2.0","method":"constant"}' % call_id.encode()

    assert await build().handle(body) == b'{"jsonrpc":"2.0","id":%b,"result":"0x1"}' % call_id.encode()


@pytest.mark.parametrize("call_id", ["{}", "[1]", "true", "false", '{"a":"b"}'])
async def test_an_id_that_is_no_scalar_is_an_invalid_request(call_id: str) -> None:
    body = b'{"id":%b,"jsonrpc":"2.0","method":"constant"}' % call_id.encode()

    reply = await ask(build(), body)

    assert reply["id"] is None
    assert reply["error"] == {"code": -32600, "message": "invalid request"}


async def test_an_id_that_is_no_utf8_is_not_echoed() -> None:
    reply = await ask(build(), b'{"id":"\xff","jsonrpc":"2.0","method":"constant"}')

    assert reply["id"] is None
    assert reply["error"]["code"] == -32600


@pytest.mark.parametrize(
    "body",
    [
        {"method": "constant", "id": 1},
        {"jsonrpc": "1.0", "method": "constant", "id": 1},
        {"jsonrpc": 2.0, "method": "constant", "id": 1},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "method": 7, "id": 1},
        {"jsonrpc": "2.0", "method": "constant", "params": "x", "id": 1},
    ],
)
async def test_a_malformed_request_is_refused_with_its_id(body: dict[str, object]) -> None:
    assert await ask(build(), body) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32600, "message": "invalid request"},
    }


@pytest.mark.parametrize("body", [b"1", b'"x"', b"null", b"true", b"{}", b'{"id":{}}'])
async def test_json_that_is_no_request_is_refused_without_an_id(body: bytes) -> None:
    reply = await ask(build(), body)

    assert (reply["id"], reply["error"]["code"]) == (None, -32600)


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"{", b"[", b"[1", b"nope", b'{"a":}', b"[1,]", b"\xff\xfe", b'{"jsonrpc":"2.0"}}', b"{}{}",
     b'{"jsonrpc":"2.0","method":"\xff","id":1}', b"[      " * 5_000, b'{"a":    ' * 5_000],
)  # fmt: skip
async def test_what_is_no_json_is_a_parse_error(body: bytes) -> None:
    code, message = await error_of(build(), body)

    assert code == -32700
    assert message.startswith("parse error")


async def test_an_empty_batch_is_one_error() -> None:
    assert await error_of(build(), []) == (-32600, "empty batch")


async def test_named_params_are_refused() -> None:
    body = {"jsonrpc": "2.0", "method": "needs", "params": {"a": 1}, "id": 1}

    assert await error_of(build(), body) == (-32602, "non-array args")


async def test_an_unknown_method_is_named() -> None:
    assert await error_of(build(), call("anvil_nodeInfo")) == (
        -32601,
        "the method anvil_nodeInfo does not exist/is not available",
    )


async def test_a_caller_error_is_answered_with_its_text() -> None:
    assert await error_of(build(), call("refused")) == (-32000, "no")
    assert await error_of(build(), call("heavy_refused")) == (-32000, "no")


@pytest.mark.parametrize("method", ["bug", "heavy_bug", "unencodable"])
async def test_a_bug_is_an_internal_error_that_tells_nothing(method: str) -> None:
    assert await error_of(build(), call(method)) == (-32603, "internal error")


async def test_a_broken_invariant_is_not_swallowed() -> None:
    with pytest.raises(InvariantViolation):
        await build().handle(json.dumps(call("broken")).encode())


async def test_a_notification_runs_and_has_no_reply() -> None:
    pool = PoolRecorder()
    dispatcher = build(pool)
    body = {"jsonrpc": "2.0", "method": "send", "params": ["tx"]}

    assert await ask(dispatcher, body) is None
    assert await ask(dispatcher, [body, body]) is None
    assert pool.submissions == [[b"tx"], [b"tx", b"tx"]]


async def test_a_batch_keeps_the_order_and_skips_notifications() -> None:
    reply = await ask(
        build(),
        [
            call("echo", 5, id="a"),
            {"jsonrpc": "2.0", "method": "echo"},
            7,
            call("nope", id=2),
            call("heavy", id=3),
            {"id": 4},
            call("constant", id=5),
        ],
    )

    assert [(item["id"], item.get("result", item.get("error", {}).get("code"))) for item in reply] == [
        ("a", 5),
        (None, -32600),
        (2, -32601),
        (3, False),
        (4, -32600),
        (5, "0x1"),
    ]


async def test_a_batch_with_too_many_calls_is_refused_with_its_first_id() -> None:
    reply = await ask(build(), [call("constant", id=number) for number in range(7, 18)])

    assert reply == [{"jsonrpc": "2.0", "id": 7, "error": {"code": -32600, "message": "batch too large"}}]


async def test_neighbouring_transactions_of_a_batch_are_submitted_together() -> None:
    pool = PoolRecorder()

    reply = await ask(
        build(pool),
        [call("send", "a", id=1), call("send", "ÿ", id=2), call("constant", id=3), call("send", "c", id=4)],
    )

    assert pool.submissions == [[b"a", "ÿ".encode()], [b"c"]]
    assert [item["id"] for item in reply] == [1, 2, 3, 4]
    assert reply[0]["result"] == "0x" + b"a".ljust(32).hex()


async def test_a_rejected_transaction_fails_alone() -> None:
    pool = PoolRecorder()
    dispatcher = Dispatcher(
        {"send": Method("send", lambda: Submission(b"\xff"))},
        pool,
        HeavyCalls(1, 1, 1),
        ByteBudget(1000),
        max_batch_calls=5,
        max_response_bytes=1000,
        handler_timeout_s=1,
    )

    assert await error_of(dispatcher, call("send")) == (-32000, "already known")


async def test_heavy_calls_leave_the_main_thread() -> None:
    assert (await ask(build(), call("heavy")))["result"] is False


async def test_an_asynchronous_answer_is_awaited_alone_and_in_a_batch() -> None:
    assert (await ask(build(), call("waits")))["result"] == "waited"
    assert (await ask(build(), call("waits_and_computes")))["result"] is False
    with pytest.raises(InvariantViolation):
        await ask(build(), call("waits_and_waits"))
    replies = await ask(build(), [call("waits", id=1), call("constant", id=2)])
    assert [reply["result"] for reply in replies] == ["waited", "0x1"]


async def test_an_asynchronous_answer_that_never_comes_ends_at_the_time_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    code, text = await error_of(build(), call("waits_forever"))

    assert (code, text) == (-32002, "request timed out")


async def test_an_endless_heavy_call_ends_at_its_run_time() -> None:
    assert await error_of(build(), call("endless")) == (-32000, "execution aborted (timeout = 0.1s)")


async def test_a_pool_that_does_not_answer_is_a_timeout() -> None:
    pool = PoolRecorder()
    pool.delay_s = 60

    reply = await ask(
        build(pool, handler_timeout_s=0.05), [call("send", "a"), call("send", "b"), call("heavy")]
    )

    assert [item.get("error", {}).get("code") for item in reply] == [-32002, -32002, -32002]


async def test_too_many_waiting_heavy_calls_are_refused_at_once() -> None:
    release = threading.Event()
    dispatcher = build()
    dispatcher._methods["hold"] = Method("hold", lambda: OffLoop(lambda _: release.wait(10)))
    answers: list[Any] = []

    async def one() -> None:
        answers.append(await ask(dispatcher, call("hold")))
        if len(answers) == 3:
            release.set()

    async with trio.open_nursery() as nursery:
        for _ in range(9):  # 2 run, 4 wait
            nursery.start_soon(one)

    codes = [answer.get("error", {}).get("code") for answer in answers]
    assert codes == [-32005] * 3 + [None] * 6


async def test_a_reply_that_is_too_large_is_replaced_by_an_error() -> None:
    assert await error_of(build(max_response_bytes=500), call("big")) == (-32003, "response too large")


async def test_a_batch_stops_where_its_replies_become_too_large() -> None:
    reply = await ask(
        build(max_response_bytes=70_000, max_batch_calls=100),
        [call("big", id=number) for number in range(90)],
    )

    assert [item["id"] for item in reply] == list(range(90))
    good = [item["id"] for item in reply if "result" in item]
    assert good == list(range(len(good)))
    assert 60 < len(good) < 70
    assert {item["error"]["code"] for item in reply[len(good) :]} == {-32003}


async def test_large_batches_share_one_budget_and_give_it_back() -> None:
    budget = ByteBudget(80_000)
    dispatcher = build(budget=budget, max_response_bytes=10**6, max_batch_calls=100)

    reply = await ask(dispatcher, [call("big", id=number) for number in range(90)])

    assert reply[0]["result"] == "x" * 1000
    assert reply[89]["error"]["code"] == -32005
    assert budget.held == 0


@pytest.mark.parametrize(
    ("value", "count"), [(b"[]", 2_000), (b"1", 5_000), (b'"0123456789"', MAX_JSON_VALUES + 1)]
)
async def test_a_request_of_many_tiny_values_is_refused_before_it_is_decoded(
    value: bytes, count: int
) -> None:
    junk = b"[" + b",".join([value] * count) + b"]"
    body = b'{"jsonrpc":"2.0","method":"echo","params":' + junk + b',"id":1}'

    assert await error_of(build(), body) == (-32600, "request holds too many values")


async def test_the_largest_sensible_requests_are_not_refused_for_their_values() -> None:
    dispatcher = build(max_batch_calls=1_000, max_response_bytes=10**7)
    batch = b"[" + b",".join([b'{"id":1,"jsonrpc":"2.0","method":"echo","params":[]}'] * 1_000) + b"]"
    topics = json.dumps(call("echo", {"topics": [["0x" + "00" * 32] * 1_000] * 4, "address": ["0x"] * 900}))
    percentiles = json.dumps(call("echo", list(range(1_000))))

    assert len(await ask(dispatcher, batch)) == 1_000
    assert "result" in await ask(dispatcher, topics.encode())
    assert "result" in await ask(dispatcher, percentiles.encode())


async def test_long_batches_let_other_tasks_run(autojump_clock: trio.testing.MockClock) -> None:
    dispatcher = build(max_batch_calls=2000)
    dispatcher._methods["slow"] = Method("slow", lambda: sum(range(20_000)))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await ask(dispatcher, [call("slow", id=number) for number in range(200)])
        nursery.cancel_scope.cancel()

    assert turns > 3


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_get_a_json_answer(body: bytes) -> None:
    reply = trio.run(build().handle, body)

    assert reply is None or msgspec.json.decode(reply)


REQUEST_LIKE: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(["jsonrpc", "method", "params", "id", "x"]),
    st.sampled_from(["2.0", "echo", "needs", "constant", 1, None, [], [1], {}, "id"]),
)


@given(REQUEST_LIKE | st.lists(REQUEST_LIKE, max_size=4))
def test_any_request_like_json_gets_well_formed_replies(body: Any) -> None:
    raw = trio.run(build().handle, json.dumps(body).encode())

    if raw is None:
        return
    decoded = json.loads(raw)
    for reply in decoded if isinstance(decoded, list) else [decoded]:
        assert reply["jsonrpc"] == "2.0"
        assert "id" in reply
        assert ("result" in reply) != ("error" in reply)


def test_faults_are_made_afresh_for_each_call() -> None:
    assert RpcFault.INTERNAL.error() is not RpcFault.INTERNAL.error()


async def test_many_values_are_read_in_a_worker_thread_and_answered_on_the_loop() -> None:
    many = ["0x" + "00" * 32] * (BULKY_VALUES + 1)
    dispatcher = build(max_response_bytes=100_000)

    assert (await ask(dispatcher, call("threads", many)))["result"] == [False, True]
    assert (await ask(dispatcher, call("threads", many[:100])))["result"] == [True, True]
    assert (await ask(dispatcher, call("threads", ["x" * 20_000] * 2)))["result"] == [True, True]
    assert (await ask(dispatcher, call("bulky_heavy", [[many[:1]] * 300])))["result"] is False
    code, message = await error_of(dispatcher, call("bulky_malformed", many))
    assert (code, message) == (-32602, f"invalid argument 0: list of {BULKY_VALUES + 1}")
    batch = [call("threads", many, id=1), call("echo", 5, id=2), call("needs", many, {}, id=3)]
    replies = await ask(dispatcher, batch)
    assert [reply["id"] for reply in replies] == [1, 2, 3]
    assert replies[0]["result"] == [False, True]
    assert replies[2]["error"]["message"] == "too many arguments, want at most 1"


async def test_reading_many_values_waits_no_longer_than_a_request_may() -> None:
    dispatcher = build(handler_timeout_s=0.05)
    busy = [call("endless", id=number) for number in range(2)]
    async with trio.open_nursery() as nursery:
        for one in busy:
            nursery.start_soon(ask, dispatcher, one)
        await trio.sleep(0.01)
        code, _ = await error_of(dispatcher, call("threads", ["x" * 40] * (BULKY_VALUES + 1)))
    assert code == -32002


@pytest.mark.parametrize("element", [b"11111", b'"abc"', b"[     ]", b"{     }"])
def test_a_batch_of_too_many_things_that_are_no_requests_is_refused_at_once(element: bytes) -> None:
    dispatcher = build(max_batch_calls=1_000)
    body = b"[" + b",".join([element] * 45_000) + b"]"
    begun = time.perf_counter()
    reply = dispatcher.start(body)
    took = time.perf_counter() - begun
    assert not isinstance(reply, Unfinished)
    assert reply is not None
    assert b"too" in reply
    assert took < 0.05  # 0.2 s when each of them was looked at
