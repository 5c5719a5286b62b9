"""What each type of storage pool can do and needs. Pure.

Source: libvirt's storage backends (which functions each has), https://libvirt.org/storage.html.
"""

from __future__ import annotations

from dataclasses import dataclass

TYPES = (
    "dir", "fs", "netfs", "logical", "disk", "iscsi", "iscsi-direct", "scsi", "mpath", "rbd",
    "gluster", "zfs",
)  # fmt: skip
"""Those that the portal has a form for, in the order of the form."""

PASSING = "kvmweb-nvram-"
"""How the name of a pool begins that is there for a moment only: nobody is told of it."""
_FILES = frozenset({"create", "clone", "resize", "wipe", "delete", "upload", "download"})
_BLOCKS = frozenset({"wipe", "upload", "download"})
_CAN: dict[str, frozenset[str]] = {
    **dict.fromkeys(("dir", "fs", "netfs"), _FILES),
    **dict.fromkeys(("logical", "disk"), _FILES - {"resize"}),
    **dict.fromkeys(("iscsi", "scsi", "mpath"), _BLOCKS),
    "iscsi-direct": frozenset({"wipe"}),
    "rbd": frozenset({"create", "clone", "resize", "wipe", "delete"}),
    "gluster": frozenset({"delete"}),
    "zfs": frozenset({"create", "delete", "upload", "download"}),
}
"""Acts on volumes."""
BUILDS = frozenset({"dir", "fs", "netfs", "logical", "disk", "zfs"})
"""Types that libvirt can make: a folder, a file system, a partition table, a volume group."""
ERASES = frozenset({"fs", "logical", "disk", "zfs"})
"""Building these writes to devices."""
DELETES = frozenset({"dir", "fs", "netfs", "logical", "zfs"})
"""Types whose stopped pool libvirt can remove from the host: an empty folder, a volume group."""
FINDS = frozenset({"netfs", "logical", "iscsi", "iscsi-direct", "gluster"})
"""Types that libvirt can look for."""
FORMATS: dict[str, tuple[str, ...]] = {
    "fs": ("ext4", "xfs", "ext3", "ext2", "auto", "vfat", "ocfs2", "gfs2"),
    "netfs": ("auto", "nfs", "glusterfs", "cifs"),
    "disk": ("gpt", "dos", "mac", "bsd", "pc98", "sun", "dvh"),
    "logical": ("lvm2",),
}
"""What is on the source; the first is the usual one."""
VOLUME_FORMATS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("dir", "fs", "netfs"), ("qcow2", "raw", "vmdk", "vdi", "vpc", "qed")),
    "disk": ("none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid"),
    **dict.fromkeys(("logical", "rbd", "zfs"), ("raw",)),
}
"""What a new volume can be; the first is the usual one."""


def can(pool_type: str, act: str) -> bool:
    """Whether libvirt has this act on volumes of such a pool."""
    return act in _CAN.get(pool_type, frozenset())


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool to be made. Which of it counts depends on the type; the rest stays empty.

    source: a directory on a server, a volume group, a pool of Ceph or ZFS, a Gluster volume.
    devices: paths of block devices; of iSCSI the target's name. adapter: `scsi_host3`, or
    `wwnn:wwpn` of a Fibre Channel port. secret: UUID of the credentials that libvirt keeps.
    """

    name: str
    type: str
    uuid: str = ""
    target: str = ""
    hosts: tuple[str, ...] = ()
    port: int = 0
    source: str = ""
    devices: tuple[str, ...] = ()
    format: str = ""
    initiator: str = ""
    adapter: str = ""
    username: str = ""
    secret: str = ""
    has_autostart: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """Something that libvirt found to make a pool of."""

    host: str = ""
    source: str = ""
    devices: tuple[str, ...] = ()
    format: str = ""


def target_of(spec: PoolSpec) -> str:
    """Where the volumes appear on the host; empty for pools that libvirt reads itself."""
    fixed = {
        "logical": f"/dev/{spec.source}",
        "disk": "/dev",
        "iscsi": "/dev/disk/by-path",
        "scsi": "/dev/disk/by-path",
        "mpath": "/dev/mapper",
        "zfs": f"/dev/zvol/{spec.source}",
    }
    if spec.type in ("dir", "fs", "netfs"):
        return spec.target
    return fixed.get(spec.type, "")


def places(spec: PoolSpec) -> tuple[str, ...]:
    """Every path of the host that such a pool gives access to: each must be allowed.

    A pool of a remote kind (iSCSI, Ceph, Gluster) opens nothing of the host itself.
    """
    if spec.type == "iscsi":
        return ()
    devices = spec.devices if spec.type in ("fs", "logical", "disk", "zfs") else ()
    own = "" if spec.type == "disk" else target_of(spec)
    return tuple(dict.fromkeys(path for path in (own, *devices) if path))
