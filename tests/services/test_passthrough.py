"""Devices and folders of the host in guests: who may, what is refused and why, what starts."""

from __future__ import annotations

import pytest

from kvmweb.core import hardware_kinds
from kvmweb.core.actors import Actor
from kvmweb.core.bins import BinMark
from kvmweb.core.devices import DeviceKind, DeviceRecord
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.hardware import Outcome, Refusal, When
from kvmweb.core.records import DiskRecord, GuestState
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import guest_page, hardware, passthrough, pool_roots
from tests.services.stage import held, mirrored, person
from tests.services.test_devices import device, told
from tests.services.test_hardware import dumped, key, lacking, lines, see
from tests.services.workshop import Workshop

pytestmark = pytest.mark.django_db(transaction=True)
CARD = device(
    "pci_0000_03_00_0", DeviceKind.PCI, "0000:03:00.0", vendor="Intel", product="82599",
    group="14", class_code="020000",
)  # fmt: skip
BRIDGE = device("bridge", DeviceKind.PCI, "0000:00:01.0", group="1", class_code="060400")
LOOSE = device("loose", DeviceKind.PCI, "0000:04:00.0", class_code="020000")
HUB = device("hub", DeviceKind.USB, "1:1", keys=("usb:1:1", "usb-id:1d6b:0002"), ids="1d6b:0002")


def stick(name: str, place: str, ids: str = "0781:5581") -> DeviceRecord:
    return device(name, DeviceKind.USB, place, keys=(f"usb:{place}", f"usb-id:{ids}"), ids=ids)


def refusals(admin: Actor, number: int, source: str) -> dict[str, str]:
    (ref,) = mirrored(number)
    return {it.key: it.refusal for it in passthrough.devices(admin, ref, source)}


def test_a_card_without_an_iommu_is_refused_in_words_and_bridges_are_left_out(
    admin: Actor,
) -> None:
    mirrored(1)
    told(CARD, BRIDGE, LOOSE)
    found = refusals(admin, 1, "pci")
    assert set(found) == {"pci:0000:03:00.0", "pci:0000:04:00.0"}
    assert found["pci:0000:03:00.0"] == ""
    assert "IOMMU" in found["pci:0000:04:00.0"]


def test_what_a_running_guest_has_is_refused_by_its_name(admin: Actor) -> None:
    mirrored(1)
    told(CARD)
    mirrored(2, host_devices=("pci:0000:03:00.0",), state=GuestState.RUNNING)
    assert "guest2" in refusals(admin, 1, "pci")["pci:0000:03:00.0"]
    mirrored(2, host_devices=("pci:0000:03:00.0",), state=GuestState.SHUT_OFF)
    assert refusals(admin, 1, "pci") == {"pci:0000:03:00.0": ""}
    (only,) = passthrough.devices(admin, mirrored(1)[0], "pci")
    assert [user.name for user in only.users] == ["guest2"]
    mirrored(1, host_devices=("pci:0000:03:00.0",))
    (mine,) = passthrough.devices(admin, mirrored(1, host_devices=CARD.keys)[0], "pci")
    assert mine.refusal


def test_a_scsi_device_is_called_as_the_disk_that_it_is(admin: Actor) -> None:
    mirrored(1)
    told(
        device("scsi_2_0_0_0", DeviceKind.SCSI, "2:0:0:0", product="disk"),
        device("block_sdb", DeviceKind.DISK, "/dev/sdb", parent="scsi_2_0_0_0", vendor="Dell",
               product="MD3200"),
        device("scsi_2_0_1_0", DeviceKind.SCSI, "2:0:1:0", product="tape"),
    )  # fmt: skip
    found = passthrough.devices(admin, mirrored(1)[0], "scsi")
    assert [(it.key, it.name, it.carries) for it in found] == [
        ("scsi:2:0:0:0", "Dell MD3200", ("/dev/sdb",)), ("scsi:2:0:1:0", "tape", ()),
    ]  # fmt: skip


def lun(number: int, name: str) -> tuple[DeviceRecord, DeviceRecord]:
    keys = (f"block:/dev/{name}", f"block:/dev/disk/by-id/wwn-{name}")
    return (
        device(f"scsi_{name}", DeviceKind.SCSI, f"2:0:0:{number}", product="disk"),
        device(name, DeviceKind.DISK, f"/dev/{name}", parent=f"scsi_{name}", keys=keys),
    )


def test_a_scsi_device_whose_disk_a_guest_or_a_pool_has_is_refused(admin: Actor) -> None:
    """The host's own mounts are not told by libvirt; what libvirt itself uses is."""
    mirrored(1)
    told(*(one for number, name in enumerate(("sdb", "sdc", "sdd")) for one in lun(number, name)))
    disk = DiskRecord("vda", "virtio", "disk", "/dev/disk/by-id/wwn-sdb", "raw")
    mirrored(2, disks=(disk,), state=GuestState.RUNNING)
    held(1, name="backup", type="fs", source="/dev/sdc1")
    found = refusals(admin, 1, "scsi")
    assert "guest2" in found["scsi:2:0:0:0"]
    assert "backup" in found["scsi:2:0:0:1"]
    assert found["scsi:2:0:0:2"] == ""
    mirrored(2, disks=(disk,), state=GuestState.SHUT_OFF)
    held(1, name="backup", type="fs", source="/dev/sdc1", is_active=False)
    assert set(refusals(admin, 1, "scsi").values()) == {""}


