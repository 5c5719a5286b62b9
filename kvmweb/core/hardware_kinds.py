"""The table of the kinds of devices. Source: https://libvirt.org/formatdomain.html#devices.

What is live was measured with libvirt 9.0 and QEMU 7.2; a host may know less, and says so.
"""

from __future__ import annotations

from kvmweb.core.hardware import PASS, Field, Kind

AGENT = "org.qemu.guest_agent.0"
VDAGENT = "com.redhat.spice.0"
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - a choice that needs a right
_YES_NO = ("no", "yes")
HEADLESS, RENDERS = "graphics.type:egl-headless", "render.node:yes"
"""What a host needs for 3D: QEMU that draws without a window, and a card to draw with."""
ACCELERATED = "model/acceleration[@accel3d='yes']"
_TAG = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,35}"
"""virtiofs and 9p take a tag of at most 36 bytes."""


def _model(*choices: str, default: str, offered: str = "", clears: tuple[str, ...] = ()) -> Field:
    return Field(
        "model", ("@model",), choices, default, offered=offered, option="model", clears=clears
    )


GRAPHICS = Kind(
    "vnc",
    "graphics",
    marks=(("@type", "vnc"),),
    writes=(("@port", "-1"), ("@autoport", "yes"), ("listen/@type", "address")),
    fields=(
        Field(
            "listen",
            ("listen[@type='address']/@address", "@listen"),
            (LOOPBACK, EVERYWHERE),
            LOOPBACK,
            option="listen",
            powerful=(EVERYWHERE,),
        ),
        Field(
            "password",
            ("@passwd",),
            most=8,
            option="password",
            is_secret=True,
            is_said=False,
            is_live=True,
        ),
    ),
    needs="graphics.type:vnc",
    option="graphics",
    options=("vnc",),
)
SPICE = Kind(
    "spice", "graphics", marks=(("@type", "spice"),), can_add=False, can_edit=False,
    option="graphics",
)  # fmt: skip
EGL = Kind(
    "egl", "graphics", marks=(("@type", "egl-headless"),), can_add=False, can_edit=False,
    option="graphics",
)  # fmt: skip
"""Shows nothing: what a video card draws in 3D goes through it to the other screens."""
VIDEO = Kind(
    "video",
    "video",
    fields=(
        Field(
            "model",
            ("model/@type",),
            ("virtio", "vga", "bochs", "qxl", "cirrus", "ramfb", "none"),
            "virtio",
            offered="video.modelType",
            option="model",
            clears=(
                "model/@vram", "model/@vram64", "model/@ram", "model/@vgamem", "model/@heads",
                "model/@blob", "model/acceleration", "driver", "address",
            ),
        ),
        Field(
            "accel3d", (f"{ACCELERATED}?",), _YES_NO, "no", powerful=("yes",), is_said=False,
            needs=(("yes", (HEADLESS, RENDERS)),), option="model.acceleration.accel3d",
        ),
    ),
    most=4,
    option="video",
)  # fmt: skip
SOUND = Kind(
    "sound",
    "sound",
    fields=(_model("ich9", "ich6", "ac97", "usb", default="ich9", clears=("address", "codec")),),
    most=0,
    option="sound",
)
INPUT_BUILT_IN = Kind(
    "input-ps2", "input", marks=(("@bus", "ps2"),), can_add=False, can_edit=False, can_remove=False,
    is_built_in=True, fields=(Field("type", ("@type",)),),
)  # fmt: skip
INPUT = Kind(
    "input",
    "input",
    fields=(
        Field("type", ("@type",), ("tablet", "keyboard", "mouse"), "tablet", option="type"),
        Field("bus", ("@bus",), ("usb", "virtio"), "usb", option="bus", clears=("address",)),
    ),
    most=0,
    is_live=True,
    option="input",
)
WATCHDOG = Kind(
    "watchdog",
    "watchdog",
    fields=(
        _model("i6300esb", "ib700", "itco", default="i6300esb", clears=("address",)),
        Field(
            "action",
            ("@action",),
            ("reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"),
            "reset",
            option="action",
        ),
    ),
    is_live=True,
    not_live=("ib700", "itco"),
    option="watchdog",
)
TPM = Kind(
    "tpm",
    "tpm",
    marks=(("backend/@type", "emulator"),),
    writes=(("backend/@version", "2.0"),),
    fields=(
        _model("tpm-crb", "tpm-tis", default="tpm-crb", offered="tpm.model"),
        Field("version", ("backend/@version",), is_fixed=True, option="backend.version"),
    ),
    is_sole=True,
    needs="tpm.backendModel:emulator",
    option="tpm",
    options=("backend.type=emulator", "backend.version=2.0"),
)
TPM_HOST = Kind(
    "tpm-host",
    "tpm",
    marks=(("backend/@type", "passthrough"),),
    writes=(("backend/device/@path", "/dev/tpm0"),),
    fields=(
        _model("tpm-crb", "tpm-tis", default="tpm-crb", offered="tpm.model"),
        Field("path", ("backend/device/@path",), is_fixed=True),
    ),
    is_sole=True,
    needs="tpm.backendModel:passthrough",
    right=PASS,
    option="tpm",
    options=("backend.type=passthrough", "backend.device.path=/dev/tpm0"),
)
RNG = Kind(
    "rng",
    "rng",
    marks=(("backend/@model", "random"),),
    writes=(("@model", "virtio"),),
    fields=(
        Field(
            "source", ("backend",), ("/dev/urandom", "/dev/random"), "/dev/urandom",
            option="backend",
        ),
    ),
    most=0,
    is_live=True,
    needs="rng.backendModel:random",
    option="rng",
    options=("backend.model=random",),
)  # fmt: skip
VSOCK = Kind(
    "vsock",
    "vsock",
    writes=(("@model", "virtio"), ("cid/@auto", "yes")),
    fields=(Field("cid", ("cid/@address",), is_fixed=True),),
    is_live=True,
    can_edit=False,
    option="vsock",
    options=("cid.auto=yes",),
)
PANIC = Kind(
    "panic",
    "panic",
    fields=(_model("isa", "hyperv", default="isa", offered="panic.model", clears=("address",)),),
    option="panic",
)
SERIAL = Kind(
    "serial",
    "serial",
    marks=(("@type", "pty"),),
    fields=(
        Field(
            "target",
            ("target/@type",),
            ("isa-serial", "pci-serial", "usb-serial"),
            "isa-serial",
            option="target.type",
        ),
    ),
    most=4,
    is_live=True,
    not_live=("isa-serial",),
    can_edit=False,
    option="serial",
    options=("pty",),
)
AGENT_CHANNEL = Kind(
    "agent",
    "channel",
    marks=(("@type", "unix"), ("target/@name", AGENT)),
    writes=(("source/@mode", "bind"), ("target/@type", "virtio")),
    is_live=True,
    can_edit=False,
    needs="channel.type:unix",
    option="channel",
    options=("unix", "target.type=virtio", f"target.name={AGENT}"),
)
CLIPBOARD = Kind(
    "clipboard",
    "channel",
    marks=(("@type", "qemu-vdagent"),),
    writes=(
        ("source/clipboard/@copypaste", "yes"),
        ("target/@type", "virtio"),
        ("target/@name", VDAGENT),
    ),
    can_edit=False,
    option="channel",
    options=("qemu-vdagent", "source.clipboard.copypaste=on", "target.type=virtio"),
)
CHANNEL = Kind(
    "channel",
    "channel",
    fields=(Field("name", ("target/@name",)), Field("type", ("@type",))),
    most=0,
    is_live=True,
    can_add=False,
    can_edit=False,
    option="channel",
)
BALLOON = Kind(
    "balloon",
    "memballoon",
    fields=(
        _model("virtio", "none", default="virtio", clears=("address", "stats", "driver")),
        Field("free_pages", ("@freePageReporting",), ("off", "on"), "off", is_said=False,
              option="freePageReporting"),
        Field("deflate", ("@autodeflate",), ("off", "on"), "off", is_said=False,
              option="autodeflate"),
    ),
    can_add=False,
    can_remove=False,
    option="memballoon",
)  # fmt: skip
MEMORY = Kind(
    "dimm",
    "memory",
    marks=(("@model", "dimm"),),
    writes=(("target/node", "0"),),
    fields=(
        Field("size", ("target/size",), tuple(str(2**power) for power in range(17, 26)), "1048576",
              option="target.size"),
    ),
    most=0,
    is_live=True,
    needs="memory.slots:yes",
    can_edit=False,
    option="memdev",
    options=("dimm", "target.node=0"),
)  # fmt: skip
"""size: KiB, 128 MiB to 32 GiB."""
SHARE = Kind(
    "virtiofs",
    "filesystem",
    marks=(("driver/@type", "virtiofs"),),
    writes=(("@type", "mount"), ("@accessmode", "passthrough")),
    fields=(
        Field("source", ("source/@dir",), pattern=r"/[^\0]*", most=500, option="source"),
        Field("target", ("target/@dir",), pattern=_TAG, most=36, option="target"),
    ),
    most=0,
    is_live=True,
    needs="filesystem.driverType:virtiofs",
    right=PASS,
    option="filesystem",
    options=("driver.type=virtiofs",),
    wants_shared_memory=True,
)
SHARE_9P = Kind(
    "9p",
    "filesystem",
    marks=(("@type", "mount"),),
    writes=(("@accessmode", "mapped"),),
    fields=(
        Field("source", ("source/@dir",), pattern=r"/[^\0]*", most=500, option="source"),
        Field("target", ("target/@dir",), pattern=_TAG, most=36, option="target"),
        Field("is_readonly", ("readonly?",), _YES_NO, "no", is_said=False, option="readonly"),
    ),
    most=0,
    needs="filesystem.driverType:path",
    right=PASS,
    option="filesystem",
)
USB_DEVICE = Kind(
    "usb-device",
    "hostdev",
    marks=(("@mode", "subsystem"), ("@type", "usb")),
    writes=(("@managed", "yes"),),
    fields=(
        Field(
            "startup",
            ("source/@startupPolicy",),
            ("mandatory", "requisite", "optional"),
            "mandatory",
            offered="hostdev.startupPolicy",
            is_said=False,
        ),
    ),
    most=0,
    is_live=True,
    needs="hostdev.subsysType:usb",
    right=PASS,
    source="usb",
    option="hostdev",
)
PCI_DEVICE = Kind(
    "pci-device",
    "hostdev",
    marks=(("@mode", "subsystem"), ("@type", "pci")),
    writes=(("@managed", "yes"),),
    fields=(Field("rom", ("rom/@bar",), ("on", "off"), "on", is_said=False, option="rom.bar"),),
    most=0,
    is_live=True,
    needs="hostdev.subsysType:pci",
    right=PASS,
    source="pci",
    option="hostdev",
)
MDEV_DEVICE = Kind(
    "mdev-device",
    "hostdev",
    marks=(("@mode", "subsystem"), ("@type", "mdev")),
    writes=(("@model", "vfio-pci"), ("@managed", "no")),
    most=0,
    is_live=True,
    right=PASS,
    source="mdev",
    can_edit=False,
    option="hostdev",
)
SCSI_DEVICE = Kind(
    "scsi-device", "hostdev", marks=(("@mode", "subsystem"), ("@type", "scsi")),
    fields=(Field("is_readonly", ("readonly?",), _YES_NO, "no", is_said=False),),
    most=0, is_live=True, needs="hostdev.subsysType:scsi", right=PASS, source="scsi",
    option="hostdev",
)  # fmt: skip
HOST_DEVICE = Kind(
    "host-device", "hostdev", most=0, right=PASS, can_add=False, can_edit=False, is_live=True,
    fields=(Field("type", ("@type",)),), option="hostdev",
)  # fmt: skip
REDIRECTION = Kind(
    "redirection", "redirdev", most=0, can_add=False, can_edit=False, is_live=True,
    fields=(Field("type", ("@type",)),), option="redirdev",
)  # fmt: skip
CONTROLLER = Kind(
    "controller", "controller", most=0, can_add=False, can_edit=False, can_remove=False,
    is_built_in=True, fields=(Field("type", ("@type",)), Field("model", ("@model",))),
)  # fmt: skip
AUDIO = Kind(
    "audio", "audio", can_add=False, can_edit=False, can_remove=False, is_built_in=True,
    fields=(Field("type", ("@type",)),),
)  # fmt: skip
OTHER = Kind("other", "", most=0, can_add=False, can_edit=False, fields=(
    Field("type", ("@type",)), Field("model", ("@model",)),
))  # fmt: skip
"""What no other kind is: shown by its element, and can be removed."""

KINDS: tuple[Kind, ...] = (
    GRAPHICS, SPICE, EGL, VIDEO, INPUT_BUILT_IN, INPUT, SOUND, SERIAL, AGENT_CHANNEL, CLIPBOARD,
    CHANNEL, RNG, WATCHDOG, PANIC, TPM, TPM_HOST, VSOCK, BALLOON, MEMORY, SHARE, SHARE_9P,
    USB_DEVICE, PCI_DEVICE, SCSI_DEVICE, MDEV_DEVICE, HOST_DEVICE, REDIRECTION, CONTROLLER, AUDIO,
)  # fmt: skip
"""In the order of the card; of one element the first whose marks fit."""
ADDABLE: dict[str, Kind] = {kind.name: kind for kind in KINDS if kind.can_add}
ON_USB = frozenset({"usb", "usb-serial"})
"""Values that need a USB controller."""
ELSEWHERE = frozenset({"disk", "interface", "console", "emulator"})
"""Elements that have a card of their own."""


def named(name: str) -> Kind:
    """The kind of this name; `OTHER` for one that nobody knows."""
    return next((kind for kind in KINDS if kind.name == name), OTHER)
