"""The rules of the determinism lint, and how the syntax tree is searched for what breaks them.

Owns: one table from node type to checks; each check answers with findings.
Never does: read files or decide which of them are contracts (vm/system/tooling/lint.py).
Why these: what a contract computes must depend on its arguments, the state and the block alone. Floats round, sets and
hashes differ between processes, the tables of Unicode between interpreters; an error that is caught leaves half of its
effects; a value kept in Python outlives a reverted call.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final


class Profile(IntEnum):
    """How strictly a file is read."""

    NONE = 0
    FRAMEWORK = 1
    CONTRACT = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule. mark: the word of the comment that may excuse it."""

    path: str
    line: int
    rule: str
    message: str
    mark: str = "deterministic"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule} {self.message}"


@dataclass(frozen=True, slots=True)
class Declarations:
    """Names of class attributes that are declared with an annotation: which are maps, arrays, anything."""

    maps: frozenset[str] = frozenset()
    arrays: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()

    def with_others(self, others: Declarations) -> Declarations:
        """Both together."""
        return Declarations(self.maps | others.maps, self.arrays | others.arrays, self.fields | others.fields)


@dataclass(slots=True)
class _Place:
    """What a check must know besides its node."""

    path: str
    declared: Declarations
    bound: Mapping[str, None]
    """Names that the module itself gives a meaning, as the argument `id` of a token."""
    findings: list[Finding] = field(default_factory=list)

    def report(self, node: ast.AST, rule: str, message: str, mark: str = "deterministic") -> None:
        self.findings.append(Finding(self.path, getattr(node, "lineno", 1), rule, message, mark))


ALLOWED_IMPORTS: Final = frozenset({
    "__future__", "abc", "base64", "binascii", "chain", "collections.abc", "dataclasses", "enum", "state", "types",
    "typing", "vm",
})  # fmt: skip
"""What a contract may import: modules without clock, chance, machine or memory. `math` has its own table."""

WHOLE_NUMBER_MATHS: Final = frozenset({"comb", "factorial", "gcd", "isqrt", "lcm"})

CHANCE_AND_MACHINE: Final = frozenset({
    "asyncio", "datetime", "locale", "multiprocessing", "os", "platform", "random", "secrets", "socket", "subprocess",
    "threading", "time", "uuid",
})  # fmt: skip
"""What the framework may not import either."""

FORBIDDEN_CALLS: Final[Mapping[str, str]] = {
    "id": "an object's address differs between runs",
    "hash": "hash() differs between runs",
    "float": "floats round differently from integers; use whole numbers",
    "complex": "floats round differently from integers; use whole numbers",
    "round": "round() works on floats; use // with whole numbers",
    "set": "the order of a set differs between runs; use a dict or a tuple",
    "frozenset": "the order of a set differs between runs; use a dict or a tuple",
    "globals": "the names of a module are no data",
    "locals": "local names are no data",
    "vars": "an object's names are no data",
    "dir": "an object's names are no data",
    "eval": "code must stand in the source",
    "exec": "code must stand in the source",
    "compile": "code must stand in the source",
    "__import__": "code must stand in the source",
    "open": "contracts know no files",
    "input": "contracts know no terminal",
    "print": "contracts know no terminal; emit an event",
    "setattr": "storage is written by its name",
    "delattr": "storage is written by its name",
    "repr": "an object's text may hold its address in memory",
    "ascii": "an object's text may hold its address in memory",
}
FRAMEWORK_CALLS: Final = frozenset({"hash", "float", "complex", "round", "open", "input", "print"})

UNICODE_METHODS: Final = frozenset({
    "capitalize", "casefold", "isalnum", "isalpha", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric",
    "isprintable", "isspace", "istitle", "isupper", "lower", "swapcase", "title", "upper",
})  # fmt: skip

HIDDEN_ATTRIBUTES: Final[Mapping[str, str]] = {
    "origin": "who signed the transaction has no say: authority is self.sender alone",
    "tx_origin": "who signed the transaction has no say: authority is self.sender alone",
    "gas_price": "what gas costs must not decide what a contract does",
    "__dict__": "an object's names are no data",
    "__subclasses__": "which classes are loaded differs between programs",
    "environ": "contracts know no machine",
}

