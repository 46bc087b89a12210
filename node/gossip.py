"""Transactions between nodes: batches of raw transactions on one gossip topic.

Owns the topic's message form and the pace of sending. Gossip costs about 0.6 ms of CPU per message and node whatever
its size, so transactions are collected for a moment and travel together. A lost message costs latency, not the
transaction: it stays in the pool of the node that promised it, and what waits long is offered again.
Form: msgpack list [version, sequence, [raw, ...]]. The sequence number, of no other meaning, makes an offer that is
repeated another message: gossip drops a message that it has seen.
"""

from __future__ import annotations

import msgpack
import structlog
import trio

from chain.transaction import MAX_TRANSACTION_BYTES
from chain.transaction_errors import TransactionError
from node.errors import InvalidPayload
from node.pool import TransactionPool
from p2p.network import MAX_GOSSIP_MESSAGE_BYTES, Network

TOPIC = "tx"
GOSSIP_VERSION = 1
WORTHLESS_PAUSE = 2.0  # a message of which nothing was taken is followed by a pause of twice its time
MAX_PAUSE_S = 1.0
COLLECT_S = 0.03  # adds at most this to a transaction's way; at 1,000 a second a message carries about 30
TARGET_BATCH_BYTES = 192 << 10  # small enough that a batch is decoded and recovered in some 0.1 s
OFFER_AGAIN_EVERY_S = 10.0
MAX_TRANSACTIONS = 4_096  # a message of 960 KiB holds fewer real transactions than this many

log = structlog.get_logger(__name__)


async def gossip_transactions(network: Network, pool: TransactionPool) -> None:
    """Sends and receives until cancelled."""
    inbox = network.subscribe(TOPIC)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send, network, pool)
        nursery.start_soon(_offer_again, pool)
        async for peer, message in inbox:
            try:
                raws = decode_batch(message)
            except InvalidPayload as error:
                network.penalise(peer, f"transaction gossip: {error}")
                continue
            begun_s = trio.current_time()
            answers = await pool.submit_from_peer(raws)
            # A full pool or an old nonce is nobody's fault; bytes that are no transaction of this chain are.
            if any(isinstance(answer, TransactionError) for answer in answers):
                network.penalise(peer, "transaction gossip: a transaction that no node accepts")
            if answers and not any(isinstance(answer, bytes) for answer in answers):
                # Nobody need be at fault, but whoever sends such things must not get all of this node's time.
                elapsed_s = trio.current_time() - begun_s
                await trio.sleep(min(elapsed_s * WORTHLESS_PAUSE, MAX_PAUSE_S))


async def _send(network: Network, pool: TransactionPool) -> None:
    sequence = 0
    while True:
        raws = await pool.take_outbox()
        for batch in split_batches(raws):
            await network.broadcast(TOPIC, encode_batch(sequence, batch))
            sequence += 1
        await trio.sleep(COLLECT_S)


async def _offer_again(pool: TransactionPool) -> None:
    while True:
        await trio.sleep(OFFER_AGAIN_EVERY_S)
        pool.offer_again()


def split_batches(raws: list[bytes]) -> list[list[bytes]]:
    """Cuts into messages of about TARGET_BATCH_BYTES, in order."""
    batches: list[list[bytes]] = []
    size = TARGET_BATCH_BYTES
    for raw in raws:
        if size + len(raw) > TARGET_BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(raw)
        size += len(raw)
    return batches


def encode_batch(sequence: int, raws: list[bytes]) -> bytes:
    """The message that carries these transactions."""
    packed: bytes = msgpack.packb([GOSSIP_VERSION, sequence, raws])
    return packed


def decode_batch(message: bytes) -> list[bytes]:
    """Raises InvalidPayload for anything but one message of this form."""
    if len(message) > MAX_GOSSIP_MESSAGE_BYTES:
        raise InvalidPayload(f"message of {len(message)} bytes")
    try:
        value = msgpack.unpackb(
            message,
            max_bin_len=MAX_TRANSACTION_BYTES,
            max_array_len=MAX_TRANSACTIONS,
            max_str_len=0,
            max_map_len=0,
            max_ext_len=0,
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise InvalidPayload(f"not msgpack of the expected form: {error}") from error
    match value:
        case [int(version), int(), [*raws]] if version == GOSSIP_VERSION and all(
            isinstance(raw, bytes) for raw in raws
        ):
            return raws
        case _:
            raise InvalidPayload("not a list of a known version, a number and transactions")
