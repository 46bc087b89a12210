"""Pages of long lists, as Cosmos asks for them.

Owns: what the fields of a PageRequest mean here, and their bounds.
Never does: read a list; the caller's test of an element pays for its reading.
Specification: Cosmos SDK, types/query (PageRequest): either a key or an offset; `nextKey` is empty on the last page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vm.system.framework import require
from vm.system.staking.types import PageRequest, PageResponse

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 200
"""Elements of one page; a greater limit gives as many."""

_KEY_BYTES: Final = 8


def limit_of(request: PageRequest) -> int:
    """How many elements the page may have."""
    return min(request.limit, MAX_LIMIT) or DEFAULT_LIMIT


def start_of(request: PageRequest) -> int | None:
    """The number in the key, None without one."""
    require(len(request.key) in (0, _KEY_BYTES), "page: a key has 8 bytes")
    require(not (request.key and request.offset), "page: either a key or an offset")
    return int.from_bytes(request.key) if request.key else None


def key_from(number: int) -> bytes:
    """A key that `start_of` reads."""
    return number.to_bytes(_KEY_BYTES)


def page_of(
    request: PageRequest, count: int, is_wanted: Callable[[int], bool] | None = None
) -> tuple[Sequence[int], PageResponse]:
    """The indices of one page of a list with `count` elements, of which only the wanted ones count.

    The total is there when it is asked for together with an offset, not with a key.
    """
    start = start_of(request)
    order = range(count - 1, -1, -1) if request.reverse else range(count)
    limit = limit_of(request)
    if start is not None:
        require(start < count, "page: no such key")
        order = order[order.index(start) :]
    counts_all = request.countTotal and start is None
    if is_wanted is None:
        rest = order[request.offset :]
        chosen: Sequence[int] = rest[:limit]
        next_key = key_from(rest[limit]) if len(rest) > limit else b""
        return chosen, PageResponse(next_key, count if counts_all else 0)
    return _filtered(request.offset, limit, order, is_wanted, counts_all)


def _filtered(
    offset: int, limit: int, order: range, is_wanted: Callable[[int], bool], counts_all: bool
) -> tuple[Sequence[int], PageResponse]:
    found: list[int] = []
    total, next_key = 0, b""
    for index in order:
        if not is_wanted(index):
            continue
        total += 1
        if len(found) == limit:
            next_key = next_key or key_from(index)
            if not counts_all:
                break
        elif total > offset:
            found.append(index)
    return found, PageResponse(next_key, total if counts_all else 0)
