"""What is known about one piece of bytecode, and how long it is kept.

Owns: Code, which collects decoded blocks and compiled regions, and the cache of them, bounded by bytes.
Never does: execute.

Several threads may run the same Code at once. All they share are dictionaries from positions to finished objects, each
written in one step; two threads that decode the same block write equal ones. Counters may lose a count.
"""

from __future__ import annotations

from threading import Lock

from vm.evm.blocks import FALL, Block, CompiledRegion, Entry, Program, decode
from vm.evm.jump_table import JUMPDEST, jump_table

VISITS_BEFORE_DECODING = 8
"""So often a block runs by single steps. Decoding takes some six times as long as running once, so whoever pays for
the visits has paid for it."""

CODE_BYTES_LIMIT = 8 << 20
"""The most that is decoded of one piece of code. 24 KB from a compiler take less than 2 MB; blocks that overlap on
purpose would take 100 MB. Beyond, single steps go on."""

CACHE_BYTES_LIMIT = 128 << 20

_CODE_BYTES = 1_000
_VISIT_BYTES = 100


class Code:
    """One piece of bytecode under one instruction set.

    entries: what runs at a position that control has arrived at often enough: a Block, or the region that the compiler
    has put in its place. heat: gas that the interpreter has spent here, calls left out. size_bytes: an estimate of the
    memory that all this takes; compiled_bytes: the regions' part. cache: None for init code, which is not kept.
    """

    __slots__ = (
        "_table",
        "_visits",
        "cache",
        "compiled_bytes",
        "entries",
        "heat",
        "program",
        "raw",
        "size_bytes",
    )

    def __init__(self, raw: bytes, program: Program, cache: CodeCache | None = None) -> None:
        self.raw = raw
        self.program = program
        self.cache = cache
        self.entries: dict[int, Entry] = {}
        self.heat = 0
        self.compiled_bytes = 0
        self.size_bytes = _CODE_BYTES + len(raw)
        self._visits: dict[int, int] = {}
        self._table: bytes | None = None

    def grow(self, size_bytes: int) -> None:
        """Notes that more memory is kept for this code, or less."""
        self.size_bytes += size_bytes
        if self.cache is not None:
            self.cache.note_growth(size_bytes)

    def visit(self, position: int) -> bool:
        """Control has arrived at `position`, where no entry is. True if there is one now."""
        visits = self._visits.get(position, 0) + 1
        if visits == 1:
            self.grow(_VISIT_BYTES)
        self._visits[position] = visits
        if visits < VISITS_BEFORE_DECODING or self.size_bytes > CODE_BYTES_LIMIT:
            return False
        block = decode(self.raw, position, self.program, self.is_target)
        self.entries[position] = block
        if block.exit == FALL:
            # Single steps run through the bound on a block's length, so what follows has been run as often.
            self._visits.setdefault(block.following, VISITS_BEFORE_DECODING - 1)
        self.grow(block.size_bytes)
        return True

    def is_target(self, destination: int) -> bool:
        """Whether a jump may land at `destination`."""
        raw = self.raw
        if destination >= len(raw) or raw[destination] != JUMPDEST:
            return False
        table = self._table or self.jump_table()
        return table[destination >> 3] >> (destination & 7) & 1 == 1

    def jump_table(self) -> bytes:
        """vm.evm.jump_table.jump_table of this code, searched for once."""
        table = self._table
        if table is None:
            table = self._table = jump_table(self.raw)
            self.grow(len(table))
        return table

    # --- what the compiler does with it

    def was_visited(self, position: int) -> bool:
        """Whether the interpreter has ever arrived at `position`."""
        return position in self._visits

    def put_region(self, position: int, region: CompiledRegion, size_bytes: int) -> None:
        """`region` runs at `position` from now on."""
        replaced = self.entries.get(position)
        self.entries[position] = region
        self.compiled_bytes += size_bytes
        self.grow(size_bytes - (replaced.size_bytes if type(replaced) is Block else 0))

    def forget_block(self, position: int) -> None:
        """Drops the block at `position`, if one is there; it is decoded again if control still arrives there."""
        entry = self.entries.get(position)
        if type(entry) is Block:
            del self.entries[position]
            self.grow(-entry.size_bytes)


class CodeCache:
    """Codes by their bytes, the longest unused given up when they take more than `limit_bytes`. For any thread.

    Two generations: what is used moves to the young one, and when that has half of the bytes it becomes the old one,
    whose rest is dropped. So a use costs one look-up and no lock.
    """

    def __init__(
        self, program: Program, limit_bytes: int = CACHE_BYTES_LIMIT, code_class: type[Code] = Code
    ) -> None:
        self.program = program
        self._code_class = code_class
        self._half_bytes = limit_bytes // 2
        self._young: dict[bytes, Code] = {}
        self._old: dict[bytes, Code] = {}
        self._young_bytes = 0
        self._lock = Lock()

    def get(self, raw: bytes) -> Code:
        """The Code of `raw`, made if it is not kept."""
        return self._young.get(raw) or self._promoted(raw)

    def _promoted(self, raw: bytes) -> Code:
        with self._lock:
            code = self._young.get(raw) or self._old.pop(raw, None)
            if code is None:
                code = self._code_class(raw, self.program, self)
            if raw not in self._young:
                self._young[raw] = code
                self._young_bytes += code.size_bytes
            self._turn()
            return code

    def note_growth(self, size_bytes: int) -> None:
        """Something in a Code has grown."""
        self._young_bytes += size_bytes
        if self._young_bytes > self._half_bytes:
            with self._lock:
                self._turn()

    def _turn(self) -> None:
        if self._young_bytes > self._half_bytes:
            self._old = self._young
            self._young = {}
            self._young_bytes = 0

    @property
    def codes(self) -> tuple[Code, ...]:
        """All that are kept."""
        with self._lock:
            return (*self._young.values(), *self._old.values())

    @property
    def size_bytes(self) -> int:
        """An estimate of the memory that all of them take."""
        return sum([code.size_bytes for code in self.codes])
