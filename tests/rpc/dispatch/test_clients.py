"""What counts as one client."""

import pytest

from rpc.dispatch.clients import LOCAL, client_of


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_not_one_client(host: str) -> None:
    assert client_of(host) == LOCAL


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:0:0:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("0.0.0.1", "::1:0:0:1", False),
    ],
)
def test_an_ipv4_address_is_a_client_and_so_is_an_ipv6_network(one: str, other: str, same: bool) -> None:
    assert LOCAL not in (client_of(one), client_of(other))
    assert (client_of(one) == client_of(other)) is same
