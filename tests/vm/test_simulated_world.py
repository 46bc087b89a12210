"""Logs and movements of the coin as a simulation shows them."""

from chain.receipt import logs_bloom
from chain.types import Address
from tests.vm.simulated_blocks import (
    CONTRACT,
    COUNTER,
    LOGGER,
    OTHER,
    REVERTER,
    Chain,
    block,
    call,
    contract,
    outcome,
)
from tests.vm.worlds import (
    ALICE,
    BOB,
    assemble,
    funded,
)
from vm.block_simulation import (
    CallOutcome,
)
from vm.creation_address import create_address
from vm.simulated_world import COIN_ADDRESS, TRANSFER_TOPIC


def test_logs_are_numbered_within_their_block_and_undone_ones_leave_gaps() -> None:
    forgetful = LOGGER + REVERTER
    outer = assemble(0, 0, 0, 0, 0, OTHER, "GAS", "CALL") + LOGGER
    chain = Chain(contract(outer).add(OTHER, code=forgetful))
    first, second = chain.simulate(block(call(), call()), block(call()))
    assert [[number for number, _ in found.logs] for found in (*first.calls, *second.calls)] == [
        [1],
        [3],
        [1],
    ]
    assert first.block.header.logs_bloom == logs_bloom([log for _, log in first.calls[0].logs])


def transfers(found: CallOutcome) -> list[tuple[Address, Address, int]]:
    """The logs, which must all be transfers."""
    shown = []
    for _, log in found.logs:
        assert log.address == COIN_ADDRESS
        topic, sender, recipient = log.topics
        assert topic == TRANSFER_TOPIC
        shown.append((Address(sender[12:]), Address(recipient[12:]), int.from_bytes(log.data)))
    return shown


def calling(to: Address, value: int, name: str = "CALL") -> bytes:
    return assemble(0, 0, 0, 0, value, to, "GAS", name, "POP")


def test_movements_of_the_coin_are_shown_as_logs() -> None:
    code = calling(OTHER, 3) + assemble(0, 0, 2, "CREATE") + calling(OTHER, 4, "CALLCODE")
    chain = Chain(
        contract(code, balance=10).add(OTHER, code=assemble(BOB.address, "SELFDESTRUCT"), balance=1)
    )
    assert transfers(outcome(chain, call(value=5), shows_transfers=True)) == [
        (ALICE.address, CONTRACT, 5),
        (CONTRACT, OTHER, 3),
        (OTHER, BOB.address, 4),
        (CONTRACT, create_address(CONTRACT, 1), 2),
        (
            CONTRACT,
            BOB.address,
            10,
        ),  # the code of OTHER, run for CONTRACT by CALLCODE, gives all that is left
    ]
    assert outcome(chain, call(value=5)).logs == ()


def test_what_a_failed_frame_moved_is_not_shown() -> None:
    code = calling(OTHER, 3) + LOGGER + calling(BOB.address, 1)
    chain = Chain(contract(code, balance=10).add(OTHER, code=calling(BOB.address, 1) + REVERTER))
    simulated = chain.simulate(block(call(value=1), call()), shows_transfers=True)[0]
    first, second = simulated.calls
    assert [number for number, _ in first.logs] == [0, 3, 4]
    assert [log.address for _, log in first.logs] == [COIN_ADDRESS, CONTRACT, COIN_ADDRESS]
    assert [number for number, _ in second.logs] == [7, 8]
    logs = [log for _, log in first.logs if log.address == CONTRACT]
    assert simulated.receipts[0].logs == tuple(logs)
    failed = Chain(funded().add(OTHER, code=REVERTER)).simulate(
        block(call(OTHER, value=1)), shows_transfers=True
    )
    assert failed[0].calls[0].logs == ()


def test_showing_transfers_changes_nothing_else() -> None:
    chain = Chain(contract(calling(OTHER, 3) + LOGGER, balance=10).add(OTHER, code=COUNTER))
    plain = chain.simulate(block(call(value=1), call()))
    traced = chain.simulate(block(call(value=1), call()), shows_transfers=True)
    assert plain[0].block.header == traced[0].block.header
