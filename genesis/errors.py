"""What can be wrong with a genesis file.

Owns the one error of the package, which always says where in the file the fault is.
"""

from chain.errors import EnvironmentFault


class GenesisError(EnvironmentFault):
    """The genesis file of this machine cannot be used. `path` is the JSON path of the fault, such as
    `$.validators[0].power`; `$` is the file as a whole."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"genesis {path}: {reason}")
        self.path = path
        self.reason = reason
