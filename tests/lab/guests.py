"""Definitions of the small guests that tests boot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from tests.lab import agent

KEPT = ("--managed-save", "--snapshots-metadata", "--nvram")
"""How virsh calls what libvirt keeps of a guest beside its definition."""


@dataclass(frozen=True, slots=True)
class GuestOptions:
    """What a test may want to be different in its guest.

    memory_mib: 72 is the least that boots; 64 hangs.  serials: number of serial ports.
    deaf: ignores the power button.  busy: works a little now and then.
    disk: path of a qcow2 as the lab host sees it.  extra: more XML for <devices>.
    agent: a guest agent runs in it; needs 112 MiB. hostile: instead of it something that misuses
    its channel, of this kind: see hostile_agent.sh.
    kernel: False leaves out kernel and initrd, so that nothing boots. firmware: efi, or the BIOS.
    """

    memory_mib: int = 96
    vcpus: int = 1
    title: str = ""
    description: str = ""
    network: str = "default"
    disk: str = ""
    vnc: bool = True
    vnc_password: str = ""
    serials: int = 1
    deaf: bool = False
    busy: bool = False
    agent: bool = False
    hostile: str = ""
    kernel: bool = True
    firmware: str = ""
    uuid: str = ""
    on_reboot: str = "restart"
    metadata: str = ""
    cmdline: str = ""
    extra: str = ""
    switches: tuple[str, ...] = field(default=())


def command_line(name: str, options: GuestOptions) -> str:
    """What the kernel is told; no_timer_check because 4 in 100 parallel boots hang without."""
    host = "".join(c for c in name if c.isascii() and (c.isalnum() or c == "-")) or "guest"
    words = ["console=tty0", "console=ttyS0", "no_timer_check", "quiet", f"guest.name={host}"]
    words += ["guest.deaf"] * options.deaf + ["guest.busy"] * options.busy
    words += ["guest.nodhcp"] * (not options.network) + ["rdinit=/agent/init"] * options.agent
    words += [f"guest.hostile={options.hostile}"] * bool(options.hostile)
    return " ".join([*words, *options.switches, options.cmdline]).strip()


def devices(name: str, options: GuestOptions) -> str:
    """The <devices> element's content."""
    parts = ["<controller type='usb' model='none'/>"]
    if options.disk:
        parts.append(
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>"
            f"<source file={quoteattr(options.disk)}/><target dev='vda' bus='virtio'/></disk>"
        )
    if options.network:
        parts.append(
            f"<interface type='network'><source network={quoteattr(options.network)}/>"
            "<model type='virtio'/></interface>"
        )
    for port in range(options.serials):
        log = f"/var/log/libvirt/console-{name}-{port}.log" if "/" not in name else ""
        logged = f"<log file={quoteattr(log)} append='on'/>" if log else ""
        parts.append(f"<serial type='pty'>{logged}<target port='{port}'/></serial>")
    if options.serials:
        parts.append("<console type='pty'><target type='serial' port='0'/></console>")
    if options.vnc:
        password = f" passwd={quoteattr(options.vnc_password)}" if options.vnc_password else ""
        parts.append(f"<graphics type='vnc' autoport='yes' listen='127.0.0.1'{password}/>")
        parts.append("<video><model type='vga' vram='16384'/></video>")
    else:
        parts.append("<video><model type='none'/></video>")
    if options.agent:
        parts.append(agent.CHANNEL)
    return "".join([*parts, "<memballoon model='virtio'/>", options.extra])


def definition(name: str, image: Path, options: GuestOptions) -> str:
    """A whole <domain>, every value escaped, so that hostile names can be tested."""
    boot = ""
    if options.kernel:
        initrd = agent.initrd(image) if options.agent else image / "initrd.gz"
        boot = (
            f"<kernel>{escape(str(image / 'vmlinuz'))}</kernel>"
            f"<initrd>{escape(str(initrd))}</initrd>"
            f"<cmdline>{escape(command_line(name, options))}</cmdline>"
        )
    firmware = f" firmware={quoteattr(options.firmware)}" if options.firmware else ""
    head = f"<name>{escape(name)}</name>"
    if options.uuid:
        head += f"<uuid>{options.uuid}</uuid>"
    if options.title:
        head += f"<title>{escape(options.title)}</title>"
    if options.description:
        head += f"<description>{escape(options.description)}</description>"
    if options.metadata:
        head += f"<metadata>{options.metadata}</metadata>"
    return (
        f"<domain type='qemu'>{head}"
        f"<memory unit='MiB'>{options.memory_mib}</memory><vcpu>{options.vcpus}</vcpu>"
        f"<os{firmware}><type arch='x86_64' machine='q35'>hvm</type>{boot}</os>"
        "<features><acpi/><apic/></features>"
        f"<on_reboot>{options.on_reboot}</on_reboot>"
        f"<devices>{devices(name, options)}</devices></domain>"
    )
