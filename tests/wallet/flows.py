"""Runs one browser flow: a node process with a Chromium under it, both with hard limits, neither left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FLOW_LIMIT_S = 90.0  # some 10 s on an idle machine
STEP_LIMIT_S = 30.0
GRACE_S = 10.0  # for the processes of a browser that was closed
CLOSED_NODE = 3  # this one lets no web page read its answers, as a node does by default
LOCAL_NAMES = ("127.0.0.1", "rebind.test")  # the second is the first by the browser's own rules

Flow = Callable[..., dict[str, Any]]


def run_flow(script: str, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What `node SCRIPT` found; screenshots of failures are in `folder`."""
    # Not in `folder`: Chromium makes a socket in its profile, and refuses a path longer than 107 bytes.
    profile, shots = Path(tempfile.mkdtemp(prefix="aur-", dir="/tmp")), folder / "screenshots"
    shots.mkdir(exist_ok=True)
    limits = {"limitMs": FLOW_LIMIT_S * 1000, "stepMs": STEP_LIMIT_S * 1000}
    process = subprocess.Popen(
        ["node", script],
        cwd=HERE,
        env={**os.environ, "TMPDIR": str(profile), "HOME": str(profile)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, complaints = process.communicate(
            json.dumps({**settings, **limits, "shots": str(shots)}), timeout=FLOW_LIMIT_S + 20
        )
        assert process.returncode == 0, f"{complaints}\nscreenshots: {sorted(shots.iterdir())}"
        assert all_gone(profile), "the browser outlived the flow"
    finally:
        process.kill()
        process.wait()
        assert all_gone(profile, kill=True), "the browser cannot be killed"
        shutil.rmtree(profile, ignore_errors=True)
    found: dict[str, Any] = json.loads(told)
    foreign = {host for host in found["reached"] if host.rpartition(":")[0] not in LOCAL_NAMES}
    assert not foreign, f"the browser left this machine: {foreign}"
    return found


def all_gone(folder: Path, *, kill: bool = False) -> bool:
    """Waits until no process of `folder` is left; False if some stay."""
    deadline = time.monotonic() + GRACE_S
    while left := processes_of(folder):
        if time.monotonic() > deadline:
            return False
        for pid in left if kill else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    return True


def processes_of(folder: Path) -> list[int]:
    """Processes with the folder on their command line: those of a browser whose profile is in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile
    return found