def test_a_usb_device_is_named_by_its_maker_where_there_is_one_such(admin: Actor) -> None:
    mirrored(1)
    told(HUB, stick("a", "1:4"))
    assert refusals(admin, 1, "usb") == {"usb-id:0781:5581": ""}
    told(HUB, stick("a", "1:4"), stick("b", "1:5"))
    assert set(refusals(admin, 1, "usb")) == {"usb:1:4", "usb:1:5"}


def test_only_who_may_is_told_what_the_host_has(editor: Actor) -> None:
    (ref,) = mirrored(1)
    told(CARD)
    for ask in (
        lambda: passthrough.devices(editor, ref, "pci"),
        lambda: passthrough.folders(editor, ref),
        lambda: hardware.add(editor, ref, "pci-device", {"device": "pci:0000:03:00.0"}),
    ):
        with pytest.raises(Denied):
            ask()
    with pytest.raises(NotFound):
        passthrough.devices(person("nina"), ref, "pci")
    offered = {it.kind.name: it.refusal for it in hardware.offers(editor, ref)}
    assert offered["pci-device"] is offered["virtiofs"] is Refusal.RIGHT


def test_a_device_that_is_not_listed_is_refused(admin: Actor) -> None:
    (ref,) = mirrored(1)
    told(CARD, LOOSE)
    for typed in ("pci:0000:00:1f.0", "pci:0000:04:00.0", "mdev:x", ""):
        with pytest.raises(Invalid) as caught:
            hardware.add(admin, ref, "pci-device", {"device": typed})
        assert set(caught.value.fields) == {"device"}


@pytest.mark.lab
def test_a_card_is_given_to_a_guest_that_is_off_and_named_on_its_page(
    shop: Workshop, admin: Actor, editor: Actor
) -> None:
    """The lab's host has no IOMMU: it can be stored there, not started."""
    ref = shop.define("given")
    told(CARD)
    found = hardware.add(admin, ref, "pci-device", {"device": CARD.keys[0], "rom": "off"})
    assert found == Outcome("now")
    see(shop, admin, ref, "pci-device", When.NOW)
    told(CARD)  # the worker has said meanwhile what the lab really has
    line = lines(admin, ref, "pci-device")[0]
    assert line.host_device == "Intel 82599"
    assert shop.record(ref).host_devices == CARD.keys
    assert "<rom bar='off'/>" in dumped(shop, ref)
    with pytest.raises(Denied):
        hardware.remove(editor, ref, line.pair.device.key)
    assert hardware.remove(admin, ref, line.pair.device.key).when == "now"
    assert "hostdev" not in dumped(shop, ref)


@pytest.mark.lab
def test_a_scsi_device_is_stored_on_a_controller_of_today(shop: Workshop, admin: Actor) -> None:
    """The lab has no SCSI bus: it cannot be started there."""
    ref = shop.define("taped")
    told(device("scsi_2_0_1_3", DeviceKind.SCSI, "2:0:1:3", product="tape"))
    said = {"device": "scsi:2:0:1:3", "is_readonly": "yes"}
    assert hardware.add(admin, ref, "scsi-device", said) == Outcome("now")
    see(shop, admin, ref, "scsi-device", When.NOW)
    text = dumped(shop, ref)
    assert "<adapter name='scsi_host2'/>" in text
    assert "model='virtio-scsi'" in text
    assert shop.record(ref).host_devices == ("scsi:2:0:1:3",)
    assert hardware.remove(admin, ref, key(admin, ref, "scsi-device")).when == "now"
    assert "hostdev" not in dumped(shop, ref)


@pytest.mark.lab
def test_a_card_draws_in_3d_where_the_host_can_and_for_whoever_may(
    shop: Workshop, editor: Actor, admin: Actor
) -> None:
    """The lab has no graphics card: it is stored there, and not started."""
    ref = shop.define("drawn")
    lacking("graphics.type:egl", hardware_kinds.HEADLESS)
    card, drawn = key(editor, ref, "video"), {"model": "virtio", "accel3d": "yes"}
    told()
    with pytest.raises(Invalid) as refused:
        hardware.edit(admin, ref, card, drawn)
    assert "no graphics card" in refused.value.fields["accel3d"]
    told(device("drm", DeviceKind.RENDER, "/dev/dri/renderD128"))
    with pytest.raises(Invalid) as refused:
        hardware.edit(editor, ref, card, drawn)
    assert "right" in refused.value.fields["accel3d"]
    with pytest.raises(Invalid) as refused:
        hardware.edit(admin, ref, card, {"accel3d": "yes"})
    assert "VirtIO" in refused.value.fields["accel3d"]
    assert hardware.edit(admin, ref, card, drawn).when == "now"
    see(shop, admin, ref, "egl", When.NOW)
    assert "accel3d='yes'" in dumped(shop, ref)
    assert not lines(admin, ref, "egl")[0].can_remove
    told(device("drm", DeviceKind.RENDER, "/dev/dri/renderD128"))
    lacking("graphics.type:egl")
    assert "egl-headless" in hardware.choices(admin, ref, hardware_kinds.VIDEO).reasons["accel3d"]
    plain = {"model": "virtio", "accel3d": "no"}
    assert hardware.edit(admin, ref, key(admin, ref, "video"), plain).when == "now"
    assert "egl" not in dumped(shop, ref)


