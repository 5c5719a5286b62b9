"""Devices of real guests: added, changed and removed; what is so at once, what waits, what not."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core import hardware_kinds
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid, NotFound, NotSupported
from kvmweb.core.hardware import HardwareLine, Outcome, Refusal, When
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import guest_page, hardware
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
PORTS = "<controller type='pci' model='pcie-root'/>" + 8 * (
    "<controller type='pci' model='pcie-root-port'/>"
)
"""Room to plug things in."""
COLD = (
    ("video", {"model": "virtio"}),
    ("input", {"type": "tablet", "bus": "virtio"}),
    ("sound", {"model": "ich9"}),
    ("serial", {"target": "pci-serial"}),
    ("agent", {}),
    ("rng", {"source": "/dev/urandom"}),
    ("watchdog", {"model": "i6300esb", "action": "pause"}),
    ("panic", {"model": "isa"}),
    ("clipboard", {}),
)
"""What the lab's QEMU can start with."""


def lines(editor: Actor, ref: Ref, kind: str) -> list[HardwareLine]:
    found = guest_page.show(editor, ref).hardware.lines
    return [it for it in found if it.pair.device.kind == kind]


def key(editor: Actor, ref: Ref, kind: str) -> str:
    return lines(editor, ref, kind)[-1].pair.device.key


def dumped(shop: Workshop, ref: Ref, *which: str) -> str:
    return shop.lab.virsh("dumpxml", ref.id, *which)


def add(actor: Actor, ref: Ref, kind: str, **said: Any) -> Outcome:
    return hardware.add(actor, ref, kind, said)


def see(shop: Workshop, actor: Actor, ref: Ref, kind: str, *whens: When) -> None:
    """Until the card says so."""
    shop.see(lambda: [it.pair.when for it in lines(actor, ref, kind)] == [*whens])


