"""The official request and reply pairs of ethereum/execution-apis, one test for each file.

`python -m tests.conformance.rpc_compat DIR` runs the same on any folder. Counts are in docs/conformance.md.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.rpc_compat.excluded import reason_to_exclude
from tests.conformance.rpc_compat.official_chain import OFFICIAL_FOLDER, OfficialChain
from tests.conformance.rpc_compat.suite import Status, files_of, run_file
from tests.rpc.json_schema import official_openrpc

LEAST_FILES: Final = 232
"""A broken reader must not pass by finding nothing."""
HEAD_HASH: Final = "d226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7"
"""What headfcu.json of the suite names as the head."""


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_the_suite_is_complete(chain: OfficialChain) -> None:
    assert len(files_of(OFFICIAL_FOLDER)) >= LEAST_FILES
    assert chain.store.head.number == 54
    assert chain.store.head.hash.hex() == HEAD_HASH


def judged_files() -> list[Any]:
    """All files; those of excluded.py are skipped for the reason given there."""
    reasons = {
        path: reason_to_exclude(f"{path.parent.name}/{path.name}") for path in files_of(OFFICIAL_FOLDER)
    }
    return [
        pytest.param(
            path, id=label(path), marks=[pytest.mark.skip(reason=reason)] if reason is not None else []
        )
        for path, reason in reasons.items()
    ]


@pytest.mark.parametrize("path", judged_files())
async def test_the_official_reply_is_given(path: Path, chain: OfficialChain) -> None:
    verdict = await run_file(path, chain, official_openrpc())
    assert verdict.reasons == ()
    assert verdict.status is Status.PASSED
    assert verdict.texts == ()  # the suite would allow other texts, but clients parse these
