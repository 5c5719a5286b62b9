"""`make demo`: three tiny guests on this machine's libvirt, two of them running.

Needs a libvirtd that answers (`make run` in another terminal starts one where nobody else does).
Run it again to put back what is missing; `--remove` takes all of it away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
URI = os.environ.get("KVMWEB_DEMO_URI", "qemu:///system")
IMAGES = Path("/var/lib/libvirt/images")
# The hypervisor's user must be able to read it, which a home folder often forbids.
BOOT = IMAGES / "kvmweb-demo"


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest of the demonstration. memory_mib: 72 is the least that boots."""

    name: str
    title: str
    description: str
    memory_mib: int
    vcpus: int
    is_started: bool
    switches: str = ""


GUESTS = (
    Guest("demo-web", "Web server", "A tiny Linux: sign-in is not needed, try uname -a.",
          128, 1, True),
    Guest("demo-build", "Build machine", "Works a little now and then, so its graphs move.",
          128, 2, True, "guest.busy"),
    Guest("demo-db", "Database", "Shut off: start it from its page.", 128, 1, False),
)  # fmt: skip

NETWORK = """\
<network><name>default</name><forward mode='nat'/><bridge name='virbr0' stp='on' delay='0'/>
<ip address='192.168.{third}.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.{third}.2' end='192.168.{third}.254'/></dhcp></ip></network>
"""
POOL = """\
<pool type='dir'><name>default</name>
<target><path>/var/lib/libvirt/images</path></target></pool>
"""
DOMAIN = """\
<domain type='{kind}'><name>{name}</name>
<title>{title}</title><description>{description}</description>
<memory unit='MiB'>{memory_mib}</memory><vcpu>{vcpus}</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type>
<kernel>{boot}/vmlinuz</kernel><initrd>{boot}/initrd.gz</initrd>
<cmdline>console=tty0 console=ttyS0 no_timer_check guest.name={name} {switches}</cmdline></os>
<features><acpi/><apic/></features>{cpu}
<devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>
<source file='{disk}'/><target dev='vda' bus='virtio'/></disk>
<interface type='network'><source network='default'/><model type='virtio'/></interface>
<serial type='pty'/><console type='pty'/>
<graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
<video><model type='vga' vram='16384'/></video>
<memballoon model='virtio'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
</devices></domain>
"""


def say(text: str) -> None:
    """One line for the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def virsh(*arguments: str, xml: str = "", check: bool = True) -> str:
    """What virsh prints; its complaint ends the run unless `check` is off."""
    command = ["virsh", "-q", "-c", URI, *arguments]
    done = subprocess.run(command, input=xml, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"virsh {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def acceleration() -> str:
    """`kvm` where the hypervisor can really use it, else `qemu` (slower, works everywhere)."""
    has_device = os.access("/dev/kvm", os.R_OK | os.W_OK)
    found = virsh("domcapabilities", "--virttype", "kvm", check=False) if has_device else ""
    flags = Path("/proc/cpuinfo").read_text()
    return "kvm" if "<domain>kvm</domain>" in found and _has_flag(flags) else "qemu"


def _has_flag(cpuinfo: str) -> bool:
    words = set(cpuinfo.split())
    return "vmx" in words or "svm" in words


def prepare_boot() -> None:
    """Kernel and initrd where the hypervisor may read them."""
    cache = Path(os.environ.get("KVMWEB_DATA_DIR", ROOT / "data")) / "demo"
    say("building the guest's kernel and initrd from distribution packages")
    done = subprocess.run(
        [sys.executable, HERE / "build_guest.py", cache], stdout=subprocess.PIPE, check=True
    )
    built = Path(done.stdout.decode().strip())
    BOOT.mkdir(parents=True, exist_ok=True)
    for name in ("vmlinuz", "initrd.gz"):
        shutil.copyfile(built / name, BOOT / name)
        (BOOT / name).chmod(0o644)


def prepare_network() -> None:
    """A NAT network and a pool called `default`, as the distribution would have made them."""
    if "default" not in virsh("net-list", "--all", "--name").split():
        say("defining the network default (NAT)")
        taken = subprocess.run(["ip", "-4", "addr"], capture_output=True, text=True, check=True)
        free = [n for n in (122, 123, 124, 150, 200) if f"192.168.{n}." not in taken.stdout]
        virsh("net-define", "/dev/stdin", xml=NETWORK.format(third=free[0] if free else 222))
        virsh("net-autostart", "default")
    if "default" not in virsh("net-list", "--name").split():
        virsh("net-start", "default")
    if "default" not in virsh("pool-list", "--all", "--name").split():
        say("defining the storage pool default (/var/lib/libvirt/images)")
        virsh("pool-define", "/dev/stdin", xml=POOL)
        virsh("pool-autostart", "default")
        virsh("pool-start", "default")


def define(guest: Guest, kind: str) -> None:
    """Define it unless it is there, and start it if it should run."""
    if guest.name in virsh("list", "--all", "--name").split():
        say(f"{guest.name}: is there already")
    else:
        disk = IMAGES / f"{guest.name}.qcow2"
        if not disk.exists():
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        cpu = "<cpu mode='host-model'/>" if kind == "kvm" else ""
        xml = DOMAIN.format(
            kind=kind, name=guest.name, title=escape(guest.title), boot=BOOT, cpu=cpu, disk=disk,
            description=escape(guest.description), memory_mib=guest.memory_mib,
            vcpus=guest.vcpus, switches=guest.switches,
        )  # fmt: skip
        virsh("define", "/dev/stdin", xml=xml)
        say(f"{guest.name}: defined ({guest.title})")
    if guest.is_started and guest.name not in virsh("list", "--name").split():
        virsh("start", guest.name)
        say(f"{guest.name}: started")


def remove() -> None:
    """Take the guests, their disks and their kernel away; network and pool stay."""
    for guest in GUESTS:
        virsh("destroy", guest.name, check=False)
        virsh("undefine", guest.name, "--managed-save", check=False)
        (IMAGES / f"{guest.name}.qcow2").unlink(missing_ok=True)
        say(f"{guest.name}: removed")
    shutil.rmtree(BOOT, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Build, define, start; or remove."""
    if subprocess.run(
        ["virsh", "-q", "-c", URI, "uri"], capture_output=True, check=False
    ).returncode:
        raise SystemExit(f"{URI} does not answer: start the portal with `make run` first")
    if "--remove" in arguments:
        remove()
        return 0
    if os.geteuid():
        raise SystemExit("make demo writes to /var/lib/libvirt/images: run it as root (sudo)")
    prepare_boot()
    prepare_network()
    kind = acceleration()
    for guest in GUESTS:
        define(guest, kind)
    say(f"done ({kind}); they appear in the portal by themselves")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
