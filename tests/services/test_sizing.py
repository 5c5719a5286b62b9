"""Virtual CPUs and memory of real guests: what is so at once, what waits, and what is refused."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid
from kvmweb.core.refs import Ref
from kvmweb.services import sizing
from kvmweb.store.models import AuditEntry
from kvmweb.ui import links
from tests.services.stage import person
from tests.services.workshop import Workshop
from tests.web.test_guest_pages import HTMX, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
MIB = 1024**2
SIZE = {"vcpus": 1, "vcpus_max": 1, "memory": 96 * MIB, "memory_max": 96 * MIB}


def defined(shop: Workshop, **options: Any) -> Ref:
    return shop.define("sized", **options)


def test_a_shut_off_guest_takes_everything_at_once(shop: Workshop, editor: Actor) -> None:
    ref = defined(shop)
    wanted = {"vcpus": 2, "vcpus_max": 4, "memory": 128 * MIB, "memory_max": 256 * MIB}
    assert sizing.resize(editor, ref, **wanted) == {"vcpus": "now", "memory": "now"}
    shop.see(lambda: shop.record(ref).vcpus_max == 4)
    record = shop.record(ref)
    assert {name: getattr(record, name) for name in wanted} == wanted
    assert sizing.resize(editor, ref, **wanted) == {"vcpus": "same", "memory": "same"}
    assert sizing.resize(editor, ref, **SIZE) == {"vcpus": "now", "memory": "now"}
    assert AuditEntry.objects.filter(verb="guest.edit", outcome="ok").count() == 3


def test_a_running_guest_gets_cpus_at_once_and_loses_them_later(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop)
    sizing.resize(editor, ref, **{**SIZE, "vcpus_max": 4})
    shop.lab.virsh("start", ref.id)
    more = {**SIZE, "vcpus": 3, "vcpus_max": 4}
    assert sizing.resize(editor, ref, **more)["vcpus"] == "now"
    assert shop.lab.virsh("vcpucount", ref.id, "--live", "--current") == "3"
    assert sizing.resize(editor, ref, **{**more, "vcpus": 1})["vcpus"] == "next"
    assert shop.lab.virsh("vcpucount", ref.id, "--live", "--current") == "3"
    assert shop.lab.virsh("vcpucount", ref.id, "--config", "--current") == "1"
    assert sizing.resize(editor, ref, **{**more, "vcpus_max": 6})["vcpus"] == "next"


def test_the_dialog_starts_from_what_the_next_start_brings(shop: Workshop, admin: Actor) -> None:
    """Opened again and saved as it is, it takes nothing back."""
    ref = defined(shop, kernel=False, start=True)
    wanted = {"vcpus": 2, "vcpus_max": 2, "memory": 64 * MIB, "memory_max": 128 * MIB}
    assert sizing.resize(admin, ref, **wanted) == {"vcpus": "next", "memory": "asked"}
    shop.see(lambda: asdict(sizing.ask(admin, ref)) == wanted)
    client, url = signed_in(admin), f"{links.of(ref)}size/"
    html = client.get(url, **HTMX).content.decode()
    shown = dict(re.findall(r'name="(\w+)" value="([^"]*)"', html))
    assert {shown[name] for name in ("vcpus", "vcpus_max")} == {"2"}
    assert (shown["memory"], shown["memory_max"]) == ("64 MiB", "128 MiB")
    assert html.count("The running guest has 1.") == 2
    assert html.count("The running guest has 96 MiB.") == 2


def test_a_balloon_that_nobody_drives_is_told(shop: Workshop, editor: Actor) -> None:
    """The guest has no driver: libvirt says yes, and nothing happens."""
    ref = defined(shop, kernel=False, start=True)
    less = {**SIZE, "memory": 64 * MIB}
    assert sizing.resize(editor, ref, **less)["memory"] == "asked"
    more = {**SIZE, "memory": 128 * MIB, "memory_max": 128 * MIB}
    assert sizing.resize(editor, ref, **more)["memory"] == "next"


def test_a_guest_without_a_balloon_keeps_its_memory_until_its_next_start(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop, kernel=False)
    text = shop.lab.virsh("dumpxml", ref.id, "--inactive")
    start = text.index("<memballoon")
    end = text.index("</memballoon>", start) + len("</memballoon>")
    bare = shop.lab.folder / "bare.xml"
    bare.write_text(text[:start] + "<memballoon model='none'/>" + text[end:])
    shop.lab.virsh("define", str(bare))
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert sizing.resize(editor, ref, **{**SIZE, "memory": 64 * MIB})["memory"] == "asked"
    assert "<currentMemory unit='KiB'>65536<" in shop.lab.virsh("dumpxml", ref.id, "--inactive")


def test_a_second_writer_gets_a_conflict(shop: Workshop, editor: Actor) -> None:
    ref = defined(shop)
    seen = shop.record(ref).definition_hash
    sizing.resize(editor, ref, **{**SIZE, "vcpus_max": 2}, definition_hash=seen)
    with pytest.raises(Conflict):
        sizing.resize(editor, ref, **{**SIZE, "vcpus_max": 3}, definition_hash=seen)
    assert shop.lab.virsh("vcpucount", ref.id, "--config", "--maximum") == "2"


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"vcpus": 2}, "vcpus", "“Virtual CPUs, at most”"),
        ({"vcpus_max": 4000}, "vcpus_max", "A guest on this host"),
        ({"memory": MIB}, "memory", "At least"),
        ({"memory": 97 * MIB}, "memory", "the greatest value"),
        ({"memory_max": 2**50}, "memory_max", "More than the host has"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    shop: Workshop, editor: Actor, change: dict[str, int], field: str, said: str
) -> None:
    ref = defined(shop)
    with pytest.raises(Invalid) as caught:
        sizing.resize(editor, ref, **{**SIZE, **change})
    assert said in caught.value.fields[field]


def test_who_may_not_edit_is_refused(shop: Workshop) -> None:
    ref = defined(shop)
    with pytest.raises(Denied):
        sizing.resize(person("op", "operator"), ref, **SIZE)
