"""Contracts that stand in the genesis state, at the addresses where tools expect them on every chain.

Owns the table of names, addresses and code. The code lies beside this file with the pre-signed transaction
that proves it (README.md). Never runs anything: whether the code is right is checked by the tests.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from chain.errors import EnvironmentFault
from chain.keccak import keccak256
from chain.types import Address, Hash32, parse_address


@dataclass(frozen=True, slots=True)
class Predeploy:
    """A contract of the genesis state. `code_hash` pins the file that `runtime_code` reads."""

    name: str
    address: Address
    code_hash: Hash32
    purpose: str

    def runtime_code(self) -> bytes:
        """The code that the account holds.

        Raises:
            EnvironmentFault: the file is missing or changed.
        """
        code = _read_hex(f"{self.name}.runtime.hex")
        if keccak256(code) != self.code_hash:
            raise EnvironmentFault(f"installation damaged: the code of predeploy {self.name} was changed")
        return code

    def deployment_transaction(self) -> bytes:
        """Wire bytes of the pre-signed transaction that deploys the contract on other chains.

        Raises:
            EnvironmentFault: the file is missing.
        """
        return _read_hex(f"{self.name}.deployment.hex")


@cache
def _read_hex(file_name: str) -> bytes:
    try:
        return bytes.fromhex(resources.files(__name__).joinpath(file_name).read_text("ascii"))
    except (OSError, ValueError) as error:
        raise EnvironmentFault(f"installation damaged: cannot read {file_name}: {error}") from None


def _predeploy(name: str, address: str, code_hash: str, purpose: str) -> Predeploy:
    return Predeploy(name, parse_address(address), Hash32(bytes.fromhex(code_hash)), purpose)


PREDEPLOYS: Final = MappingProxyType(
    {
        contract.name: contract
        for contract in (
            _predeploy(
                "beacon_roots",
                "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02",
                "f57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c",
                "consensus roots of recent blocks (EIP-4788)",
            ),
            _predeploy(
                "create2_deployer",
                "0x4e59b44847b379578588920cA78FbF26c0B4956C",
                "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989",
                "deploys contracts at addresses that depend on their code only",
            ),
            _predeploy(
                "history_storage",
                "0x0000F90827F1C53a10cb7A02335B175320002935",
                "6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d",
                "hashes of recent blocks (EIP-2935)",
            ),
            _predeploy(
                "multicall3",
                "0xcA11bde05977b3631167028862bE2a173976CA11",
                "d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891",
                "many calls in one",
            ),
        )
    }
)
"""Every contract by name, in order of name."""
