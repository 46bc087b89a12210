"""Requests over libp2p: one short stream per question.

Owns: both sides of the exchange, its timeouts and its limits.
Never: keeps a stream open after the answer, and never lets a handler's error out.
Form on the wire: the asking side sends one frame and finishes; the answering side sends one status byte and one
frame (the answer, or the text of a refusal) and finishes.
"""

import logging
from collections import Counter
from collections.abc import Mapping

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID

from p2p.framing import FrameTooLarge, FrameTruncated, encode_frame
from p2p.guards.host import GuardedHost, frames_of, muxed
from p2p.guards.transport import FaultSink
from p2p.multistream import NegotiationFailed, ProtocolUnavailable
from p2p.network import (
    MAX_REFUSAL_TEXT_BYTES,
    FailureReason,
    PeerId,
    ProtocolName,
    RequestFailed,
    RequestHandler,
    RequestLimits,
)
from p2p.requests import Answered, Declined, Response, answer_request
from p2p.yamux_stream import BoundedYamuxStream

logger = logging.getLogger(__name__)

READ_REQUEST_TIMEOUT_S = 10.0
WRITE_ANSWER_TIMEOUT_S = 60.0

_ANSWER = 0
_STATUS_OF_REASON = {
    FailureReason.REFUSED: 1,
    FailureReason.BUSY: 2,
    FailureReason.TOO_LARGE: 3,
    FailureReason.TIMEOUT: 4,
}
_REASON_OF_STATUS = {status: reason for reason, status in _STATUS_OF_REASON.items()}


class Requests:
    """Questions to peers and answers for them."""

    def __init__(
        self, host: GuardedHost, limits: Mapping[ProtocolName, RequestLimits], sink: FaultSink
    ) -> None:
        self._host = host
        self._limits = limits
        self._sink = sink
        self._handlers: dict[ProtocolName, RequestHandler] = {}
        self._serving: Counter[tuple[PeerId, ProtocolName]] = Counter()

    def limits_of(self, protocol: ProtocolName) -> RequestLimits:
        """Configured or default limits."""
        return self._limits.get(protocol, RequestLimits())

    def set_handler(self, protocol: ProtocolName, handler: RequestHandler) -> None:
        """Serve a protocol; replaces an earlier handler."""
        self._handlers[protocol] = handler

        async def serve(stream: INetStream) -> None:
            await self._serve(stream, protocol)

        self._host.set_stream_handler(TProtocol(protocol), serve)

    async def ask(self, peer: PeerId, protocol: ProtocolName, payload: bytes, timeout_s: float) -> bytes:
        """One exchange. Raises RequestFailed."""
        limit_bytes = self.limits_of(protocol).max_response_bytes
        try:
            with trio.fail_after(timeout_s):
                return await self._exchange(peer, protocol, payload, limit_bytes)
        except trio.TooSlowError:
            reason = FailureReason.TIMEOUT
        except SwarmException:
            reason = FailureReason.NOT_CONNECTED
        except ProtocolUnavailable:
            reason = FailureReason.UNSUPPORTED
        except FrameTooLarge:
            reason = FailureReason.TOO_LARGE
            self._sink.on_offence(ID(peer), f"answer to {protocol} above the limit")
        except FrameTruncated:
            reason = FailureReason.DISCONNECTED
        except RequestFailed:
            raise
        except NegotiationFailed:
            reason = FailureReason.MALFORMED
        except Exception as error:
            logger.debug("request %s failed: %r", protocol, error)
            reason = FailureReason.DISCONNECTED
        raise RequestFailed(peer, protocol, reason)

    async def _exchange(
        self, peer: PeerId, protocol: ProtocolName, payload: bytes, limit_bytes: int
    ) -> bytes:
        stream = await self._host.open(ID(peer), protocol, encode_frame(payload))
        try:
            await stream.close()
            with frames_of(stream) as reader:
                status = (await reader.read(1))[0]
                if status == _ANSWER:
                    return await reader.read_frame(limit_bytes)
                reason = _REASON_OF_STATUS.get(status, FailureReason.MALFORMED)
                detail = await reader.read_frame(MAX_REFUSAL_TEXT_BYTES)
            raise RequestFailed(peer, protocol, reason, _printable(detail))
        finally:
            await _finish(stream)

    async def _serve(self, stream: INetStream, protocol: ProtocolName) -> None:
        peer = stream.muxed_conn.peer_id
        limits = self.limits_of(protocol)
        try:
            with trio.fail_after(READ_REQUEST_TIMEOUT_S), frames_of(muxed(stream)) as reader:
                payload = await reader.read_frame(limits.max_request_bytes)
        except FrameTooLarge as error:
            self._sink.on_offence(peer, f"request {protocol}: {error}")
            raise
        response = await self._respond(peer.to_bytes(), protocol, payload, limits)
        with trio.fail_after(WRITE_ANSWER_TIMEOUT_S):
            await muxed(stream).write(_encode_response(response))

    async def _respond(
        self, peer: PeerId, protocol: ProtocolName, payload: bytes, limits: RequestLimits
    ) -> Response:
        caller = (peer, protocol)
        if self._serving[caller] >= limits.concurrent_per_peer:
            self._sink.count("request_refused_busy")
            return Declined(FailureReason.BUSY)
        self._serving[caller] += 1
        try:
            handler = self._handlers[protocol]
            return await answer_request(handler, peer, protocol, payload, limits, self._sink.count)
        finally:
            self._serving[caller] -= 1
            if not self._serving[caller]:
                del self._serving[caller]


def _encode_response(response: Response) -> bytes:
    match response:
        case Answered(payload):
            return bytes((_ANSWER,)) + encode_frame(payload)
        case Declined(reason, detail):
            status = _STATUS_OF_REASON.get(reason, _STATUS_OF_REASON[FailureReason.REFUSED])
            return bytes((status,)) + encode_frame(detail.encode())


def _printable(raw: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in raw.decode(errors="replace"))


async def _finish(stream: BoundedYamuxStream) -> None:
    stream.discard()
    with trio.move_on_after(1.0) as scope:
        scope.shield = True
        await stream.reset()
