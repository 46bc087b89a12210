"""Runs the cases of files in a process of their own, and the parent's side of that process.

A case can hang where no signal handler runs, or exhaust the memory; only the end of a process stops that.
Wire format: one JSON value a line. To the worker: {"path", "forks", "first", "engine"}. From it, for every case from
number `first` on: {"begin": [name, fork]} and {"status", "reason", "seconds"}; then {"end": true}.
"""

import json
import os
import queue
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.conformance.state_case import DEFAULT_ENGINE, StateCase, Status, Verdict, load_cases, run_case

REPOSITORY: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = (sys.executable, "-m", "tests.conformance.worker")
MEMORY_BYTES: Final = 6 << 30
"""Address space of a worker. The machines have 24 GiB and run two; a normal worker needs 300 MB."""
_NO_FILE_YET: Final = ("", "")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A verdict, and where it was found. fork: as the file names it."""

    file: str
    name: str
    fork: str
    verdict: Verdict
    seconds: float


class Worker:
    """One worker process; it is started when it is needed and replaced when it hangs or dies."""

    def __init__(
        self, timeout_s: float, command: Sequence[str] = COMMAND, engine: str = DEFAULT_ENGINE
    ) -> None:
        self._timeout_s = timeout_s
        self._engine = engine
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def run_file(self, path: Path, label: str, forks: Sequence[str]) -> Iterator[CaseResult]:
        """All results of a file; cases of other rule sets than `forks` are left out (all rule sets if empty)."""
        first = 0
        while True:
            self._send({"path": str(path), "forks": list(forks), "first": first, "engine": self._engine})
            running = _NO_FILE_YET
            while True:
                message = self._receive()
                if isinstance(message, str):
                    self.stop()
                    yield CaseResult(label, *running, Verdict(Status.FAILED, message), self._timeout_s)
                    break
                if "begin" in message:
                    running = (message["begin"][0], message["begin"][1])
                    first += 1
                elif "end" in message:
                    return
                else:
                    verdict = Verdict(Status(message["status"]), message["reason"])
                    yield CaseResult(label, *running, verdict, message["seconds"])
            if running == _NO_FILE_YET:
                return

    def stop(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, request: dict[str, Any]) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self._lines = queue.SimpleQueue()
            threading.Thread(target=_pump, args=(self._process, self._lines), daemon=True).start()
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            pass  # it died; _receive says so

    def _receive(self) -> dict[str, Any] | str:
        """The next message, or why there is none."""
        try:
            line = self._lines.get(timeout=self._timeout_s)
        except queue.Empty:
            return f"time limit ({self._timeout_s:g} s)"
        if line:
            message: dict[str, Any] = json.loads(line)
            return message
        assert self._process is not None
        return f"worker died with status {self._process.wait()}"


def _pump(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Every line of the process, then an empty one."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:
        pass  # closed by stop()
    lines.put(b"")


def _run_safely(case: StateCase, engine: str) -> Verdict:
    try:
        return run_case(case, engine)
    except Exception as error:
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else "?"
        return Verdict(Status.FAILED, f"crash: {type(error).__name__}: {error} at {line}")


def _serve(requests: Iterator[bytes], answer_fd: int) -> None:
    with os.fdopen(answer_fd, "wb") as answers:

        def say(message: dict[str, Any]) -> None:
            answers.write(json.dumps(message).encode() + b"\n")
            answers.flush()

        for line in requests:
            request = json.loads(line)
            forks = set(request["forks"])
            try:
                cases = [c for c in load_cases(Path(request["path"])) if not forks or c.fork in forks]
            except (ValueError, OSError) as error:
                say({"begin": ["", "unreadable"]})
                say({"status": Status.SKIPPED, "reason": _unreadable(request["path"], error), "seconds": 0.0})
                cases = []
            for case in cases[request["first"] :]:
                say({"begin": [case.name, case.fork]})
                start = time.perf_counter()
                verdict = _run_safely(case, request["engine"])
                seconds = round(time.perf_counter() - start, 3)
                say({"status": verdict.status, "reason": verdict.reason, "seconds": seconds})
            say({"end": True})


def _unreadable(path: str, error: Exception) -> str:
    try:
        if Path(path).read_bytes()[:24] == b"version https://git-lfs.":
            return "the archive holds only a git-lfs pointer"
    except OSError:
        pass
    return f"not a state test: {error}"


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answer_fd = os.dup(1)
    os.dup2(2, 1)  # nothing that code under test prints gets among the answers
    _serve(iter(sys.stdin.buffer), answer_fd)


if __name__ == "__main__":
    main()
