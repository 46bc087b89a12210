import pytest

from vm.forks import Fork
from vm.rules import blob_base_fee, rules_of


@pytest.mark.parametrize(
    ("fork", "excess", "fee"),
    [
        (Fork.CANCUN, 0, 1),
        (Fork.CANCUN, 2_314_057, 1),
        (Fork.CANCUN, 2_314_058, 2),  # the values of go-ethereum's TestCalcBlobFee
        (Fork.CANCUN, 10 * 1024 * 1024, 23),
        (Fork.PRAGUE, 10 * 1024 * 1024, 8),
    ],
)
def test_blob_base_fee_follows_the_fraction_of_the_rule_set(fork: Fork, excess: int, fee: int) -> None:
    assert blob_base_fee(excess, rules_of(fork)) == fee


def test_prague_adds_the_bls_precompiles() -> None:
    cancun, prague = rules_of(Fork.CANCUN).precompiles, rules_of(Fork.PRAGUE).precompiles
    assert sorted(set(prague) - set(cancun)) == [number.to_bytes(20, "big") for number in range(0x0B, 0x12)]
