"""py-evm's Prague precompiles, built on py_ecc, as the judge of ours. Slow; never used outside tests."""

from dataclasses import dataclass, field

from eth.exceptions import VMError
from eth.vm.forks.prague.computation import PragueComputation

from chain.types import Address
from vm.forks import Fork
from vm.precompiles import PRECOMPILES, PrecompileFailure


def address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


@dataclass
class _Message:
    data: bytes

    @property
    def data_as_bytes(self) -> bytes:
        return self.data


@dataclass
class _Computation:
    """As much of a py-evm computation as its precompiles use."""

    msg: _Message
    output: bytes = b""
    charged: list[int] = field(default_factory=list)

    def consume_gas(self, amount: int, reason: str) -> None:
        self.charged.append(amount)


def reference(number: int, payload: bytes) -> tuple[int, bytes] | None:
    """(gas, output) of py-evm, or None when its precompile fails."""
    computation = _Computation(_Message(payload))
    try:
        PragueComputation._precompiles[address(number)](computation)
    except VMError:
        return None
    return sum(computation.charged), computation.output


def ours(number: int, payload: bytes, fork: Fork = Fork.PRAGUE) -> tuple[int, bytes] | None:
    """(gas, output) of this project, or None when the precompile fails."""
    precompile = PRECOMPILES[fork][address(number)]
    gas = precompile.gas(payload)
    try:
        return gas, precompile.run(payload)
    except PrecompileFailure:
        return None
