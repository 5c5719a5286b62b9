"""Disks with something inside, made without mounting anything: partitions, files, odd names.

Every byte of a file system is written by its own mkfs from a folder (`-d`), then put in its place.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kvmweb.hypervisor import guestfs

MIB = 1024 * 1024
SECTOR = 512
ODD = [
    b"a\nsecond line",
    b"\xff\xfe not utf-8",
    b"<script>alert(1)<",
    b"-rf",
    "中文 名".encode(),
    b"back\\slash",
    b"bell\x07\x1b[31m",
    "\u202egnp.exe".encode(),
]
"""Names that have troubled somebody somewhere."""
MANY = 700
"""Files in the folder `many`."""
BIG = os.urandom(3 * MIB + 17)
"""What is in `/big.bin`."""
_TABLE = """\
label: gpt
start=2048, size={root}, name="system"
start={second}, size=4096, type=swap, name="swap"
start={third}, size=4096, name="secret"
"""


def filled(work: Path) -> Path:
    """A raw disk: ext4 with files, swap, an encrypted partition; 34 MiB, mostly holes."""
    tree = work / "tree"
    _tree(tree)
    root = work / "root.img"
    _sparse(root, 28 * MIB)
    run("mkfs.ext4", "-q", "-L", "roots\nlabel", "-d", str(tree), str(root))
    disk = work / "disk.img"
    _sparse(disk, 34 * MIB)
    sectors = 28 * MIB // SECTOR
    second, third = 2048 + sectors, 2048 + sectors + 4096
    run("sfdisk", "-q", str(disk), words=_TABLE.format(root=sectors, second=second, third=third))
    swap, secret = work / "swap.img", work / "secret.img"
    _sparse(swap, 2 * MIB)
    run("mkswap", "-q", "-L", "pages", str(swap))
    secret.write_bytes(b"LUKS\xba\xbe\x00\x01" + bytes(592))
    for part, at in ((root, 2048), (swap, second), (secret, third)):
        run("dd", f"if={part}", f"of={disk}", f"seek={at}", "conv=notrunc,sparse", "status=none")
    return disk


def why_not_inside() -> str:
    """Why no appliance can look inside a disk here; empty when one can."""
    if not guestfs.is_here():
        return "libguestfs is not installed here"
    kernels = (path.name.removeprefix("vmlinuz-") for path in Path("/boot").glob("vmlinuz-*"))
    if not any(Path("/lib/modules", version).is_dir() for version in kernels):
        return "no kernel with its modules is installed here, which an appliance is made of"
    return ""


def _tree(tree: Path) -> None:
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/shadow").write_text("the guest's own\n")
    (tree / "etc/hostname").write_text("inside\n")
    (tree / "big.bin").write_bytes(BIG)
    (tree / "empty").touch()
    (tree / "odd").mkdir()
    for number, name in enumerate(ODD):
        with open(os.path.join(os.fsencode(tree / "odd"), name), "wb") as file:
            file.write(b"odd %d" % number)
    (tree / "many").mkdir()
    for number in range(MANY):
        (tree / "many" / f"file{number:04}").touch()
    links = tree / "links"
    links.mkdir()
    (links / "out").symlink_to("../../../../../../etc/shadow")
    (links / "absolute").symlink_to("/etc/hostname")
    (links / "folder").symlink_to("/etc")
    (links / "loop").symlink_to("loop")
    (links / "gone").symlink_to("/no/such\nplace")
    os.mkfifo(links / "pipe")
    os.mknod(links / "disk", 0o600 | 0o060000, os.makedev(8, 0))


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def run(*command: str, words: str = "") -> None:
    """A program of the system, whose words are an error's."""
    path = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    subprocess.run(
        command, input=words.encode(), check=True, capture_output=True, env={**os.environ, **path}
    )
