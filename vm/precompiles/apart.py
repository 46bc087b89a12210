"""Runs the long calls of native libraries in a process of their own.

Owns: those processes. A library that computes for a second without giving up the interpreter lock stops every other
thread that long, the event loop of the node among them: 50 million rounds of blake2f, which anybody may ask for in
one eth_call, are 1.0 s; so are big exponents (0.2 s) and pairings (0.4 s).
Never decides what a call is worth and never changes a result: what cannot be run there is run here.

A process serves one function. It is started when it is needed first, waits for the next call, and ends with its
standard input, so also when this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import Final

from vm.precompiles.interface import PrecompileFailure

KEPT_IDLE: Final = 2
"""Processes of one function that wait for a call, about 14 MB each of their own; further ones end after theirs."""

GIVE_UP_S: Final = 60.0
"""The longest call that is allowed takes about a second. A process that is silent for that long has been stopped."""

_SUCCEEDED: Final = 0
_FAILED: Final = 1
_HEAD: Final = struct.Struct("!BI")

_PROGRAM: Final = (
    "import sys; sys.path[:] = sys.argv[3:]\n"
    "from vm.precompiles.apart import serve\n"
    "serve(sys.argv[1], sys.argv[2])"
)


class _Broken(Exception):
    """The process does not answer."""


class Apart:
    """`run`, a function of a module, for input that takes long: `is_long` says so, and takes next to no time itself.

    Any thread may call it; as many processes work as there are threads that call.
    """

    def __init__(self, run: Callable[[bytes], bytes], is_long: Callable[[bytes], bool]) -> None:
        self._run = run
        self._is_long = is_long
        self._idle: deque[_Process] = deque()
        self._lock = threading.Lock()
        weakref.finalize(self, _end_all, self._idle)  # at the latest when this process ends

    def __call__(self, payload: bytes) -> bytes:
        """What `run` returns or raises."""
        if not self._is_long(payload):
            return self._run(payload)
        try:
            process = self._take()
            status, output = process.call(payload)
        except (OSError, _Broken):
            return self._run(payload)
        self._put_back(process)
        if status == _FAILED:
            raise PrecompileFailure(output.decode())
        return output

    def _take(self) -> _Process:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process
                process.end()
        return _Process(self._run)

    def _put_back(self, process: _Process) -> None:
        with self._lock:
            if len(self._idle) < KEPT_IDLE:
                self._idle.append(process)
                return
        process.end()


class _Process:
    """One of them; used by one thread at a time."""

    def __init__(self, run: Callable[[bytes], bytes]) -> None:
        command = [sys.executable, "-c", _PROGRAM, run.__module__, run.__qualname__, *sys.path]
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the node
        )

    @property
    def is_alive(self) -> bool:
        """It may be given a call. A fork of the node has no processes of its own yet."""
        return self._owner == os.getpid() and self._process.poll() is None

    def call(self, payload: bytes) -> tuple[int, bytes]:
        """Status and output. Raises _Broken or OSError, and then it is over with this process."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise _Broken
        try:
            stdin.write(_HEAD.pack(0, len(payload)) + payload)
            stdin.flush()
            status, size = _HEAD.unpack(_read(stdout.fileno(), _HEAD.size))
            return status, _read(stdout.fileno(), size)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Kill it, unless it is that of another process; it holds nothing worth keeping."""
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written yet has no reader any more
                    pipe.close()


def _end_all(processes: deque[_Process]) -> None:
    while processes:
        processes.pop().end()


def _read(descriptor: int, size: int) -> bytes:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    pieces = b""
    while len(pieces) < size:
        piece = os.read(descriptor, size - len(pieces)) if waiting.poll(GIVE_UP_S * 1_000) else b""
        if not piece:
            raise _Broken
        pieces += piece
    return pieces


def serve(module: str, name: str) -> None:
    """Answer calls of one function from standard input until it ends; the whole life of such a process."""
    run: Callable[[bytes], bytes] = getattr(import_module(module), name)
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while len(head := requests.read(_HEAD.size)) == _HEAD.size:
        payload = requests.read(_HEAD.unpack(head)[1])
        try:
            status, output = _SUCCEEDED, run(payload)
        except PrecompileFailure as failure:
            status, output = _FAILED, str(failure).encode()
        replies.write(_HEAD.pack(status, len(output)) + output)
        replies.flush()
