"""Room for 1024 nested calls on the interpreter's stack.

Owns: the one place that changes Python's recursion limit.
Never does: enlarge a thread's stack, because none is used: between two frames of the Ethereum engine every
step is a Python function that calls a Python function, which CPython 3.11 and later run without recursing in
C. So the default stack of any thread is enough, and only the counter has to allow the depth. Engines that
cross native code between two calls must run on a thread with a stack of their own.
The limit is a ceiling too: C code that recurses over foreign input (JSON) checks it before it overruns the C
stack. py-evm and py_ecc set 100,000 when they are imported, with which 50,000 nested arrays kill the process.
Specification: yellow paper, the call depth limit of 1024.
"""

from __future__ import annotations

import sys

from vm.gas import CALL_DEPTH_LIMIT

# Measured: a nested CALL takes 6 Python frames in the interpreter and 7 in compiled code (engine, loop, region,
# instruction, call path), a nested CREATE 9; a system contract that calls from a helper of a helper 10, traced 11. The
# spare part is for the event loop and what calls the executor.
FRAMES_PER_CALL = 13
FRAMES_AROUND = 2_000
RECURSION_LIMIT = CALL_DEPTH_LIMIT * FRAMES_PER_CALL + FRAMES_AROUND


def ensure_call_stack() -> None:
    """Sets the recursion limit of the process to RECURSION_LIMIT. Call after the imports of py-evm. Idempotent."""
    sys.setrecursionlimit(RECURSION_LIMIT)
