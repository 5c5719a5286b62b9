"""Systems that are known without the osinfo database, or are younger than the distributions' copy.

A line fills a gap only: what the database says of the same short id counts instead. Dates are the
vendors' announcements, long-term support included; sizes are what their documents ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from kvmweb.core.systems import Medium, Need, System

LINUX = frozenset(
    {
        "virtio-net", "virtio-block", "virtio-balloon", "virtio-console", "virtio-scsi",
        "virtio-rng", "virtio-9p", "virtio1-net", "virtio1-block", "virtio1-console",
        "virtio1-rng", "virtio1-balloon", "virtio1-scsi", "virtio1-gpu", "virtio1-input",
        "virtio1-fs", "qemu-xhci", "q35", "usb-tablet", "e1000", "e1000e",
    }
)  # fmt: skip
BSD = frozenset({"virtio-net", "virtio-block", "virtio-scsi", "virtio-rng", "q35", "usb-tablet"})
WINDOWS = frozenset({"e1000e", "qemu-xhci", "q35", "usb-tablet", "ich6-audio"})
"""As installed, before any driver of virtio is added."""

GIB = 1024**3
Line = tuple[str, str, str, str, str, str, str]
"""short id, name, version, distro, released, ends, pattern of the ISO's volume id."""

_DEBIAN: tuple[Line, ...] = (
    ("debian11", "Debian 11", "11", "debian", "2021-08-14", "2026-08-31", r"^Debian 11\.\d+"),
    ("debian12", "Debian 12", "12", "debian", "2023-06-10", "2028-06-30", r"^Debian 12\.\d+"),
    ("debian13", "Debian 13", "13", "debian", "2025-08-09", "2030-06-30", r"^Debian 13\.\d+"),
)
_UBUNTU: tuple[Line, ...] = (
    ("ubuntu20.04", "Ubuntu 20.04 LTS", "20.04", "ubuntu", "2020-04-23", "2025-05-31",
     r"^Ubuntu(-Server)? 20\.04"),
    ("ubuntu22.04", "Ubuntu 22.04 LTS", "22.04", "ubuntu", "2022-04-21", "2027-05-31",
     r"^Ubuntu(-Server)? 22\.04"),
    ("ubuntu24.04", "Ubuntu 24.04 LTS", "24.04", "ubuntu", "2024-04-25", "2029-05-31",
     r"^Ubuntu(-Server)? 24\.04"),
    ("ubuntu25.10", "Ubuntu 25.10", "25.10", "ubuntu", "2025-10-09", "2026-07-31",
     r"^Ubuntu(-Server)? 25\.10"),
    ("ubuntu26.04", "Ubuntu 26.04 LTS", "26.04", "ubuntu", "2026-04-23", "2031-05-31",
     r"^Ubuntu(-Server)? 26\.04"),
)  # fmt: skip
_ENTERPRISE: tuple[Line, ...] = (
    ("rhel8-unknown", "Red Hat Enterprise Linux 8", "8", "rhel", "2019-05-07", "2029-05-31",
     r"^RHEL-8-"),
    ("rhel9-unknown", "Red Hat Enterprise Linux 9", "9", "rhel", "2022-05-17", "2032-05-31",
     r"^RHEL-9-"),
    ("rhel10-unknown", "Red Hat Enterprise Linux 10", "10", "rhel", "2025-05-20", "2035-05-31",
     r"^RHEL-10-"),
    ("almalinux9", "AlmaLinux 9", "9", "almalinux", "2022-05-26", "2032-05-31", r"^AlmaLinux-9-"),
    ("almalinux10", "AlmaLinux 10", "10", "almalinux", "2025-05-27", "2035-05-31",
     r"^AlmaLinux-10-"),
    ("rocky9", "Rocky Linux 9", "9", "rocky", "2022-07-14", "2032-05-31", r"^Rocky-9-"),
    ("rocky10", "Rocky Linux 10", "10", "rocky", "2025-06-11", "2035-05-31", r"^Rocky-10-"),
    ("centos-stream9", "CentOS Stream 9", "9", "centos", "2021-12-03", "2027-05-31",
     r"^CentOS-Stream-9-"),
    ("centos-stream10", "CentOS Stream 10", "10", "centos", "2024-12-12", "2030-05-31",
     r"^CentOS-Stream-10-"),
    ("openeuler22.03", "openEuler 22.03 LTS", "22.03", "openeuler", "2022-03-30", "",
     r"^openEuler-22\.03"),
    ("openeuler24.03", "openEuler 24.03 LTS", "24.03", "openeuler", "2024-06-06", "",
     r"^openEuler-24\.03"),
    ("anolis8", "Anolis OS 8", "8", "anolis", "2021-04-26", "", r"^Anolis(OS)?-8"),
    ("anolis23", "Anolis OS 23", "23", "anolis", "2023-11-01", "", r"^Anolis(OS)?-23"),
    ("kylin10", "Kylin Linux Advanced Server V10", "10", "kylin", "2020-08-13", "",
     r"(?i)^kylin.*v?10"),
    ("uos20", "UnionTech OS 20", "20", "uos", "2020-01-14", "", r"(?i)^(uos|uniontech)"),
    ("deepin23", "deepin 23", "23", "deepin", "2024-08-15", "", r"(?i)^deepin.?23"),
    ("deepin25", "deepin 25", "25", "deepin", "2025-06-26", "", r"(?i)^deepin.?25"),
)  # fmt: skip
_OTHERS: tuple[Line, ...] = (
    ("fedora39", "Fedora Linux 39", "39", "fedora", "2023-11-07", "2024-11-26",
     r"^Fedora-.*-39(-|$)"),
    ("fedora40", "Fedora Linux 40", "40", "fedora", "2024-04-23", "2025-05-13",
     r"^Fedora-.*-40(-|$)"),
    ("fedora41", "Fedora Linux 41", "41", "fedora", "2024-10-29", "2025-12-15",
     r"^Fedora-.*-41(-|$)"),
    ("fedora42", "Fedora Linux 42", "42", "fedora", "2025-04-15", "2026-05-13",
     r"^Fedora-.*-42(-|$)"),
    ("fedora43", "Fedora Linux 43", "43", "fedora", "2025-10-28", "2026-12-02",
     r"^Fedora-.*-43(-|$)"),
    ("opensuse15.6", "openSUSE Leap 15.6", "15.6", "opensuse", "2024-06-12", "2026-04-30",
     r"^openSUSE-Leap-15\.6"),
    ("opensuse16.0", "openSUSE Leap 16.0", "16.0", "opensuse", "2025-10-01", "",
     r"^(openSUSE-)?Leap-16\.0"),
    ("alpinelinux3.22", "Alpine Linux 3.22", "3.22", "alpinelinux", "2025-05-30", "2027-05-01",
     r"^alpine-\w+ 3\.22"),
    ("linux2024", "Generic Linux 2024", "2024", "linux", "2024-01-01", "", ""),
)  # fmt: skip
_WINDOWS: tuple[Line, ...] = (
    ("win10", "Microsoft Windows 10", "10", "win", "2015-07-29", "2025-10-14",
     r"^(J_)?(CCSN?A|C?CCOMA|CE[DNS]N?A?)_X(64|86)FRE[EV]?_"),
    ("win11", "Microsoft Windows 11", "11", "win", "2021-10-05", "",
     r"^(J_)?(CCSN?A|C?CCOMA)_[AX]64FRE[EV]?_"),
    ("win2k19", "Microsoft Windows Server 2019", "2019", "win", "2018-11-13", "2029-01-09",
     r"^SSS_X64FRE[EV]?_"),
    ("win2k22", "Microsoft Windows Server 2022", "2022", "win", "2021-08-18", "2031-10-14",
     r"^SSS_X64FRE[EV]?_"),
    ("win2k25", "Microsoft Windows Server 2025", "2025", "win", "2024-11-01", "2034-11-14",
     r"^SSS_X64FRE[EV]?_"),
)  # fmt: skip
_BSD: tuple[Line, ...] = (
    ("freebsd14.3", "FreeBSD 14.3", "14.3", "freebsd", "2025-06-10", "2026-06-30",
     r"^14_3_RELEASE"),
)  # fmt: skip

