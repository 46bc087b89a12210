"""What `start --dev` prints before it starts: accounts, keys, and where to reach the chain.

Owns the text, in the shape that anvil's users know. Never starts anything.
"""

from __future__ import annotations

from chain.types import checksum_address
from genesis import AUR, DEV_CHAIN_IDS, DEV_MNEMONIC, Genesis, dev_accounts
from node.chain_start import read_chain
from node.config import RpcSettings
from node.dev.service import DevOptions
from node.home import NodeHome


def dev_banner(home: NodeHome, rpc: RpcSettings, options: DevOptions) -> str:
    """The text. Raises EnvironmentFault for a genesis file that cannot be read."""
    genesis = read_chain(home.genesis).genesis
    accounts = _accounts(genesis) if genesis.chain_id in DEV_CHAIN_IDS else []
    sections = [
        *accounts,
        ("Chain ID", [str(genesis.chain_id)]),
        ("Base Fee", [f"{genesis.base_fee_per_gas} wei in the genesis block"]),
        ("Gas Limit", [f"{genesis.gas_limit} per block"]),
        ("Genesis Timestamp", [str(genesis.timestamp)]),
        ("Blocks", [_mining(options)]),
        ("Home", [str(home.root)]),
        ("Listening on", [f"http://{rpc.host}:{rpc.port or '(the log says which port)'}"]),
    ]
    return "\n".join(
        [f"{title}\n{'=' * len(title)}\n" + "\n".join(lines) + "\n" for title, lines in sections]
    )


def _accounts(genesis: Genesis) -> list[tuple[str, list[str]]]:
    keys = dev_accounts(genesis.chain_id)
    balances = [
        genesis.allocations[key.address].balance // AUR if key.address in genesis.allocations else 0
        for key in keys
    ]
    return [
        (
            "Available Accounts",
            [
                f"({index}) {checksum_address(key.address)} ({balance:,} AUR in the genesis block)"
                for index, (key, balance) in enumerate(zip(keys, balances, strict=True))
            ],
        ),
        (
            "Private Keys",
            [
                "Everybody has these keys: nothing of value may ever belong to them.",
                *[f"({index}) 0x{key.secret.hex()}" for index, key in enumerate(keys)],
            ],
        ),
        ("Wallet", [f"Mnemonic:        {DEV_MNEMONIC}", "Derivation path: m/44'/60'/0'/0/"]),
    ]


def _mining(options: DevOptions) -> str:
    if options.interval_ms is not None:
        return f"every {options.interval_ms / 1000:g} s"
    return "with each transaction" if options.automine else "on request only (evm_mine)"
