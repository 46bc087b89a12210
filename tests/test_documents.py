"""What documents say that can be checked: addresses that people copy, and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chain.types import parse_address

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{40}\b")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_addresses_have_the_right_checksum(document: Path) -> None:
    for address in ADDRESS.findall(document.read_text()):
        parse_address(address)  # ethers and solc refuse a wrong one


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_that_there_are(document: Path) -> None:
    for target, _ in LINK.findall(document.read_text()):
        if "://" not in target and target != "...":  # the template of a record
            assert (document.parent / target).exists(), target