SWALLOWED: Final = frozenset({
    "BaseException", "ContractError", "Exception", "OutOfGas", "Panic", "Revert",
})  # fmt: skip
MUTABLE_CALLS: Final = frozenset({
    "bytearray", "Counter", "defaultdict", "deque", "dict", "list", "OrderedDict", "set",
})  # fmt: skip
READ_ONLY_ANNOTATIONS: Final = ("Mapping", "Sequence", "Final[Mapping", "Final[Sequence", "ClassVar[Mapping",
                                "ClassVar[Sequence")  # fmt: skip
CACHES: Final = frozenset({"cache", "cached_property", "lru_cache"})


def declarations_of(tree: ast.Module) -> Declarations:
    """The annotated class attributes of a module."""
    maps: dict[str, None] = {}
    arrays: dict[str, None] = {}
    fields: dict[str, None] = {}
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.ClassDef):
            continue
        for node in owner.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name, kind = node.target.id, _base_name(node.annotation)
                fields[name] = None
                if kind == "Map":
                    maps[name] = None
                elif kind == "Array":
                    arrays[name] = None
    return Declarations(frozenset(maps), frozenset(arrays), frozenset(fields))


def check(tree: ast.Module, path: str, profile: Profile, declared: Declarations) -> list[Finding]:
    """All findings in a module, before any excuse is heard."""
    place = _Place(path, declared, _bound_names(tree))
    if profile is Profile.NONE:
        return []
    checks = CONTRACT_CHECKS if profile is Profile.CONTRACT else FRAMEWORK_CHECKS
    for node in _walk(tree):
        for one in checks.get(type(node), ()):
            one(node, place)
    if profile is Profile.CONTRACT:
        _check_shared_values(tree, place)
    return place.findings


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but what runs while a class is made, or a value of one: contracts have no constructor of Python's."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.FunctionDef) and child.name in ("__init__", "__init_subclass__")):
                stack.append(child)


def _bound_names(tree: ast.AST) -> dict[str, None]:
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            names[node.arg] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names[node.id] = None
    return names


# --- numbers ------------------------------------------------------------------------------------------------------


def _check_constant(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        place.report(node, "FLOAT", f"{node.value!r} is a float; use whole numbers of a smaller unit")


def _check_operator(node: ast.AST, place: _Place) -> None:
    if not isinstance(node, ast.BinOp | ast.AugAssign):
        return
    if isinstance(node.op, ast.Div):
        place.report(node, "FLOAT", "/ makes a float; use //")
    elif isinstance(node.op, ast.Pow):
        exponent = node.right if isinstance(node, ast.BinOp) else node.value
        if isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, ast.USub):
            place.report(node, "FLOAT", "a negative power is a float")


def _check_identity(node: ast.AST, place: _Place) -> None:
    if not isinstance(node, ast.Compare):
        return
    sides = [node.left, *node.comparators]
    for index, operator in enumerate(node.ops):
        if isinstance(operator, ast.Is | ast.IsNot):
            for side in sides[index : index + 2]:
                if _is_value(side):
                    place.report(node, "IDENTITY", "`is` compares objects, not values; use == or !=")
                    break


