"""What the kinds of devices, their fields and their values are called."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text


@dataclass(frozen=True, slots=True)
class KindWords:
    """hint: what it is good for, in one sentence. lacking: what a host needs to offer it."""

    label: Text
    hint: Text = ""
    icon: str = "cpu"
    lacking: Text = ""


KINDS: dict[str, KindWords] = {
    "vnc": KindWords(
        _("Screen (VNC)"), _("What the console of this page shows."), "screen",
        _("QEMU of this host was built without VNC."),
    ),
    "spice": KindWords(_("Screen (SPICE)"), icon="screen"),
    "video": KindWords(_("Video card"), _("What draws the guest's screen."), "screen"),
    "egl": KindWords(_("3D for the screens (EGL)"), icon="screen"),
    "input": KindWords(
        _("Input device"), _("A tablet keeps the pointer where yours is."), "keyboard"
    ),
    "input-ps2": KindWords(_("Input device (PS/2)"), icon="keyboard"),
    "sound": KindWords(_("Sound card"), _("The guest hears itself; the portal plays no sound.")),
    "serial": KindWords(
        _("Serial port"), _("A terminal of its own on the console card."), "console"
    ),
    "agent": KindWords(
        _("Guest agent channel"),
        _("Lets qemu-guest-agent inside the guest answer: addresses, clean shut-down, time."),
        "link",
    ),
    "clipboard": KindWords(
        _("Clipboard channel"),
        _("Shares the clipboard with the console; spice-vdagent runs in the guest."),
        "clipboard",
        _("QEMU of this host cannot share the clipboard."),
    ),
    "channel": KindWords(_("Channel"), icon="link"),
    "rng": KindWords(
        _("Random numbers"), _("Gives the guest good random numbers from the host."), "bolt"
    ),
    "watchdog": KindWords(
        _("Watchdog"), _("Acts when the guest's system hangs and no longer feeds it."), "clock"
    ),
    "panic": KindWords(
        _("Panic device"), _("Tells the host when the guest's kernel has crashed."), "warn"
    ),
    "tpm": KindWords(
        _("TPM (emulated)"),
        _("A security chip in software, as Windows 11 wants it. Its state is kept on the host."),
        "lock",
        _("The host lacks a TPM emulator: install swtpm and swtpm-tools there."),
    ),
    "tpm-host": KindWords(
        _("TPM of the host"), _("The host's own chip; one guest at a time."), "lock"
    ),
    "vsock": KindWords(
        _("Host socket (vsock)"),
        _("Programs on host and guest talk without a network, by the host's vhost_vsock module."),
        "link",
    ),
    "balloon": KindWords(_("Memory balloon"), icon="memory"),
    "dimm": KindWords(
        _("Memory device"),
        _("More memory, also while the guest runs: its system must know how to take it."),
        "memory",
        _("Make room for it first: see “Room for more memory” in the set-up."),
    ),
    "virtiofs": KindWords(
        _("Shared directory (virtiofs)"),
        _("A folder of the host in the guest. Its memory becomes shared memory for that."),
        "storage",
        _("QEMU of this host has no virtiofs."),
    ),
    "9p": KindWords(
        _("Shared directory (9p)"), _("Slower, but without shared memory."), "storage"
    ),
    "usb-device": KindWords(
        _("USB device of the host"), _("The guest has it, and the host no longer."), "host",
        _("QEMU of this host cannot give USB devices to guests."),
    ),
    "pci-device": KindWords(
        _("PCI device of the host"), _("Such as a network or graphics card; needs an IOMMU."),
        "host", _("QEMU of this host cannot give PCI devices to guests."),
    ),
    "scsi-device": KindWords(
        _("SCSI device of the host"),
        _("A disk, tape or changer with all its commands, as a LUN passes them."), "storage",
        _("QEMU of this host cannot give SCSI devices to guests."),
    ),
    "mdev-device": KindWords(
        _("Mediated device of the host"), _("A part of a card that can be split."), "host"
    ),
    "host-device": KindWords(_("Device of the host"), icon="host"),
    "redirection": KindWords(_("USB redirection"), icon="link"),
    "controller": KindWords(_("Controller"), icon="cpu"),
    "audio": KindWords(_("Sound of the host")),
}  # fmt: skip
FIELDS: dict[str, Text] = {
    "listen": _("Listens on"),
    "password": _("Password"),
    "model": _("Model"),
    "type": _("Type"),
    "bus": _("Bus"),
    "action": _("When the guest hangs"),
    "version": _("Version"),
    "source": _("Source"),
    "cid": _("Number (CID)"),
    "target": _("Name in the guest"),
    "name": _("Name"),
    "is_readonly": _("Read-only"),
    "free_pages": _("Report free pages"),
    "deflate": _("Shrink when memory is short"),
    "startup": _("When it is missing at the start"),
    "rom": _("Show the card's ROM"),
    "path": _("Path"),
    "device": _("Device of the host"),
    "size": _("Size"),
    "accel3d": _("Draw in 3D (VirGL)"),
}
OF_KIND: dict[tuple[str, str], Text] = {
    ("serial", "target"): _("Type"),
    ("virtiofs", "source"): _("Folder of the host"),
    ("9p", "source"): _("Folder of the host"),
}
"""Where a field has another name than elsewhere."""
HINTS: dict[tuple[str, str], Text] = {
    ("vnc", "listen"): _(
        "The console of this page needs no open port. On all addresses anybody who reaches the host"
        " can see the screen, unless a password is set."
    ),
    ("vnc", "password"): _(
        "At most 8 characters; empty leaves it as it is. It is never shown again."
    ),
    ("video", "model"): _("VirtIO for modern systems, VGA where there is no driver."),
    ("video", "accel3d"): _(
        "With the host's graphics card, whose driver the guest's programs reach then."
    ),
    ("virtiofs", "target"): _("In the guest: mount -t virtiofs NAME /mnt"),
    ("9p", "target"): _("In the guest: mount -t 9p -o trans=virtio NAME /mnt"),
    ("balloon", "model"): _("Without a balloon the guest's memory cannot change while it runs."),
}
VALUES: dict[str, Text] = {
    "127.0.0.1": _("this host only (127.0.0.1)"),
    "0.0.0.0": _("all addresses (0.0.0.0)"),  # noqa: S104
    "virtio": "VirtIO",
    "vga": "VGA",
    "bochs": "Bochs",
    "qxl": "QXL",
    "cirrus": "Cirrus",
    "usb": "USB",
    "pci": "PCI",
    "sata": "SATA",
    "scsi": "SCSI",
    "ich9": "Intel HDA (ICH9)",
    "ich6": "Intel HDA (ICH6)",
    "ac97": "AC97",
    "tablet": _("tablet"),
    "keyboard": _("keyboard"),
    "mouse": _("mouse"),
    "none": pgettext_lazy("hardware", "none"),
    "reset": _("reset it"),
    "shutdown": _("ask it to shut down"),
    "poweroff": _("force it off"),
    "pause": _("pause it"),
    "dump": _("write a memory dump"),
    "inject-nmi": _("send it an NMI"),
    "isa": "pvpanic",
    "hyperv": "Hyper-V",
    "isa-serial": _("COM port (ISA)"),
    "pci-serial": _("PCI card"),
    "usb-serial": _("USB adapter"),
    "mandatory": _("do not start"),
    "requisite": _("do not start, but restore without it"),
    "optional": _("start without it"),
    "yes": pgettext_lazy("a value", "yes"),
    "no": pgettext_lazy("a value", "no"),
    "on": pgettext_lazy("a value", "yes"),
    "off": pgettext_lazy("a value", "no"),
    "tpm-crb": "CRB",
    "tpm-tis": "TIS",
}
_OF_FIELD: dict[tuple[str, str], Text] = {("action", "none"): _("nothing")}


def kind(name: str, tag: str = "") -> KindWords:
    """What it is called; its element where nobody has a word."""
    return KINDS.get(name) or KindWords(tag or name)


def field(kind_name: str, name: str) -> Text:
    """What it is called in this kind."""
    return OF_KIND.get((kind_name, name)) or FIELDS.get(name, name)


def value(field_name: str, said: str) -> Text:
    """What it is called; libvirt's word where nobody has another."""
    if field_name == "size" and said.isdigit():
        return size(int(said) * 1024)
    return _OF_FIELD.get((field_name, said)) or VALUES.get(said, said)
