import trio

from p2p.guards.transport import BufferedTcpStream


async def tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    dialled = await trio.open_tcp_stream("127.0.0.1", port)
    accepted = await listener.accept()
    await listener.aclose()
    return dialled, accepted


async def test_a_sized_read_waits_for_all_its_bytes_and_leaves_the_rest() -> None:
    dialled, accepted = await tcp_pair()
    stream = BufferedTcpStream(accepted)
    received: list[bytes] = []

    async def read() -> None:
        received.append(await stream.read(5))
        received.append(await stream.read(2))
        received.append(await stream.read())

    async with dialled, accepted, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for piece in (b"ab", b"cd", b"efgh"):
            await dialled.send_all(piece)
            await trio.sleep(0.02)
    assert received == [b"abcde", b"fg", b"h"]


async def test_the_end_of_the_stream_gives_what_is_left_and_then_nothing() -> None:
    dialled, accepted = await tcp_pair()
    stream = BufferedTcpStream(accepted)
    async with accepted:
        await dialled.send_all(b"abc")
        await dialled.aclose()
        assert await stream.read(10) == b"abc"
        assert await stream.read(10) == b""
        assert await stream.read() == b""
    address = stream.get_remote_address()
    assert address is not None
    assert address[0] == "127.0.0.1"
