"""A guest that is held while its copies are cut: whatever its agent does, it is asked to let go."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from kvmweb.hypervisor import agent_acts, live_copies, metadata

UUID = "00000000-0000-4000-8000-00000000beef"
XML = (
    "<domain type='qemu'><name>a</name><devices><channel type='unix'>"
    "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>"
    "</channel></devices></domain>"
)


class Guest:
    """A connection and its one domain. mute: what its agent does not answer."""

    def __init__(self, *mute: str) -> None:
        self.mute = mute
        self.did: list[Any] = []

    def _do(self, what: str) -> int:
        self.did.append(what)
        if what in self.mute:
            error = libvirt.libvirtError("silent")
            error.err = (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, 0, "silent", 2, "", "", "", 0, 0)
            raise error
        return 1

    def __getattr__(self, name: str) -> Any:
        says = {
            "lookupByUUIDString": self,
            "state": (libvirt.VIR_DOMAIN_RUNNING, 0),
            "XMLDesc": XML,
            "UUIDString": UUID,
            "name": "a",
        }
        return lambda *args: (
            says[name] if name in says
            else self.did.append(args[0]) if name == "agentSetResponseTimeout"
            else self._do(name)
        )  # fmt: skip


@pytest.fixture(autouse=True)
def unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "mark_live", lambda *_any: None)


def held(guest: Any) -> tuple[str, bool]:
    with live_copies._held(guest, guest) as hold:
        guest.did.append("cut")
    return hold.how, hold.is_unsure


LIMIT, LEFT = agent_acts.FREEZE_S, 60


def limited(act: str) -> list[Any]:
    return [LIMIT, act, LEFT]


def test_freeze_and_thaw_have_a_limit() -> None:
    guest = Guest()
    assert held(guest) == (live_copies.FROZEN, False)
    assert guest.did == [*limited("fsFreeze"), "cut", *limited("fsThaw")]


def test_a_slow_agent_is_asked_to_thaw_before_it_is_paused() -> None:
    guest = Guest("fsFreeze")
    assert held(guest) == (live_copies.PAUSED, False)
    assert guest.did == [*limited("fsFreeze"), *limited("fsThaw"), "suspend", "cut", "resume"]


@pytest.mark.parametrize(
    ("mute", "how"),
    [(("fsFreeze", "fsThaw"), live_copies.PAUSED), (("fsThaw",), live_copies.FROZEN)],
)
def test_what_may_stay_frozen_is_said(
    mute: tuple[str, ...], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert held(Guest(*mute)) == (how, True)
    assert "may be frozen" in caplog.text
