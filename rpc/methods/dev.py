"""evm_, hardhat_ and anvil_: mining, time, state and snapshots of a development chain.

Owns the names under which Hardhat's and Foundry's tools ask for one and the same thing, and what each expects to hear.
Never there on a node with consensus: then there is no DevBackend, and no method. Never does the work itself.
Specification: @nomicfoundation/hardhat-network-helpers 3, Foundry's `anvil` 1.7 (alloy-rpc-types-anvil).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from chain.types import Address, Hash32
from rpc.backend import ChainBackend
from rpc.dev_backend import AccountChange, DevBackend
from rpc.dispatch.deferred import OnLoop
from rpc.errors import RpcFault
from rpc.methods.dev_accounts import DEFAULT_TIP_WEI
from rpc.params.dev_params import INTERVAL_MS, MINE, NO_FORK, NUMBER, OPTIONAL_NUMBER, SLOT_VALUE, MineRequest
from rpc.params.method import Method, Parameter
from rpc.params.values import ADDRESS, BYTES, HASH, boolean
from rpc.reading.rendering import JsonObject, text
from rpc.services import Services

DONE: Final = {"hardhat": True, "anvil": None}
"""What the two name spaces answer when something was done."""

BOOLEAN: Final = Parameter(boolean)

Handler = Callable[..., object]


def methods(services: Services) -> tuple[Method, ...]:
    """Nothing at all without a development chain."""
    dev = services.dev
    if dev is None:
        return ()
    handlers = DevMethods(services.chain, dev)
    return (*_evm_methods(handlers), *_shared_methods(handlers), *_own_methods(handlers))


def _evm_methods(handlers: DevMethods) -> tuple[Method, ...]:
    return (
        Method("evm_mine", handlers.evm_mine, (MINE,)),
        Method("evm_increaseTime", handlers.increase_time, (NUMBER,)),
        Method("evm_setTime", handlers.set_time, (NUMBER,)),
        Method("evm_setNextBlockTimestamp", handlers.set_next_timestamp, (NUMBER,)),
        Method("evm_setAutomine", handlers.set_automine, (BOOLEAN,)),
        Method("evm_setIntervalMining", handlers.set_interval_ms, (INTERVAL_MS,)),
        Method("evm_setBlockGasLimit", handlers.set_block_gas_limit, (NUMBER,)),
        Method("evm_setAccountNonce", _answering(handlers.set_nonce, None), (ADDRESS, NUMBER)),
        Method("evm_snapshot", handlers.snapshot),
        Method("evm_revert", handlers.revert, (NUMBER,)),
    )


def _shared_methods(handlers: DevMethods) -> tuple[Method, ...]:
    """What hardhat_ and anvil_ both have, and answer as `DONE` says."""
    actions: tuple[tuple[str, Callable[..., Awaitable[None]], tuple[Parameter, ...]], ...] = (
        ("mine", handlers.mine, (OPTIONAL_NUMBER, OPTIONAL_NUMBER)),
        ("setBalance", handlers.set_balance, (ADDRESS, NUMBER)),
        ("setNonce", handlers.set_nonce, (ADDRESS, NUMBER)),
        ("setCode", handlers.set_code, (ADDRESS, BYTES)),
        ("setCoinbase", handlers.set_coinbase, (ADDRESS,)),
        ("setNextBlockBaseFeePerGas", handlers.set_next_base_fee, (NUMBER,)),
        ("setPrevRandao", handlers.set_prev_randao, (HASH,)),
        ("impersonateAccount", handlers.impersonate, (ADDRESS,)),
        ("reset", handlers.reset, (NO_FORK,)),
        ("setLoggingEnabled", handlers.tell_blocks, (BOOLEAN,)),
    )
    return tuple(
        [
            Method(f"{space}_{name}", _answering(action, done), parameters)
            for name, action, parameters in actions
            for space, done in DONE.items()
        ]
    )


def _own_methods(handlers: DevMethods) -> tuple[Method, ...]:
    """What only one of them has, or where they differ."""
    return (
        Method("hardhat_setStorageAt", handlers.set_storage, (ADDRESS, NUMBER, SLOT_VALUE)),
        Method("anvil_setStorageAt", handlers.set_storage, (ADDRESS, NUMBER, SLOT_VALUE)),
        Method("hardhat_stopImpersonatingAccount", handlers.stop_impersonating, (ADDRESS,)),
        Method("anvil_stopImpersonatingAccount", _quiet(handlers.stop_impersonating), (ADDRESS,)),
        Method("hardhat_getAutomine", handlers.automine),
        Method("anvil_getAutomine", handlers.automine),
        Method("hardhat_dropTransaction", handlers.drop, (HASH,)),
        Method("anvil_dropTransaction", handlers.drop_and_tell, (HASH,)),
        Method("anvil_dropAllTransactions", handlers.drop_all),
        Method("hardhat_metadata", handlers.hardhat_metadata),
        Method("anvil_metadata", handlers.anvil_metadata),
        Method("anvil_nodeInfo", handlers.node_info),
        Method("anvil_addBalance", _answering(handlers.add_balance, None), (ADDRESS, NUMBER)),
        Method("anvil_autoImpersonateAccount", handlers.impersonate_all, (BOOLEAN,)),
        Method("anvil_increaseTime", handlers.increase_time, (NUMBER,)),
        Method("anvil_setTime", handlers.set_time, (NUMBER,)),
        Method("anvil_setNextBlockTimestamp", handlers.set_next_timestamp, (NUMBER,)),
        Method("anvil_setBlockTimestampInterval", handlers.set_timestamp_interval, (NUMBER,)),
        Method("anvil_removeBlockTimestampInterval", handlers.remove_timestamp_interval),
        Method("anvil_setAutomine", _quiet(handlers.set_automine), (BOOLEAN,)),
        Method("anvil_setIntervalMining", handlers.set_interval_s, (NUMBER,)),
        Method("anvil_getIntervalMining", handlers.interval_s),
        Method("anvil_setBlockGasLimit", handlers.set_block_gas_limit, (NUMBER,)),
        Method("anvil_snapshot", handlers.snapshot),
        Method("anvil_revert", handlers.revert, (NUMBER,)),
        Method("anvil_setRpcUrl", handlers.refuse_fork, (Parameter(lambda value: value),)),
    )


def _answering(action: Callable[..., Awaitable[None]], answer: object) -> Handler:
    """A handler that does it and says so."""

    def handle(*arguments: object) -> OnLoop:
        async def job() -> object:
            await action(*arguments)
            return answer

        return OnLoop(job)

    return handle


def _quiet(handler: Handler) -> Handler:
    """The same, answered with null."""

    def handle(*arguments: object) -> None:
        handler(*arguments)

    return handle


class DevMethods:
    """Handlers over the development chain; see DevBackend for what they do."""

    def __init__(self, chain: ChainBackend, dev: DevBackend) -> None:
        self._chain = chain
        self._dev = dev

    # --- blocks -------------------------------------------------------------------------------------------

    def evm_mine(self, request: MineRequest) -> OnLoop:
        """evm_mine: `"0x0"`, as Ganache answered."""

        async def job() -> str:
            await self._dev.mine(request.blocks, first_s=request.timestamp)
            return "0x0"

        return OnLoop(job)

    async def mine(self, blocks: int | None, interval_s: int | None) -> None:
        """hardhat_mine, anvil_mine: one block unless told otherwise, a second apart."""
        await self._dev.mine(1 if blocks is None else blocks, interval_s=interval_s)

    def automine(self) -> bool:
        """Whether a transaction is mined at once."""
        return self._dev.automine

    def set_automine(self, enabled: bool) -> bool:
        """evm_setAutomine."""
        self._dev.set_automine(enabled)
        return True

    def set_interval_ms(self, interval_ms: int) -> bool:
        """evm_setIntervalMining; 0 ends it."""
        self._dev.set_interval_ms(interval_ms or None)
        return True

    def set_interval_s(self, interval_s: int) -> None:
        """anvil_setIntervalMining: seconds; 0 ends it."""
        self._dev.set_interval_ms(interval_s * 1000 or None)

    def interval_s(self) -> int | None:
        """anvil_getIntervalMining: seconds."""
        interval_ms = self._dev.interval_ms
        return None if interval_ms is None else interval_ms // 1000

    # --- the next block -----------------------------------------------------------------------------------

    async def set_coinbase(self, address: Address) -> None:
        """Who gets the fees."""
        self._dev.set_coinbase(address)

    async def set_next_base_fee(self, base_fee_per_gas: int) -> None:
        """Of the next block."""
        self._dev.set_next_base_fee(base_fee_per_gas)

    async def set_prev_randao(self, prev_randao: Hash32) -> None:
        """Of the next block."""
        self._dev.set_prev_randao(prev_randao)

    def set_block_gas_limit(self, gas_limit: int) -> bool:
        """Of all blocks from now on."""
        self._dev.set_block_gas_limit(gas_limit)
        return True

    # --- time ---------------------------------------------------------------------------------------------

    def increase_time(self, seconds: int) -> OnLoop:
        """evm_increaseTime: the whole offset in seconds."""
        return OnLoop(lambda: self._dev.increase_time(seconds))

    def set_time(self, time: int) -> OnLoop:
        """evm_setTime: seconds, or milliseconds as JavaScript's clock gives them; answered with the move in seconds."""
        return OnLoop(lambda: self._dev.set_time_ms(time if time >= SMALLEST_TIME_MS else time * 1000))

    def set_next_timestamp(self, time_s: int) -> None:
        """Of the next block."""
        self._dev.set_next_timestamp(time_s)

    def set_timestamp_interval(self, seconds: int) -> None:
        """From each block to the next."""
        self._dev.set_timestamp_interval(seconds)

    def remove_timestamp_interval(self) -> bool:
        """Whether there was one."""
        return self._dev.set_timestamp_interval(None)

    # --- state --------------------------------------------------------------------------------------------

    async def set_balance(self, address: Address, balance: int) -> None:
        """In wei."""
        await self._dev.change_account(address, AccountChange(balance=balance))

    async def add_balance(self, address: Address, added: int) -> None:
        """In wei."""
        await self._dev.change_account(address, AccountChange(added_balance=added))

    async def set_nonce(self, address: Address, nonce: int) -> None:
        """Higher or lower than it was."""
        await self._dev.change_account(address, AccountChange(nonce=nonce))

    async def set_code(self, address: Address, code: bytes) -> None:
        """Of any length; none removes it."""
        await self._dev.change_account(address, AccountChange(code=code))

    def set_storage(self, address: Address, slot: int, value: int) -> OnLoop:
        """One slot."""

        async def job() -> bool:
            await self._dev.set_storage(address, slot, value)
            return True

        return OnLoop(job)

    # --- accounts -----------------------------------------------------------------------------------------

    async def impersonate(self, address: Address) -> None:
        """Until it is stopped."""
        self._dev.impersonate(address)

    def stop_impersonating(self, address: Address) -> bool:
        """Whether it was impersonated."""
        return self._dev.stop_impersonating(address)

    def impersonate_all(self, enabled: bool) -> None:
        """Every account, or only those that were named."""
        self._dev.impersonate_all(enabled)

    # --- the whole chain ----------------------------------------------------------------------------------

    def snapshot(self) -> OnLoop:
        """evm_snapshot: its number."""

        async def job() -> str:
            return hex(await self._dev.snapshot())

        return OnLoop(job)

    def revert(self, number: int) -> OnLoop:
        """evm_revert: whether there was such a snapshot."""
        return OnLoop(lambda: self._dev.revert(number))

    async def reset(self, _options: None) -> None:
        """To the genesis block."""
        await self._dev.reset()

    async def tell_blocks(self, enabled: bool) -> None:
        """Whether the node's log names each block with transactions."""
        self._dev.tell_blocks(enabled)

    def refuse_fork(self, _url: object) -> None:
        """anvil_setRpcUrl is about the chain that was forked."""
        raise RpcFault.DEV_NO_FORKING.error()

    def drop(self, transaction_hash: Hash32) -> OnLoop:
        """hardhat_dropTransaction: whether it waited."""
        return OnLoop(lambda: self._dev.drop_transactions(transaction_hash))

    def drop_and_tell(self, transaction_hash: Hash32) -> OnLoop:
        """anvil_dropTransaction: its hash, or null."""

        async def job() -> str | None:
            return text(transaction_hash) if await self._dev.drop_transactions(transaction_hash) else None

        return OnLoop(job)

    def drop_all(self) -> OnLoop:
        """anvil_dropAllTransactions."""

        async def job() -> None:
            await self._dev.drop_transactions(None)

        return OnLoop(job)

    # --- facts --------------------------------------------------------------------------------------------

    def hardhat_metadata(self) -> JsonObject:
        """Which chain this is."""
        head = self._chain.head()
        return {
            "clientVersion": self._chain.client_version,
            "chainId": self._chain.chain_id,
            "instanceId": text(self._dev.instance()),
            "latestBlockNumber": head.number,
            "latestBlockHash": text(head.hash),
        }

    def anvil_metadata(self) -> JsonObject:
        """The same with anvil's members."""
        return self.hardhat_metadata() | {"forkedNetwork": None, "snapshots": {}}

    def node_info(self) -> JsonObject:
        """anvil_nodeInfo: the environment of the next block."""
        head = self._chain.head()
        header = self._chain.header(head.number)
        environment = self._chain.pending_environment()
        return {
            "currentBlockNumber": hex(head.number),
            "currentBlockTimestamp": header.timestamp if header is not None else 0,
            "currentBlockHash": text(head.hash),
            "hardFork": environment.fork.name.lower(),
            "transactionOrder": "fees",
            "environment": {
                "baseFee": hex(environment.base_fee_per_gas),
                "chainId": environment.chain_id,
                "gasLimit": hex(environment.gas_limit),
                "gasPrice": hex(environment.base_fee_per_gas + DEFAULT_TIP_WEI),
            },
            "forkConfig": {"forkUrl": None, "forkBlockNumber": None, "forkRetryBackoff": None},
            "node": dict(self._dev.status()),
        }


SMALLEST_TIME_MS: Final = 1 << 40
"""As seconds it is the year 36,812, as milliseconds 2004."""
