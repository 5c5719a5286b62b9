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
from kvmweb.web.sizing import said
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


def test_the_dialog_of_a_second_writer_stays_and_says_what_is_there(
    shop: Workshop, admin: Actor
) -> None:
    ref = defined(shop)
    seen = shop.record(ref).definition_hash
    sizing.resize(admin, ref, **{**SIZE, "memory_max": 128 * MIB}, definition_hash=seen)
    shop.see(lambda: shop.record(ref).definition_hash != seen)
    sent = {"vcpus": 1, "vcpus_max": 1, "memory": "64M", "memory_max": "96M"}
    client, url = signed_in(admin), f"{links.of(ref)}size/"
    answer = client.post(url, {**sent, "definition_hash": seen}, **HTMX)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "What you typed is kept." in html
    assert 'value="64M"' in html
    assert re.findall(r"Now there: [^.]+", html) == ["Now there: 96 MiB", "Now there: 128 MiB"]


@pytest.mark.parametrize(
    ("vcpus", "memory", "told"),
    [
        ("same", "next", ["It is so after the next"]),
        ("now", "same", ["It is so already"]),
        ("next", "now", ["memory is so already", "virtual CPUs after the next"]),
        ("now", "next", ["virtual CPUs are so already", "memory after the next"]),
        ("next", "asked", ["no balloon driver", "virtual CPUs are so after the next"]),
        ("now", "asked", ["no balloon driver", "virtual CPUs are so already"]),
    ],
)
def test_what_came_of_the_one_does_not_hide_the_other(
    vcpus: str, memory: str, told: list[str]
) -> None:
    sentence = said({"vcpus": vcpus, "memory": memory})
    assert [part for part in told if part in sentence] == told


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"vcpus": 2}, "vcpus", "“Virtual CPUs, at most”"),
        ({"vcpus_max": 4000}, "vcpus_max", "A guest on this host"),
        ({"memory": MIB}, "memory", "At least"),
        ({"memory": 97 * MIB}, "memory", "the greatest value"),
        ({"memory_max": 2**50}, "memory_max", "More than the host has"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    shop: Workshop, editor: Actor, change: dict[str, int], field: str, why: str
) -> None:
    ref = defined(shop)
    with pytest.raises(Invalid) as caught:
        sizing.resize(editor, ref, **{**SIZE, **change})
    assert why in caught.value.fields[field]


def test_who_may_not_edit_is_refused(shop: Workshop) -> None:
    ref = defined(shop)
    with pytest.raises(Denied):
        sizing.resize(person("op", "operator"), ref, **SIZE)
