"""The XML of a clone: what differs from the original, and nothing else."""

from __future__ import annotations

from lxml import etree

from kvmweb.definitions import cloning, firmware
from kvmweb.definitions.cloning import Source

UUID = "11111111-2222-4333-8444-555555555555"
ORIGINAL = """<domain type='kvm'>
  <name>first</name>
  <uuid>99999999-2222-4333-8444-555555555555</uuid>
  <genid>88888888-2222-4333-8444-555555555555</genid>
  <sysinfo type='smbios'><system>
    <entry name='uuid'>99999999-2222-4333-8444-555555555555</entry>
    <entry name='serial'>S1</entry></system></sysinfo>
  <os><type>hvm</type><nvram>/nv/first_VARS.fd</nvram></os>
  <devices>
    <disk type='block' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source dev='/dev/vg/first'/>
      <backingStore/>
      <target dev='vda' bus='virtio'/>
      <serial>D1</serial>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <source file='/iso/tools.iso'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:00:00:01'/>
      <source network='default'/>
      <target dev='web-tap'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'><log file='/log/first.log' append='on'/><target port='0'/></serial>
    <channel type='unix'><source mode='bind' path='/run/first.agent'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' port='5901' autoport='no' listen='127.0.0.1' passwd='sesame12'/>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <vsock model='virtio'><cid auto='no' address='3'/></vsock>
  </devices>
</domain>"""


def made(**options: object) -> etree._Element:
    asked = {"uuid": UUID, "name": "second", "sources": {}, **options}
    return etree.fromstring(cloning.clone(ORIGINAL, **asked))  # type: ignore[arg-type]


def test_it_has_an_identity_of_its_own() -> None:
    root = made()
    assert (root.findtext("name"), root.findtext("uuid")) == ("second", UUID)
    assert root.findtext("sysinfo/system/entry[@name='uuid']") == UUID
    assert root.findtext("sysinfo/system/entry[@name='serial']") == "S1"
    assert root.find("genid").text is None  # type: ignore[union-attr] # libvirt draws a new one


def test_nothing_that_two_guests_cannot_both_have_is_left() -> None:
    root = made()
    assert root.find("devices/interface/mac") is None
    planned = made(mac="52:54:00:aa:bb:cc").findall("devices/interface/mac")
    assert [it.get("address") for it in planned] == ["52:54:00:aa:bb:cc"]
    assert root.find("devices/interface/target") is None
    assert root.find("devices/serial/log") is None
    assert root.find("devices/channel/source").get("path") is None  # type: ignore[union-attr]
    screen = root.find("devices/graphics")
    assert screen is not None
    assert (screen.get("port"), screen.get("autoport")) == (None, "yes")
    assert screen.get("passwd") is None
    cid = root.find("devices/vsock/cid")
    assert cid is not None
    assert dict(cid.attrib) == {"auto": "yes"}


def test_a_screen_of_the_clone_has_no_password_and_is_not_open_to_the_network() -> None:
    open_screen = (
        "<graphics type='vnc' listen='0.0.0.0' passwd='x' passwdValidTo='2027-01-01T00:00:00'>"
        "<listen type='address' address='0.0.0.0'/></graphics>"
        "<graphics type='spice'><listen type='socket' socket='/run/first'/></graphics>"
    )
    text = ORIGINAL.replace("</devices>", f"{open_screen}</devices>")
    root = etree.fromstring(cloning.clone(text, uuid=UUID, name="second", sources={}))
    _first, second, third = root.findall("devices/graphics")
    assert dict(second.attrib) == {"type": "vnc", "listen": "127.0.0.1"}
    assert [dict(it.attrib) for it in second] == [{"type": "address", "address": "127.0.0.1"}]
    assert [dict(it.attrib) for it in third] == [{"type": "socket"}]


def test_a_disk_is_read_from_elsewhere_and_keeps_its_settings() -> None:
    root = made(sources={"vda": Source("file", "/new/second.qcow2", "qcow2"), "sda": Source()})
    disk, drive = root.findall("devices/disk")
    assert (disk.get("type"), disk.find("source").attrib) == (  # type: ignore[union-attr]
        "file", {"file": "/new/second.qcow2"},
    )  # fmt: skip
    driver = disk.find("driver")
    assert driver is not None
    assert dict(driver.attrib) == {"name": "qemu", "type": "qcow2", "cache": "none"}
    assert disk.findtext("serial") == "D1"
    assert disk.find("backingStore") is None
    assert drive.find("source") is None


def test_a_disk_that_is_not_named_is_shared_as_it_is() -> None:
    drive = made(sources={"vda": Source("file", "/n.img", "raw")}).findall("devices/disk")[1]
    assert drive.find("source").get("file") == "/iso/tools.iso"  # type: ignore[union-attr]


def test_the_firmware_gets_variables_of_its_own() -> None:
    assert firmware.variables(ORIGINAL) == "/nv/first_VARS.fd"
    assert made(nvram_path="/nv/new.fd").findtext("os/nvram") == "/nv/new.fd"
    newer = ORIGINAL.replace(
        "<nvram>/nv/first_VARS.fd</nvram>",
        "<nvram type='file'><source file='/nv/first_VARS.fd'/></nvram>",
    )
    assert firmware.variables(newer) == "/nv/first_VARS.fd"


def test_what_only_raw_xml_can_have_made_is_named() -> None:
    assert cloning.traits(ORIGINAL).foreign == ()
    assert cloning.traits(ORIGINAL).has_tpm
    for extra, word in (
        ("<hostdev mode='subsystem' type='usb'/>", "hostdev"),
        ("<filesystem type='mount'><source dir='/etc'/></filesystem>", "filesystem"),
        ("<serial type='file'><source path='/etc/x'/></serial>", "serial"),
        ("<serial type='tcp'><source mode='connect' host='h' service='1'/></serial>", "serial"),
        ("<rng model='virtio'><backend model='random'>/etc/shadow</backend></rng>", "rng"),
        ("<shmem name='x'/>", "shmem"),
        ("<interface type='vhostuser'/>", "interface"),
        ("<tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>", "tpm"),
    ):
        text = ORIGINAL.replace("</devices>", f"{extra}</devices>")
        assert cloning.traits(text).foreign == (word,), extra
    own = "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/></domain>"
    assert cloning.traits(ORIGINAL.replace("</domain>", own)).foreign == ("commandline",)
    kernel = ORIGINAL.replace("</os>", "<kernel>/boot/x</kernel></os>")
    assert cloning.traits(kernel).foreign == ("kernel",)


def test_shareable_disks_are_known() -> None:
    text = ORIGINAL.replace("<serial>D1</serial>", "<shareable/>")
    assert cloning.traits(text).shareable == {"vda"}
