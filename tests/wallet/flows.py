"""Runs one browser flow: a node process with a Chromium under it, both with hard limits, neither left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FLOW_LIMIT_S = 90.0  # some 10 s on an idle machine
STEP_LIMIT_S = 30.0
CLOSED_NODE = 3  # this one lets no web page read its answers, as a node does by default
LOCAL_NAMES = ("127.0.0.1", "rebind.test")  # the second is the first by the browser's own rules

Flow = Callable[..., dict[str, Any]]


def run_flow(script: str, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What `node SCRIPT` found; profile, temporary files and screenshots of failures are in `folder`."""
    profile, shots = folder / "browser", folder / "screenshots"
    for made in (profile, shots):
        made.mkdir(exist_ok=True)
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
        assert not processes_of(profile), "the browser outlived the flow"
    finally:
        process.kill()
        process.wait()
        for pid in processes_of(profile):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    found: dict[str, Any] = json.loads(told)
    foreign = {host for host in found["reached"] if host.rpartition(":")[0] not in LOCAL_NAMES}
    assert not foreign, f"the browser left this machine: {foreign}"
    return found


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
