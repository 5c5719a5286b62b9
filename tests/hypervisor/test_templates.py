"""The mark of a template, as the host sees it come."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from kvmweb.hypervisor import metadata, templates
from tests.lab.host import LabHost


@pytest.mark.lab
def test_what_is_seen_as_a_template_no_longer_starts_with_its_host(
    lab: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.clear()
    uuid = lab.define_guest("golden")
    lab.virsh("autostart", "golden")
    seen: list[int] = []
    write = metadata.write

    def look(domain: libvirt.virDomain, *args: Any) -> None:
        write(domain, *args)
        seen.append(domain.autostart())

    monkeypatch.setattr(metadata, "write", look)
    connection = libvirt.open(lab.uri)
    templates.mark(connection, uuid, mark={"at": 1.0})
    connection.close()
    assert seen == [0]
