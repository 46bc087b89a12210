import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from node.config import LogSettings
from node.logging import configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class BrokenPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_json_lines_name_level_and_time_and_hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    configure_logging(LogSettings(format="json"))
    structlog.get_logger().info("unlocked", password="hunter2", mnemonic="test test", height=5)
    line = json.loads(output.getvalue())
    assert (line["event"], line["level"], line["height"]) == ("unlocked", "info", 5)
    assert line["password"] == line["mnemonic"] == "<redacted>"
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_does_not_show_values(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    output = Terminal()
    monkeypatch.setattr(sys, "stderr", output)
    configure_logging(LogSettings(format=form))

    def sign(secret: str) -> None:
        raise ZeroDivisionError(len(secret))

    value = "-".join(("s3cr3t", "value"))  # the line of a call stands in the traceback, its values may not
    try:
        sign(value)
    except ZeroDivisionError:
        structlog.get_logger().exception("crashed")
    text = output.getvalue()
    assert "ZeroDivisionError" in text
    assert "in sign" in text
    assert value not in text


def test_the_level_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    configure_logging(LogSettings(level="warning", format="json"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert "quiet" not in output.getvalue()
    assert "loud" in output.getvalue()


@pytest.mark.parametrize("stream", [BrokenPipe(), io.StringIO()])
def test_a_log_that_cannot_be_written_is_lost_but_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO
) -> None:
    if not isinstance(stream, BrokenPipe):
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(LogSettings(format="json"))
    structlog.get_logger().error("nobody_reads_this")
