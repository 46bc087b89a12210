"""Where the official state tests are, and which of them to run.

Owns: safe unpacking of the archive into the cache, and the choice of a sample.
"""

import hashlib
import math
import os
import random
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ARCHIVE: Final = "eest-state-tests.tar.xz"
MAX_FILES: Final = 20_000
MAX_TOTAL_BYTES: Final = 1 << 30
"""Bounds against a wrong or hostile archive; the official one has 1,329 files and 130 MB."""
_COMPLETE: Final = ".complete"


class UnsafeArchive(Exception):
    """The archive has a member that is no plain file or folder, lies outside, or is too big."""


def unpack(archive: Path, cache: Path) -> Path:
    """The folder with the unpacked archive; unpacks only if that exact archive is not there already.

    Other processes never see a half unpacked folder. Raises UnsafeArchive.
    """
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    folder = cache / f"{archive.name.split('.')[0]}-{digest}"
    if (folder / _COMPLETE).exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(dir=cache, prefix="unpacking-"))
    try:
        _extract(archive, workplace)
        (workplace / _COMPLETE).touch()
        if folder.exists() and not (folder / _COMPLETE).exists():
            shutil.rmtree(folder)  # somebody took files away; unpacking itself never leaves such a folder
        try:
            workplace.rename(folder)
        except OSError:
            if not (folder / _COMPLETE).exists():  # otherwise another process was faster
                raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return folder


def _extract(archive: Path, target: Path) -> None:
    total = 0
    with tarfile.open(archive) as tar:
        for count, member in enumerate(tar):
            total += member.size
            if count >= MAX_FILES or total > MAX_TOTAL_BYTES:
                raise UnsafeArchive(f"{archive} is too big")
            if not (member.isfile() or member.isdir()):
                raise UnsafeArchive(f"{member.name} is neither a file nor a folder")
            try:
                tar.extract(member, target, filter="data")
            except tarfile.FilterError as error:
                raise UnsafeArchive(str(error)) from None


def state_test_files(folder: Path) -> list[Path]:
    """All JSON files below, in an order that does not depend on the file system."""
    return sorted(path for path in folder.rglob("*.json") if path.is_file())


def sample(files: Sequence[Path], folder: Path, amount: str, seed: int) -> list[Path]:
    """A part of `files`: `amount` is "all", a number of files, or a percentage such as "10%".

    A percentage is taken of every topic (two path components below state_tests/, such as prague/eip7702…) and
    rounded up, so that small topics are never left out. Raises ValueError for another amount.
    """
    if amount == "all":
        return list(files)
    rng = random.Random(seed)
    if not amount.endswith("%"):
        return sorted(rng.sample(list(files), min(int(amount), len(files))))
    share = float(amount[:-1]) / 100
    if not 0 < share <= 1:
        raise ValueError(f"{amount} is not between 0% and 100%")
    topics: dict[tuple[str, ...], list[Path]] = {}
    for path in files:
        parts = path.relative_to(folder).parts[:-1]
        topics.setdefault(tuple(part for part in parts if part != "state_tests")[:2], []).append(path)
    chosen: list[Path] = []
    for topic in topics.values():
        chosen += rng.sample(topic, math.ceil(share * len(topic)))
    return sorted(chosen)


def vectors_folder(repository: Path, variable: str) -> Path:
    """The folder that the environment variable names, else the vectors of the repository."""
    configured = os.environ.get(variable)
    return Path(configured) if configured else repository / "tests" / "vectors"