_CODENAMES = {
    "debian11": "bullseye",
    "debian12": "bookworm",
    "debian13": "trixie",
    "ubuntu20.04": "Focal Fossa",
    "ubuntu22.04": "Jammy Jellyfish",
    "ubuntu24.04": "Noble Numbat",
}


def systems() -> Iterator[System]:
    """All of them."""
    for lines, family, devices, least, good in (
        (_DEBIAN, "linux", LINUX, (1, 1, 10), (2, 2, 20)),
        (_UBUNTU, "linux", LINUX, (1, 2, 10), (2, 4, 25)),
        (_ENTERPRISE, "linux", LINUX, (1, 2, 10), (2, 4, 20)),
        (_OTHERS, "linux", LINUX, (1, 2, 10), (2, 4, 20)),
        (_WINDOWS, "winnt", WINDOWS, (2, 4, 64), (2, 4, 64)),
        (_BSD, "freebsd", BSD, (1, 1, 10), (1, 2, 20)),
    ):
        for line in lines:
            yield _system(line, family, devices, _need(*least), _need(*good))


def _system(line: Line, family: str, devices: frozenset[str], least: Need, good: Need) -> System:
    short, name, version, distro, released, ends, volume = line
    publisher = "MICROSOFT CORPORATION" if family == "winnt" else ""
    return System(
        id=short,
        uri=f"urn:kvmweb:{short}",
        name=name,
        version=version,
        family=family,
        distro=distro,
        codename=_CODENAMES.get(short, ""),
        released=date.fromisoformat(released),
        ends=date.fromisoformat(ends) if ends else None,
        minimum=(least,),
        recommended=(good,),
        devices=devices,
        offers_efi=True,
        needs_efi=short == "win11",
        media=(Medium("all", volume=volume, publisher=publisher),) if volume else (),
    )


def _need(cpus: int, memory: int, disk: int) -> Need:
    return Need(cpus=cpus, memory=memory * GIB, disk=disk * GIB)