def _is_value(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_value(node.operand)
    if isinstance(node, ast.BinOp | ast.JoinedStr | ast.Tuple):
        return True
    return isinstance(node, ast.Constant) and not (
        node.value is None or isinstance(node.value, bool) or node.value is Ellipsis
    )


# --- order and chance -----------------------------------------------------------------------------------------------


def _check_set(node: ast.AST, place: _Place) -> None:
    place.report(node, "SET", "the order of a set differs between runs; use a dict or a tuple")


def _check_call(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        reason = FORBIDDEN_CALLS.get(node.func.id)
        if reason is not None:
            rule = "SET" if node.func.id in ("set", "frozenset") else "CALL"
            place.report(node, rule, f"{node.func.id}(): {reason}")
        elif node.func.id == "suppress":
            place.report(node, "SWALLOW", "an error that is caught leaves half of its effects")


def _check_passed_function(node: ast.AST, place: _Place) -> None:
    """A forbidden function that somebody else is to call: `sorted(names, key=hash)`."""
    if not isinstance(node, ast.Call) or _base_name(node.func) in ("isinstance", "issubclass", "cast"):
        return
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        if isinstance(argument, ast.Name) and argument.id not in place.bound:
            reason = FORBIDDEN_CALLS.get(argument.id)
            if reason is not None:
                place.report(argument, "CALL", f"{argument.id}: {reason}")


def _check_view_of_dict(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.Sub):
        for side in (node.left, node.right):
            if isinstance(side, ast.Call) and _base_name(side.func) in ("keys", "items"):
                place.report(node, "SET", "operators on keys() and items() make a set")
                return


def _check_framework_call(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FRAMEWORK_CALLS:
        place.report(node, "CALL", f"{node.func.id}(): {FORBIDDEN_CALLS[node.func.id]}")


def _check_attribute(node: ast.AST, place: _Place) -> None:
    if not isinstance(node, ast.Attribute):
        return
    reason = HIDDEN_ATTRIBUTES.get(node.attr)
    if reason is not None:
        place.report(node, "HIDDEN", f".{node.attr}: {reason}")
    elif node.attr in UNICODE_METHODS:
        place.report(
            node, "UNICODE", f".{node.attr}() depends on the interpreter's Unicode tables; compare bytes"
        )


def _check_imports(node: ast.AST, place: _Place) -> None:
    for module, name in _imported(node):
        if module == "math":
            if name not in WHOLE_NUMBER_MATHS:
                place.report(
                    node, "IMPORT", f"math.{name or '*'} works on floats; import isqrt, gcd, … by name"
                )
        elif module not in ALLOWED_IMPORTS and module.partition(".")[0] not in ALLOWED_IMPORTS:
            place.report(node, "IMPORT", f"{module}: contracts may not depend on it")


def _check_framework_imports(node: ast.AST, place: _Place) -> None:
    for module, _ in _imported(node):
        if module.partition(".")[0] in CHANCE_AND_MACHINE:
            place.report(node, "IMPORT", f"{module} differs between machines or runs")


def _imported(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """(module, name or None) of an import statement."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, None
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield node.module or "vm", alias.name


def _check_function(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.FunctionDef) and node.args.kwarg is not None:
        place.report(
            node, "ORDER", f"**{node.args.kwarg.arg}: the order of a dict from outside is the caller's"
        )
    for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
        name = _base_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if name in CACHES:
            place.report(node, "STATE", f"@{name} remembers what a reverted call computed")


def _check_async(node: ast.AST, place: _Place) -> None:
    place.report(node, "ASYNC", "contracts run from begin to end in one thread")


# --- errors and state ------------------------------------------------------------------------------------------------


def _check_handler(node: ast.AST, place: _Place) -> None:
    if not isinstance(node, ast.ExceptHandler) or _raises_again(node):
        return
    if node.type is None:
        place.report(node, "SWALLOW", "a bare except hides faults of this program and running out of gas")
        return
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    for name in map(_base_name, caught):
        if name in SWALLOWED:
            text = f"except {name}: an error that is caught leaves half of its effects; use self.call"
            place.report(node, "SWALLOW", text)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise)


def _check_assert(node: ast.AST, place: _Place) -> None:
    place.report(node, "ASSERT", "assert disappears with -O; use require or raise Panic")


def _check_global(node: ast.AST, place: _Place) -> None:
    place.report(node, "STATE", "state belongs into storage: Python's variables outlive a reverted call")


def _check_assignment(node: ast.AST, place: _Place) -> None:
    for target in _targets(node):
        if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Name):
            continue
        owner, name = target.value.id, target.attr
        if owner == "self" or owner == "contract":
            if name in place.declared.maps:
                place.report(node, "MAP", f"{owner}.{name} is a Map: write its entries")
            elif name in place.declared.arrays:
                place.report(node, "MAP", f"{owner}.{name} is an Array: write its elements, append or pop")
            elif name not in place.declared.fields:
                place.report(node, "STATE", f"{owner}.{name} is no declared storage: it would not last")
        elif owner == "cls" or owner[:1].isupper():
            place.report(node, "STATE", f"{owner}.{name} outlives the call: state belongs into storage")


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assign):
        stack = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        stack = [node.target]
    elif isinstance(node, ast.Delete):
        stack = list(node.targets)
    else:
        return
    while stack:
        target = stack.pop()
        if isinstance(target, ast.Tuple | ast.List):
            stack.extend(target.elts)
        elif isinstance(target, ast.Starred):
            stack.append(target.value)
        else:
            yield target


def _check_shared_values(tree: ast.Module, place: _Place) -> None:
    """Lists and dicts that a module or a class keeps; read-only annotations make mypy watch them."""
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for statement in (statement for body in bodies for statement in body):
        if isinstance(statement, ast.Assign):
            value: ast.expr | None = statement.value
            annotation = ""
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in statement.targets):
                continue
        elif isinstance(statement, ast.AnnAssign):
            value, annotation = statement.value, ast.unparse(statement.annotation)
        else:
            continue
        if value is not None and _is_mutable(value) and not annotation.startswith(READ_ONLY_ANNOTATIONS):
            text = "shared and changeable: use a tuple, or annotate it as Mapping or Sequence"
            place.report(statement, "STATE", text)


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return _base_name(value.func) in MUTABLE_CALLS
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


# --- loops -----------------------------------------------------------------------------------------------------------


def _check_loop(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.For):
        source: ast.expr = node.iter
    elif isinstance(node, ast.comprehension):
        source = node.iter
    else:
        return
    name = _stored_array(source, place.declared.arrays)
    if name is not None:
        text = f"a loop over all of {name} grows with the chain: page it, or say why not with # bounded: …"
        place.report(source, "LOOP", text, "bounded")


def _check_while(node: ast.AST, place: _Place) -> None:
    if isinstance(node, ast.While):
        text = "what ends this loop, and after how many rounds? Say it with # bounded: …"
        place.report(node, "LOOP", text, "bounded")


def _stored_array(source: ast.expr, arrays: frozenset[str]) -> str | None:
    """The storage array that a loop's source walks over: itself, its length, or a wrapped form of these."""
    if isinstance(source, ast.Call):
        name = _base_name(source.func)
        if name in ("range", "len", "enumerate", "reversed", "zip", "list", "tuple", "sorted"):
            return next(
                (found for argument in source.args if (found := _stored_array(argument, arrays)) is not None),
                None,
            )
        if isinstance(source.func, ast.Attribute):
            return _stored_array(source.func.value, arrays)
        return None
    if isinstance(source, ast.BinOp):
        left, right = _stored_array(source.left, arrays), _stored_array(source.right, arrays)
        return left if left is not None else right
    if isinstance(source, ast.Attribute) and source.attr in arrays:
        return ast.unparse(source)
    return None


def _base_name(node: ast.expr | None) -> str:
    """`Map` of `Map[a, b]`, `storage.Map` and `"Map[a, b]"`; empty for anything else."""
    if isinstance(node, ast.Subscript):
        return _base_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition("[")[0].rpartition(".")[2]
    return node.id if isinstance(node, ast.Name) else ""


_Check = Callable[[ast.AST, _Place], None]

_NUMBERS: Final[Mapping[type[ast.AST], tuple[_Check, ...]]] = {
    ast.Constant: (_check_constant,),
    ast.BinOp: (_check_operator,),
    ast.Compare: (_check_identity,),
}

FRAMEWORK_CHECKS: Final[Mapping[type[ast.AST], tuple[_Check, ...]]] = {
    **_NUMBERS,
    ast.AugAssign: (_check_operator,),
    ast.Call: (_check_framework_call,),
    ast.Import: (_check_framework_imports,),
    ast.ImportFrom: (_check_framework_imports,),
    ast.AsyncFunctionDef: (_check_async,),
}

CONTRACT_CHECKS: Final[Mapping[type[ast.AST], tuple[_Check, ...]]] = {
    **_NUMBERS,
    ast.AugAssign: (_check_operator, _check_assignment),
    ast.Assign: (_check_assignment,),
    ast.AnnAssign: (_check_assignment,),
    ast.Delete: (_check_assignment,),
    ast.Set: (_check_set,),
    ast.SetComp: (_check_set,),
    ast.BinOp: (_check_operator, _check_view_of_dict),
    ast.Call: (_check_call, _check_passed_function),
    ast.Attribute: (_check_attribute,),
    ast.Import: (_check_imports,),
    ast.ImportFrom: (_check_imports,),
    ast.FunctionDef: (_check_function,),
    ast.AsyncFunctionDef: (_check_async,),
    ast.Await: (_check_async,),
    ast.ExceptHandler: (_check_handler,),
    ast.Assert: (_check_assert,),
    ast.Global: (_check_global,),
    ast.Nonlocal: (_check_global,),
    ast.For: (_check_loop,),
    ast.comprehension: (_check_loop,),
    ast.While: (_check_while,),
}
