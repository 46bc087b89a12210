"""The text of a compiled function while it grows.

Owns: lines with their indentation, names of locals, and the points where a path leaves the region or runs back to its
start, which can be worded only when the whole region is known.
Never does: decide anything about the bytecode.
"""

from __future__ import annotations

from dataclasses import dataclass

from vm.evm.compiler.path import Path
from vm.evm.compiler.values import Input, Local, Value

INDENT = " "


@dataclass(frozen=True, slots=True)
class Exit:
    """The path leaves: the stack is put in order, then `statement` runs."""

    indent: int
    items: tuple[Value, ...]
    consumed: int
    statement: str


@dataclass(frozen=True, slots=True)
class BackEdge:
    """The path runs back to the start of the region with these values; the height is that of the entry."""

    indent: int
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Line:
    indent: int
    text: str


class Writer:
    """Statements in order. `size` counts them, `characters` about what their text takes."""

    def __init__(self) -> None:
        self.characters = 0
        self._parts: list[Line | Exit | BackEdge] = []
        self._locals = 0
        self.has_back_edge = False

    @property
    def size(self) -> int:
        return len(self._parts)

    def line(self, indent: int, text: str) -> None:
        self._parts.append(Line(indent, text))
        self.characters += len(text) + indent

    def local(self, indent: int, text: str, bits: int) -> Local:
        """A new local variable with the value of the expression `text`."""
        self._locals += 1
        name = f"v{self._locals}"
        self.line(indent, f"{name} = {text}")
        return Local(name, bits)

    def leave(self, indent: int, path: Path, statement: str) -> None:
        self._parts.append(Exit(indent, tuple(path.items), path.consumed, statement))
        self.characters += sum([len(value.text) for value in path.items])

    def run_back(self, indent: int, path: Path) -> None:
        self.has_back_edge = True
        self._parts.append(BackEdge(indent, tuple(path.items)))

    def lines(self, base_indent: int) -> list[str]:
        """The text, each line indented by `base_indent` more."""
        carried = sorted(
            {
                position
                for part in self._parts
                if isinstance(part, BackEdge)
                for position, _ in _changed(part.items, len(part.items))
            }
        )
        text: list[str] = []
        for part in self._parts:
            indent = INDENT * (base_indent + part.indent)
            match part:
                case Line():
                    text.append(indent + part.text)
                case Exit():
                    text += [indent + line for line in _flush(part.items, part.consumed, carried)]
                    text.append(indent + part.statement)
                case BackEdge():
                    changed = _changed(part.items, len(part.items))
                    if changed:
                        names = ", ".join(f"s{position}" for position, _ in changed)
                        text.append(f"{indent}{names} = {', '.join(value.text for _, value in changed)}")
                    text.append(indent + "continue")
        return text


def _changed(items: tuple[Value, ...], consumed: int) -> list[tuple[int, Value]]:
    """(position below the top on entry, new value) of each item that is not what it was."""
    changed = []
    for index, value in enumerate(items[:consumed]):
        position = consumed - index
        if value != Input(position):
            changed.append((position, value))
    return changed


def _flush(items: tuple[Value, ...], consumed: int, carried: list[int]) -> list[str]:
    """Statements that make the frame's stack what the path says.

    carried: positions whose locals may differ from the stack, because the region has run back to its start.
    """
    values = list(items)
    deepest = max(carried, default=0)
    while consumed < deepest:
        consumed += 1
        values.insert(0, Input(consumed))
    while values and consumed and values[0] == Input(consumed) and consumed not in carried:
        values.pop(0)
        consumed -= 1
    if not consumed:
        if not values:
            return []
        if len(values) == 1:
            return [f"stack.append({values[0].text})"]
        return [f"stack += ({', '.join(value.text for value in values)})"]
    if not values:
        return [f"del stack[-{consumed}:]"]
    return [f"stack[-{consumed}:] = ({', '.join(value.text for value in values)},)"]
