import pytest

from vm.forks import Fork, ForkSchedule, InvalidForkSchedule


def test_a_schedule_switches_at_its_block_numbers() -> None:
    schedule = ForkSchedule(((Fork.CANCUN, 0), (Fork.PRAGUE, 10)))
    assert [schedule.at(number) for number in (0, 9, 10, 11)] == [
        Fork.CANCUN,
        Fork.CANCUN,
        Fork.PRAGUE,
        Fork.PRAGUE,
    ]


def test_of_two_rule_sets_at_block_0_the_later_one_is_active() -> None:
    assert ForkSchedule(((Fork.CANCUN, 0), (Fork.PRAGUE, 0))).at(0) is Fork.PRAGUE


@pytest.mark.parametrize(
    "activations",
    [
        (),
        ((Fork.PRAGUE, 1),),
        ((Fork.PRAGUE, 0), (Fork.CANCUN, 5)),
        ((Fork.CANCUN, 0), (Fork.CANCUN, 5)),
    ],
)
def test_a_schedule_that_goes_back_or_starts_late_is_refused(
    activations: tuple[tuple[Fork, int], ...],
) -> None:
    with pytest.raises(InvalidForkSchedule):
        ForkSchedule(activations)
