"""scripts/lib/environment.sh: what it says when the locked packages cannot be installed."""

import subprocess
from pathlib import Path

import pytest

ENVIRONMENT = Path(__file__).parents[2] / "scripts" / "lib" / "environment.sh"


def failure_with(version: str, venv: Path) -> str:
    (venv / "bin").mkdir(parents=True)
    python = venv / "bin" / "python"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source '{ENVIRONMENT}'; packages_failed"],
        env={"AURIGRAPH_VENV": str(venv), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_python_without_wheels_is_named_with_two_ways_out(tmp_path: Path, version: str) -> None:
    text = failure_with(version, tmp_path / "venv")
    assert f"with Python {version}" in text
    assert "PYTHON=/path/to/python3.11" in text
    assert "libleveldb-dev" in text
    assert f"Delete {tmp_path / 'venv'}" in text


def test_python_311_has_all_wheels_so_the_index_is_suspected(tmp_path: Path) -> None:
    assert "package index" in failure_with("3.11", tmp_path / "venv")
