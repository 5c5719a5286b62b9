"""Lines for a shell: what is copied does exactly this, whatever the guest is called."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from kvmweb.core import refs
from kvmweb.core.cloning import DiskPlan, Original, Way
from kvmweb.core.offers import Offer
from kvmweb.core.records import GuestState
from kvmweb.services.power import TABLE
from kvmweb.ui import cloning, commands
from tests.hub import plain

GUEST = replace(plain.GUEST, uuid=plain.uuid(1), name="web01")
URI = "qemu+ssh://op@east/system?keyfile=/a b"


@pytest.mark.parametrize("word", TABLE)
def test_every_offer_has_a_line(word: str) -> None:
    line = commands.guest(URI, word, GUEST)
    by_virsh, by_clone = ["virsh", "-c", URI], ["virt-clone", "--connect", URI]
    expected = by_clone if word == "guest.clone" else by_virsh
    assert shlex.split(line.splitlines()[0])[:3] == expected
    assert "web01" in line


def test_lines_are_those_of_virsh() -> None:
    def said(word: str, **facts: object) -> str:
        record = replace(GUEST, **facts)  # type: ignore[arg-type]
        return commands.guest("qemu:///system", word, record)

    start = "virsh -c qemu:///system "
    assert said("guest.shutdown_agent") == f"{start}shutdown web01 --mode agent"
    assert said("guest.save") == f"{start}managedsave web01"
    assert said("guest.autostart", has_autostart=True) == f"{start}autostart web01 --disable"
    described = said("guest.describe", title="it's; $(x)", state=GuestState.RUNNING)
    words = shlex.split(described.splitlines()[0])
    assert words[-1] == "it's; $(x)"
    assert "--live" in words
    assert "--config" in words


NAMES = ["-rf", "12", "a b", "$(reboot)", "x\u202ey", "网站", "a'b", "<b>"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_virsh_or_a_shell_would_misread_becomes_the_uuid(name: str) -> None:
    assert commands.guest_word(name, plain.uuid(1)) == plain.uuid(1)


def test_offers_carry_their_line() -> None:
    (offer,) = commands.with_commands([Offer("guest.nmi")], "", GUEST)
    assert offer.command == "virsh inject-nmi web01"


def test_a_linked_clone_gets_images_of_its_own_and_never_the_original_s() -> None:
    def disk(target: str, *ways: Way) -> DiskPlan:
        return DiskPlan(
            target, f"/images/{target}.qcow2", "disk", False, ways, pool_name="default",
            name=f"{target}.qcow2", format="qcow2", capacity=64,
        )  # fmt: skip

    both = (disk("vda", Way.COPY, Way.LINK), disk("vdb", Way.COPY, Way.SHARE), disk("sda"))
    found = Original(refs.guest("east", "u"), "golden", "East", "", "h", "golden-clone", both, ())
    copied = cloning.command(found, "web01", {"vda": "copy", "vdb": "share"})
    assert copied == "virt-clone --original golden --name web01 --auto-clone --skip-copy vdb"
    linked = cloning.command(found, "web01", {"vda": "link", "vdb": "copy"}).splitlines()
    assert linked == [
        "virsh vol-create-as --pool default web01.qcow2 64B --format qcow2"
        " --backing-vol vda.qcow2 --backing-vol-format qcow2",
        "virsh vol-clone --pool default vdb.qcow2 web01-1.qcow2",
        "virt-clone --original golden --name web01 --preserve-data --file /images/web01.qcow2"
        " --file /images/web01-1.qcow2",
    ]
