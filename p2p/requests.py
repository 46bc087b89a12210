"""Answering a request: the part that does not depend on the transport.

Owns: running a handler under its time and size limits and turning every outcome into an answer or a refusal.
Never: lets an error of a handler escape, because a remote peer chooses the input that provokes it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import trio

from p2p.network import (
    MAX_REFUSAL_TEXT_BYTES,
    FailureReason,
    PeerId,
    ProtocolName,
    RequestHandler,
    RequestLimits,
    RequestRefused,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """The handler's answer, within the response limit."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Declined:
    """No answer; `detail` is safe to show to the peer."""

    reason: FailureReason
    detail: str = ""


Response = Answered | Declined


def refusal_text(text: str) -> str:
    """Cut a text so that its UTF-8 form has at most `MAX_REFUSAL_TEXT_BYTES` bytes."""
    return text.encode(errors="replace")[:MAX_REFUSAL_TEXT_BYTES].decode(errors="ignore")


async def answer_request(
    handler: RequestHandler,
    peer: PeerId,
    protocol: ProtocolName,
    payload: bytes,
    limits: RequestLimits,
    count: Callable[[str], None],
) -> Response:
    """Run the handler; every failure becomes `Declined`, is logged once and counted."""
    answer = b""
    try:
        with trio.move_on_after(limits.handler_timeout_s) as scope:
            answer = await handler(peer, payload)
    except RequestRefused as refusal:
        count("request_refused")
        return Declined(FailureReason.REFUSED, refusal_text(str(refusal)))
    except Exception:
        logger.exception("handler of %s failed on a request of peer %s", protocol, peer.hex()[-12:])
        count("request_handler_error")
        return Declined(FailureReason.REFUSED)
    if scope.cancelled_caught:
        count("request_handler_timeout")
        return Declined(FailureReason.TIMEOUT)
    if len(answer) > limits.max_response_bytes:
        logger.error("answer of %d bytes to a %s request exceeds its limit", len(answer), protocol)
        count("request_answer_too_large")
        return Declined(FailureReason.TOO_LARGE)
    return Answered(answer)
