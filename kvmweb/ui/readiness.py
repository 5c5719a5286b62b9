"""What was looked at on a host in plain words, and what to do where it is not as it should be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kvmweb.core.readiness import Finding, Verdict
from kvmweb.ui.words import State, Text

_WORDS: dict[str, tuple[Text, Text, Text]] = {
    "cpu-flags": (
        _("The processor can run guests at full speed"),
        _("The processor offers no virtualization: guests are emulated, some ten times slower"),
        _("Switch on VT-x or AMD-V in the firmware; in a cloud, ask for nested virtualization."),
    ),
    "kvm-loaded": (
        _("KVM is loaded"),
        _("KVM is not loaded"),
        _("Load it: modprobe kvm_intel or modprobe kvm_amd"),
    ),
    "kvm-open": (
        _("The hypervisor may use KVM"),
        _("Only root may use KVM"),
        _("As root: chgrp kvm /dev/kvm; chmod 660 /dev/kvm (udev does this where it runs)"),
    ),
    "kvm-offered": (
        _("libvirt offers KVM"),
        _("libvirt offers software emulation only"),
        _("Load kvm_intel or kvm_amd, then restart libvirt: it looks once, when it starts."),
    ),
    "qemu": (
        _("QEMU is installed"),
        _("QEMU is not installed: no guest can start"),
        _("Install it: make run does, or apt-get install qemu-system-x86"),
    ),
    "qemu-img": (
        _("Disks can be made (qemu-img)"),
        _("Disks cannot be made: qemu-img is missing"),
        _("Install it: apt-get install qemu-utils"),
    ),
    "inside": (
        _("Disks can be looked into (libguestfs)"),
        _("Disks cannot be looked into: libguestfs is missing"),
        _(
            "Install it: apt-get install libguestfs-tools (Debian, Ubuntu), or dnf install "
            "libguestfs /usr/bin/qemu-storage-daemon (Fedora). Optional."
        ),
    ),
    "libvirt": (_("libvirt answers"), "", ""),
    "libvirt-denied": (
        "",
        _("libvirt is running, but you may not use it"),
        _("Add yourself to its group and sign in again: adduser $USER libvirt"),
    ),
    "libvirt-silent": (
        "",
        _("libvirt is installed, but does not answer"),
        _("Start it: systemctl start libvirtd (make run starts it where there is no systemd)"),
    ),
    "libvirt-missing": (
        "",
        _("libvirt is not installed"),
        _("Install it: make run does, or apt-get install libvirt-daemon-system"),
    ),
    "virtlogd": (
        _("Consoles are logged (virtlogd)"),
        _("virtlogd does not answer: no guest can start"),
        _("Start it: systemctl start virtlogd.socket, or virtlogd -d where there is no systemd"),
    ),
    "at-boot": (
        _("libvirt starts when the machine boots"),
        _("libvirt does not start when the machine boots"),
        _("Enable it: systemctl enable libvirtd.socket (virtqemud.socket where that is used)"),
    ),
    "tun": (
        _("Guests can be connected to networks"),
        _("Guests cannot be connected to networks: /dev/net/tun is missing"),
        _("Load the kernel module: modprobe tun"),
    ),
    "dnsmasq": (
        _("Networks can give addresses to guests (dnsmasq)"),
        _("Networks cannot give addresses to guests: dnsmasq is missing"),
        _("Install it: apt-get install dnsmasq-base"),
    ),
    "iptables": (
        _("NAT networks work (iptables)"),
        _("NAT networks do not work: iptables is missing"),
        _("Install it: apt-get install iptables"),
    ),
    "vhost-net": (
        _("Guest networks are fast (vhost-net)"),
        _("Guest networks are slower than they could be (no vhost-net)"),
        _("Load the kernel module: modprobe vhost_net"),
    ),
    "iommu": (
        _("Host devices can be given to guests (IOMMU)"),
        _("Host devices cannot be given to guests (no IOMMU)"),
        _("Switch on VT-d or AMD-Vi in the firmware, and intel_iommu=on for Intel. Optional."),
    ),
    "cgroups": (
        _("Limits on processor, memory and disks work (cgroups)"),
        _("Limits on processor, memory or disks do not work (cgroups)"),
        _("Run libvirt where it may write to /sys/fs/cgroup. Guests run without it."),
    ),
    "secure-guests": (
        _("Guests with encrypted memory can run (SEV)"),
        _("Guests with encrypted memory cannot run here (no SEV)"),
        _("Needs an AMD EPYC processor with SEV switched on in the firmware. Optional."),
    ),
    "uefi": (
        _("Guests can boot by UEFI"),
        _("Guests cannot boot by UEFI: no firmware is installed"),
        _("Install it: apt-get install ovmf. Optional."),
    ),
    "confinement": (
        _("Guests are kept apart by %(by)s"),
        _("Guests are kept apart by file owners only (no SELinux or AppArmor)"),
        _("Switch on SELinux or AppArmor and set security_driver in /etc/libvirt/qemu.conf."),
    ),
    "version": (
        _("libvirt %(version)s is new enough"),
        _("libvirt %(version)s is old: parts of the portal may not work"),
        _("Use libvirt 6.0 or newer."),
    ),
    "pool": (
        _("A storage pool is active"),
        _("No storage pool is active: there is no room for disks"),
        _("Start one, or make one, under Storage."),
    ),
    "network": (
        _("A network is active"),
        _("No network is active: guests are alone"),
        _("Start one, or make one, under Networks. A host bridge needs none."),
    ),
    "room": (
        _("%(folder)s has room: %(free)s GiB"),
        _("%(folder)s is nearly full, or cannot be written to"),
        _("Free some space there, or use a pool elsewhere."),
    ),
    "room-data": (
        _("%(folder)s has room: %(free)s GiB"),
        _("%(folder)s is nearly full, or cannot be written to"),
        _("Free some space there, or set another folder (KVMWEB_DATA_DIR)."),
    ),
    "worker": (
        "",
        _("The host worker does not start: libvirt's Python module may be missing"),
        _("Install what the portal needs: make run does."),
    ),
}

_STATES: dict[Verdict, State] = {
    Verdict.GOOD: State(_("In order"), "good", "good"),
    Verdict.LIMITED: State(_("Limited"), "warn", "warn"),
    Verdict.BAD: State(_("To put right"), "bad", "bad"),
}
_OPTIONAL = frozenset({"iommu", "secure-guests", "uefi", "inside"})
"""What few hosts need: its lack is told, but nothing to worry about."""
_LACKING = State(_("Optional"), "info", "info")
_ORDER = (Verdict.BAD, Verdict.LIMITED, Verdict.GOOD)


@dataclass(frozen=True, slots=True)
class Said:
    """A finding in words. remedy: what to do; empty when all is well."""

    verdict: Verdict
    what: str
    remedy: Text
    shown: State


def said(finding: Finding) -> Said:
    """In the language that is active now. A finding that this portal does not know: its code."""
    good, bad, remedy = _WORDS.get(finding.code, (finding.code, finding.code, ""))
    is_good = finding.verdict is Verdict.GOOD
    what = str(good if is_good else bad) % finding.values
    is_optional = finding.verdict is Verdict.LIMITED and finding.code in _OPTIONAL
    shown = _LACKING if is_optional else _STATES[finding.verdict]
    return Said(finding.verdict, what, "" if is_good else remedy, shown)


def in_order(findings: Iterable[Finding]) -> list[Said]:
    """The worst first; what is optional after what limits."""
    return sorted(
        map(said, findings), key=lambda it: (_ORDER.index(it.verdict), it.shown is _LACKING)
    )


def known() -> frozenset[str]:
    """Every code that has words."""
    return frozenset(_WORDS)
