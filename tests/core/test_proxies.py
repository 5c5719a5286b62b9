"""Whose address is believed behind a proxy."""

from __future__ import annotations

import pytest

from kvmweb.core.proxies import client_of

OURS = ["10.0.0.0/8", "::1"]


@pytest.mark.parametrize("peer", ["10.1.2.3", "::1"])
def test_a_configured_proxy_is_believed(peer: str) -> None:
    assert client_of(peer, "192.0.2.7", "https", OURS) == ("192.0.2.7", True)
    assert client_of(peer, "192.0.2.7", "http", OURS) == ("192.0.2.7", False)


@pytest.mark.parametrize("peer", ["198.51.100.1", "::2", "", "somewhere"])
def test_anybody_else_is_not(peer: str) -> None:
    assert client_of(peer, "192.0.2.7", "https", OURS) == (peer, False)


def test_what_the_client_wrote_before_the_proxy_counts_for_nothing() -> None:
    assert client_of("10.1.2.3", "127.0.0.1, 192.0.2.7", "", OURS)[0] == "192.0.2.7"


def test_a_proxy_that_says_nothing_is_the_client_itself() -> None:
    assert client_of("10.1.2.3", "", "", OURS) == ("10.1.2.3", False)
