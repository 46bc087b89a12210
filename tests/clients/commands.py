"""Running the programs of the clients, and installing them from their lock files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def script(*command: str, timeout_s: float = 120) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=HERE, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install_npm_packages(folder: Path) -> Path:
    """The locked npm packages of a folder, installed on first use."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "node and npm are needed for the tests with clients from npm"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    modules = folder / "node_modules"
    stamp = modules / ".installed"
    lock = (folder / "package-lock.json").read_text()
    if not stamp.is_file() or stamp.read_text() != lock:
        # Binaries come inside packages of the registry: install scripts are not needed and stay off.
        command = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder))
        script(*command, timeout_s=400)
        stamp.write_text(lock)
    return modules
