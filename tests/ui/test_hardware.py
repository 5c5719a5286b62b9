"""Every kind of device, field and change of one has words."""

from __future__ import annotations

import pytest

from kvmweb.core.devices import User
from kvmweb.core.hardware import Device, HardwareLine, HostChoice, Outcome, Pair, Refusal
from kvmweb.core.hardware_kinds import KINDS, OTHER, SOUND, WATCHDOG
from kvmweb.core.records import PendingChange
from kvmweb.core.refs import guest
from kvmweb.ui import hardware as face
from kvmweb.ui import hardware_words as words
from kvmweb.ui import pending


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_a_kind_and_each_of_its_fields_has_a_name(name: str) -> None:
    kind = next(it for it in KINDS if it.name == name)
    assert words.kind(name).label != name
    for field in kind.fields:
        assert words.field(name, field.name) != field.name
    if kind.can_add:
        assert words.kind(name).hint
        for why in set(Refusal) - {Refusal.NONE}:
            assert face.refusal(kind, why)


def test_a_device_that_nobody_knows_is_shown_by_its_element() -> None:
    device = Device("shmem-0-abc", OTHER.name, "shmem", {"type": "x"})
    row = face.row(HardwareLine(Pair(device, device)))
    assert (row.label, row.facts) == ("shmem", "x")


def test_what_waits_is_said_in_words() -> None:
    found = pending.lines(
        (
            PendingChange("video", "", "model", "vga", "virtio"),
            PendingChange("sound", "", "added", then="ich9"),
            PendingChange("agent", "", "removed", now="yes"),
        )
    )
    assert [(it.subject, it.field, it.now, it.then) for it in found] == [
        ("Video card", "Model", "VGA", "VirtIO"),
        ("Sound card", "is added", "", "Intel HDA (ICH9)"),
        ("Guest agent channel", "is removed", "yes", ""),
    ]


def test_a_change_says_when_it_is_so() -> None:
    assert "no free slot" in face.added("rng", Outcome("next", "full"))
    assert "shared memory" in face.added("virtiofs", Outcome("next", "memory"))
    assert "next shut-down" in face.added("sound", Outcome("next", "never"))
    assert "asked to let go" in face.removed("Watchdog", Outcome("asked"))
    assert "at once" in face.takes_effect(WATCHDOG, is_active=True, is_new=True)
    assert "at its next start" in face.takes_effect(SOUND, is_active=True, is_new=True)
    assert face.takes_effect(SOUND, is_active=False, is_new=True) == ""


def test_a_device_of_the_host_names_who_else_has_it_and_what_it_carries() -> None:
    user = User(guest("east", "00000000-0000-4000-8000-000000000001"), "web01")
    one = HostChoice("pci:0000:03:00.0", "Intel 82599", "0000:03:00.0", (user,), ("eth0",))
    two, three = (
        HostChoice(f"usb:1:{number}", "Stick", f"1:{number}", refusal="No.") for number in (1, 2)
    )
    assert face.host_choices([one, two]) == [
        (
            "pci:0000:03:00.0",
            "Intel 82599 (0000:03:00.0) · also defined for web01 · the host reaches eth0"
            " through it",
        )
    ]
    assert face.refused([one, two, three]) == [("No.", ["Stick (1:1)", "Stick (1:2)"])]
