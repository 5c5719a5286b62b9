"""The page of a definition's history: the newest two compared, and one alone as it is."""

from __future__ import annotations

import pytest

from kvmweb.ui import links
from tests.services.stage import mirrored, person
from tests.web.test_guest_pages import signed_in

pytestmark = pytest.mark.django_db


def test_one_version_is_shown_as_it_is_and_two_are_compared() -> None:
    admin = person("ada", "administrator")
    (ref,) = mirrored(1, definition_hash="a", xml="<domain><name>a</name></domain>")
    address = f"{links.of(ref)}definition/history/"
    client = signed_in(admin)
    alone = client.get(address).content.decode()
    assert "&lt;name&gt;a&lt;/name&gt;" in alone
    assert 'type="radio"' not in alone
    assert "Show the difference" not in alone
    mirrored(1, definition_hash="b", xml="<domain><name>b</name></domain>")
    both = client.get(address).content.decode()
    assert "From version 1 to version 2" in both
    assert both.count('type="radio"') == 4
