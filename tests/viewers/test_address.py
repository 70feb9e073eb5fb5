"""Which address counts, behind as many proxies as there are."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from gtsite.viewers.address import client_network

LIED, CLIENT, BALANCER = "6.6.6.6", "203.0.113.9", "10.0.0.5"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counts"),
    [
        (0, None, "127.0.0.1"),
        (0, LIED, "127.0.0.1"),
        (1, CLIENT, CLIENT),
        (1, f"{LIED}, {CLIENT}", CLIENT),
        (2, f"{CLIENT}, {BALANCER}", CLIENT),
        (2, f"{LIED},{CLIENT} , {BALANCER}", CLIENT),
        (2, CLIENT, "127.0.0.1"),
        (2, "", "127.0.0.1"),
        (2, f"nonsense, {BALANCER}", "127.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        (1, f"::ffff:{CLIENT}", CLIENT),
    ],
)
def test_only_what_our_own_proxies_saw_is_believed(
    settings: Settings, proxies: int, forwarded: str | None, counts: str
) -> None:
    settings.PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_network(RequestFactory().get("/", headers=headers)) == counts


def test_a_socket_without_an_address_is_one_unknown_client() -> None:
    assert client_network(RequestFactory().get("/", REMOTE_ADDR="")) == "unknown"