def test_a_guest_that_is_off_gets_one_of_each_and_starts(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("laden", kernel=False, memory_mib=128)
    before = {it.pair.device.key for it in guest_page.show(editor, ref).hardware.lines}
    for kind, said in COLD:
        assert hardware.add(editor, ref, kind, said) == Outcome("now"), kind
        see(shop, editor, ref, kind, *[When.NOW] * (1 + (kind in ("video", "serial"))))
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert not shop.record(ref).has_pending_changes
    found = guest_page.show(editor, ref).hardware.lines
    assert {it.pair.when for it in found} == {When.NOW}
    shop.lab.virsh("destroy", ref.id)
    shop.see(lambda: not shop.record(ref).state.is_active)
    for kind, _said in COLD:
        assert hardware.remove(editor, ref, key(editor, ref, kind)).when == "now", kind
        shop.sync()
        shop.see(lambda kind=kind: len(lines(editor, ref, kind)) == (kind in ("video", "serial")))
    left = {it.pair.device.key for it in guest_page.show(editor, ref).hardware.lines}
    assert before <= left  # the controllers that they needed stay


def test_what_can_be_plugged_in_goes_into_a_running_guest_and_out_again(
    shop: Workshop, editor: Actor
) -> None:
    """A guest that boots gives its devices back; no two definitions disagree meanwhile."""
    extra = PORTS + "<controller type='virtio-serial'/>"
    ref = shop.define("hot", extra=extra, start=True)
    shop.lab.wait_ready("hot")
    for kind, said in (
        ("rng", {"source": "/dev/urandom"}),
        ("input", {"type": "keyboard", "bus": "virtio"}),
        ("agent", {}),
    ):
        assert hardware.add(editor, ref, kind, said) == Outcome("now"), kind
        see(shop, editor, ref, kind, When.NOW)
        assert not shop.record(ref).has_pending_changes, kind
    assert "org.qemu.guest_agent.0" in dumped(shop, ref)
    for kind in ("agent", "rng", "input"):
        assert hardware.remove(editor, ref, key(editor, ref, kind)).when == "now", kind
        see(shop, editor, ref, kind)
    assert "<rng" not in dumped(shop, ref) + dumped(shop, ref, "--inactive")


def test_a_running_guest_without_a_free_slot_gets_it_at_its_next_start(
    shop: Workshop, editor: Actor
) -> None:
    ref = shop.define("full", kernel=False, start=True)
    found = [add(editor, ref, "rng", source="/dev/urandom") for _ in range(3)]
    assert found[-1] == Outcome("next", "full")
    shop.see(lambda: len(lines(editor, ref, "rng")) == 3)
    assert lines(editor, ref, "rng")[-1].pair.when is When.ADDED
    told = [(it.what, it.field) for it in shop.record(ref).pending]
    assert ("rng", "added") in told
    assert dumped(shop, ref).count("<rng") < dumped(shop, ref, "--inactive").count("<rng") == 3


def test_what_cannot_be_plugged_in_waits_and_is_named(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("waits", kernel=False, start=True)
    assert add(editor, ref, "sound", model="ich6") == Outcome("next", "never")
    see(shop, editor, ref, "sound", When.ADDED)
    video = key(editor, ref, "video")
    assert hardware.edit(editor, ref, video, {"model": "bochs"}).when == "next"
    see(shop, editor, ref, "video", When.CHANGED)
    pair = lines(editor, ref, "video")[0].pair
    assert pair.now
    assert pair.then
    assert (pair.now.values["model"], pair.then.values["model"]) == ("vga", "bochs")
    told = [(it.what, it.field, it.now, it.then) for it in shop.record(ref).pending]
    assert ("video", "model", "vga", "bochs") in told
    assert ("sound", "added", "", "ich6") in told
    balloon = key(editor, ref, "balloon")
    assert hardware.edit(editor, ref, balloon, {"model": "virtio"}).when == "same"


def test_a_guest_that_ignores_the_unplug_keeps_it_until_its_next_start(
    shop: Workshop, editor: Actor
) -> None:
    """Nothing boots in it, so nobody answers."""
    rng = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    ref = shop.define("holds", kernel=False, start=True, extra=rng)
    assert hardware.remove(editor, ref, key(editor, ref, "rng")).when == "asked"
    assert "<rng" not in dumped(shop, ref, "--inactive")
    see(shop, editor, ref, "rng", When.REMOVED)
    assert lines(editor, ref, "rng")[0].can_remove


def test_two_people_and_a_device_that_vanished_meanwhile(shop: Workshop, editor: Actor) -> None:
    rng = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    ref = shop.define("shared", kernel=False, extra=rng)
    seen, there = shop.record(ref).definition_hash, key(editor, ref, "rng")
    said = {"source": "/dev/random"}
    assert hardware.edit(editor, ref, there, said, definition_hash=seen).when == "now"
    with pytest.raises(Conflict) as caught:
        hardware.edit(editor, ref, there, {"source": "/dev/urandom"}, definition_hash=seen)
    assert caught.value.context["hash"]
    with pytest.raises(Conflict):  # the mirror has not heard of it yet: the host is asked
        hardware.remove(editor, ref, there)
    assert "/dev/random" in dumped(shop, ref)
    shop.see(lambda: key(editor, ref, "rng") != there)
    with pytest.raises(NotFound):
        hardware.remove(editor, ref, there)


def test_a_spice_guest_is_converted_and_starts(shop: Workshop, editor: Actor) -> None:
    extra = (
        "<graphics type='spice' autoport='yes'><listen type='address' address='127.0.0.1'/>"
        "</graphics>"
        "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
    )
    ref = shop.define("spicy", kernel=False, vnc=False, extra=extra)
    assert hardware.edit(editor, ref, key(editor, ref, "video"), {"model": "qxl"}).when == "now"
    shop.see(lambda: lines(editor, ref, "video")[0].pair.device.values["model"] == "qxl")
    card = guest_page.show(editor, ref).hardware
    assert card.has_spice
    assert not card.lacks_spice
    assert hardware.convert_spice(editor, ref).when == "now"
    shop.see(lambda: not guest_page.show(editor, ref).hardware.has_spice)
    text = dumped(shop, ref)
    assert "type='vnc'" in text
    assert "spice" not in text
    assert "qxl" not in text
    shop.lab.virsh("start", ref.id)


def lacking(offer: str, *instead: str) -> None:
    """As if the host had not said that it has this."""
    host = mirror.HostMirror.objects.get(host="east")
    for domain in host.record["domains"]:
        domain["offers"] = [it for it in domain["offers"] if not it.startswith(offer)] + [*instead]
    host.save()


def test_a_spice_guest_on_a_qemu_without_spice_is_told_apart(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("spicy", vnc=False, extra="<graphics type='spice' autoport='yes'/>")
    lacking(hardware.SPICE)
    assert guest_page.show(editor, ref).hardware.lacks_spice


def test_what_the_host_lacks_is_not_added(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("untrusted")
    lacking("tpm", "tpm:no")
    told = {it.kind.name: it for it in hardware.offers(editor, ref)}
    assert told["tpm"].refusal is Refusal.HOST
    with pytest.raises(NotSupported):
        add(editor, ref, "tpm", model="tpm-crb")
    assert told["vnc"].refusal is Refusal.FULL
    with pytest.raises(NotSupported):
        add(editor, ref, "vnc", listen="127.0.0.1")
    assert "ramfb" in told["video"].choices["model"]


def test_what_the_lab_cannot_start_is_stored_at_least(shop: Workshop, admin: Actor) -> None:
    """It has neither vhost_vsock nor a TPM; libvirt checks what is stored."""
    ref = shop.define("stored")
    for kind, tag in (("vsock", "<vsock"), ("tpm-host", "<tpm")):
        assert add(admin, ref, kind) == Outcome("now")
        see(shop, admin, ref, kind, When.NOW)
        assert tag in dumped(shop, ref)
        assert hardware.remove(admin, ref, key(admin, ref, kind)).when == "now"
        assert tag not in dumped(shop, ref)
        see(shop, admin, ref, kind)


def test_a_guest_whose_usb_is_off_is_offered_none(shop: Workshop, admin: Actor) -> None:
    told = {it.kind.name: it for it in hardware.offers(admin, shop.define("bare"))}
    assert told["input"].choices["bus"] == ("virtio",)
    assert "usb-serial" not in told["serial"].choices["target"]
    assert told["usb-device"].refusal is Refusal.NO_USB


def test_what_is_no_choice_or_no_kind_is_refused(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("strict")
    for kind, said in (
        ("rng", {"source": "/etc/shadow"}),
        ("sound", {"model": "<x/>"}),
        ("input", {"type": "tablet", "bus": "ps2"}),
        ("vnc", {}),
    ):
        with pytest.raises((Invalid, NotSupported)):
            hardware.add(editor, ref, kind, said)
    for kind in ("controller", "spice", "nothing"):
        with pytest.raises(NotFound):
            add(editor, ref, kind)
    with pytest.raises(NotSupported):
        hardware.remove(editor, ref, key(editor, ref, "controller"))
    with pytest.raises(NotSupported):  # a screen without a video card gets one of libvirt's choice
        hardware.remove(editor, ref, key(editor, ref, "video"))
    with pytest.raises(Denied):
        add(person("op", "operator"), ref, "rng", source="/dev/urandom")


def test_a_running_screen_takes_another_password_at_once_but_no_address(
    shop: Workshop, admin: Actor
) -> None:
    ref = shop.define("locked")

    def edit(**values: str) -> str:
        return hardware.edit(admin, ref, key(admin, ref, "vnc"), values).when

    assert edit(password="first222") == "now"
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert edit(password="hunter22") == "now"
    assert "hunter22" in dumped(shop, ref, "--security-info")
    assert "hunter22" in dumped(shop, ref, "--security-info", "--inactive")
    assert edit(password="other222", listen=hardware_kinds.EVERYWHERE) == "next"
    assert "hunter22" in dumped(shop, ref, "--security-info")
    assert "other222" in dumped(shop, ref, "--security-info", "--inactive")


def test_a_screen_that_was_started_without_a_password_has_one_at_its_next_start(
    shop: Workshop, admin: Actor
) -> None:
    ref = shop.define("open", start=True)
    screen = key(admin, ref, "vnc")
    assert hardware.edit(admin, ref, screen, {"password": "hunter22"}).when == "next"
    assert "hunter22" in dumped(shop, ref, "--security-info", "--inactive")


def test_a_screen_for_everybody_needs_the_further_right(
    shop: Workshop, editor: Actor, admin: Actor
) -> None:
    ref = shop.define("screen")
    screen = key(editor, ref, "vnc")
    with pytest.raises(Invalid):
        hardware.edit(editor, ref, screen, {"listen": hardware_kinds.EVERYWHERE})
    secret = {"listen": hardware_kinds.EVERYWHERE, "password": "hunter22"}
    assert hardware.edit(admin, ref, screen, secret).when == "now"
    assert "0.0.0.0" in dumped(shop, ref)
    assert "hunter22" in dumped(shop, ref, "--security-info")
    entry = AuditEntry.objects.filter(verb="guest.edit", outcome="ok").first()
    assert entry is not None
    assert "hunter22" not in str(entry.detail)
    shop.see(lambda: key(editor, ref, "vnc") != screen)
    again = key(editor, ref, "vnc")
    assert hardware.edit(editor, ref, again, {"listen": "127.0.0.1", "password": ""}).when == "now"
    assert "hunter22" in dumped(shop, ref, "--security-info")
