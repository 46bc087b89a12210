"""Source text of generated functions.

Owns: lines with their indentation, fresh local names, constants, and compilation.
Never does: know what is generated (decoding.py, encoding.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import CodeType
from typing import Any, Final

from vm.system.errors import InvalidDeclaration

# CPython compiles at most 20 blocks inside one another; each array inside an array is one.
MAX_NESTED_LOOPS: Final = 16


class FunctionSource:
    """One function while it is written: names made here, and nothing of what it will work on."""

    def __init__(self, known: Mapping[str, object]) -> None:
        self._known = dict(known)
        self._lines: list[str] = []
        self._indent = 1
        self._names = 0
        self._loops = 0

    def fresh(self, prefix: str) -> str:
        """A local name that nothing else has."""
        self._names += 1
        return f"{prefix}{self._names}"

    def constant(self, prefix: str, value: object) -> str:
        """The name by which the function knows `value`."""
        name = self.fresh(f"{prefix}_")
        self._known[name] = value
        return name

    def line(self, text: str) -> None:
        self._lines.append("    " * self._indent + text)

    @contextmanager
    def block(self, opening: str) -> Iterator[None]:
        """Lines written inside are the block of `opening`, which ends with a colon."""
        self.line(opening)
        self._indent += 1
        yield
        self._indent -= 1

    @contextmanager
    def loop(self, opening: str) -> Iterator[None]:
        """As `block`.

        Raises:
            InvalidDeclaration: more arrays inside one another than Python can compile.
        """
        self._loops += 1
        if self._loops > MAX_NESTED_LOOPS:
            raise InvalidDeclaration(f"arrays nest deeper than {MAX_NESTED_LOOPS}")
        with self.block(opening):
            yield
        self._loops -= 1

    def compiled(self, name: str, arguments: str, what: str) -> Callable[..., Any]:
        """The function; `what` it does stands for its file in tracebacks."""
        text = "\n".join([f"def {name}({arguments}):", *self._lines, ""])
        known = dict(self._known)
        exec(_code(text, what), known)  # noqa: S102 - written here, from no input
        function: Callable[..., Any] = known[name]  # type: ignore[assignment]
        return function


# Compilation is most of the cost of a function, and those that differ in constants alone have the same text.
@cache
def _code(text: str, what: str) -> CodeType:
    return compile(text, f"<{what}>", "exec")