@pytest.mark.lab
def test_a_folder_is_shared_below_what_was_allowed_and_the_guest_starts_with_it(
    shop: Workshop, admin: Actor
) -> None:
    ref = shop.define("sharing", kernel=False)
    top = shop.lab.folder / "shares"
    (top / "one").mkdir(parents=True, exist_ok=True)
    (top / "link").symlink_to("/etc")
    said = {"source": f"{top}/one", "target": "data"}
    with pytest.raises(Invalid) as caught:
        hardware.add(admin, ref, "virtiofs", said)
    assert "administrator" in caught.value.fields["source"]
    pool_roots.add(admin, str(top), purpose=pool_roots.SHARES)
    assert passthrough.folders(admin, ref) == (str(top),)
    for source in ("/etc", str(shop.folder), f"{top}/link", f"{top}/../x", "shares"):
        with pytest.raises(Invalid) as caught:
            hardware.add(admin, ref, "virtiofs", said | {"source": source})
        assert set(caught.value.fields) == {"source"}
    assert hardware.add(admin, ref, "virtiofs", said) == Outcome("now")
    see(shop, admin, ref, "virtiofs", When.NOW)
    assert "<access mode='shared'/>" in dumped(shop, ref)
    with pytest.raises(Invalid) as caught:
        hardware.add(admin, ref, "9p", said)
    assert set(caught.value.fields) == {"target"}
    other = shop.define("other", kernel=False)
    (top / "one" / "inner").mkdir(exist_ok=True)
    for nested in (f"{top}/one/inner", str(top)):  # its guest could put a link there
        with pytest.raises(Invalid) as caught:
            hardware.add(admin, other, "virtiofs", said | {"source": nested})
        assert "sharing" in caught.value.fields["source"]
    assert hardware.add(admin, other, "9p", said) == Outcome("now")  # the same one may be
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert {it.pair.when for it in guest_page.show(admin, ref).hardware.lines} == {When.NOW}
    shop.lab.virsh("destroy", ref.id)
    shop.see(lambda: not shop.record(ref).state.is_active)
    assert hardware.remove(admin, ref, key(admin, ref, "virtiofs")) == Outcome("now")
    assert "virtiofs" not in dumped(shop, ref)


@pytest.mark.lab
def test_a_running_guest_without_shared_memory_has_the_folder_at_its_next_start(
    shop: Workshop, admin: Actor
) -> None:
    ref = shop.define("later", kernel=False, start=True)
    top = shop.lab.folder / "later"
    top.mkdir(exist_ok=True)
    pool_roots.add(admin, str(top), purpose=pool_roots.SHARES)
    said = {"source": str(top), "target": "data"}
    assert hardware.add(admin, ref, "virtiofs", said) == Outcome("next", "memory")
    see(shop, admin, ref, "virtiofs", When.ADDED)
    told_to = {(it.what, it.name, it.field) for it in shop.record(ref).pending}
    assert ("virtiofs", "", "added") in told_to
    assert ("guest", "", "is_shared") in told_to


def test_where_pools_may_be_says_nothing_of_shares(admin: Actor) -> None:
    mirrored(1)
    pool_roots.add(admin, "/srv/shares", purpose=pool_roots.SHARES)
    assert pool_roots.of_host("east") == pool_roots.standard()
    assert pool_roots.of_host("east", pool_roots.SHARES) == ("/srv/shares",)
    with pytest.raises(Invalid):
        pool_roots.add(admin, "/srv/x", purpose="anything")


def test_a_folder_of_a_guest_in_the_bin_and_one_behind_a_link_are_theirs(
    admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = mirrored(1)
    text = (
        "<domain><devices><filesystem type='mount'><source dir='/srv/link'/>"
        "<target dir='data'/></filesystem></devices></domain>"
    )
    mirrored(2, xml=text, bin=BinMark("deleted", 1.0))
    assert mirror.Guest.objects.get(uuid=ref.id.replace("1", "2")).is_binned

    def resolve(_host: str, _verb: str, *, paths: list[str]) -> list[str]:
        return [path.replace("/srv/link", "/srv/real") for path in paths]

    monkeypatch.setattr(client, "call", resolve)
    for nested in ("/srv/link/inner", "/srv/real/inner", "/srv"):
        assert "deleted" in passthrough._nested(admin, ref.host, nested)
    for other in ("/srv/link", "/srv/real", "/srv/other"):
        assert passthrough._nested(admin, ref.host, other) == ""
