"""Secrets: what they are for. Their values are no part of this."""

from __future__ import annotations

import pytest

from kvmweb.core.devices import SecretUsage
from kvmweb.definitions import secrets


@pytest.mark.parametrize("usage", [usage for usage in SecretUsage if usage != "none"])
def test_what_is_built_is_read_again(usage: SecretUsage) -> None:
    xml = secrets.build(usage, "</usage>&name", "a <b>", is_private=True, is_ephemeral=False)
    found = secrets.parse(xml)
    assert (found.usage, found.usage_id, found.description) == (usage, "</usage>&name", "a <b>")
    assert (found.is_private, found.is_ephemeral) == (True, False)


def test_one_without_a_use_is_known_by_its_uuid_alone() -> None:
    xml = secrets.build(SecretUsage.NONE, "", "", is_private=False, is_ephemeral=True)
    found = secrets.parse(xml.replace("<secret ", "<secret "))
    assert (found.usage, found.usage_id, found.is_ephemeral) == (SecretUsage.NONE, "", True)


@pytest.mark.parametrize(
    ("auth", "is_used"),
    [
        ("<secret uuid='3e3fce45-4f53-4fa7-bb32-11f34168b82b'/>", True),
        ("<secret usage='client.admin'/>", True),
        ("<secret usage='client.other'/>", False),
        ("", False),
    ],
)
def test_a_pool_uses_it_by_uuid_or_by_name(auth: str, is_used: bool) -> None:
    secret = secrets.parse(
        """<secret ephemeral='no' private='yes'><uuid>3e3fce45-4f53-4fa7-bb32-11f34168b82b</uuid>
        <usage type='ceph'><name>client.admin</name></usage></secret>"""
    )
    pool = f"<pool type='rbd'><source><auth type='ceph' username='a'>{auth}</auth></source></pool>"
    assert secrets.is_used(pool, secret) is is_used
