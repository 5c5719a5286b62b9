"""Build the tiny Linux that `make demo` shows and the tests boot: a kernel and an initrd, 3 MB.

Everything comes from distribution packages (kernel, busybox), downloaded by apt-get and unpacked
without installing; nothing needs root.  The result lies in <folder>/<content key>/ and is reused
until a file here changes (remove FOLDER to take a newer kernel).  Prints that folder.

    python3 deploy/demo/build_guest.py FOLDER
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import lzma
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOTFS = HERE / "rootfs"
KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual", "linux-image-amd64")
"""Meta packages, the smallest first: Debian's cloud kernel, Ubuntu's, Debian's whole one."""

MODULES = (
    "virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "virtio_console", "virtio_scsi",
    "virtio-rng", "virtio_input", "sd_mod", "sr_mod", "isofs", "button", "evdev", "pvpanic-mmio",
    "pvpanic-pci", "virtio_mem",
)  # fmt: skip
DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a program and return what it printed; its complaints are shown when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def depends(package: str) -> list[str]:
    """The real kernel packages that a meta package stands for (image and modules)."""
    found: list[str] = []
    for line in run("apt-cache", "depends", package).splitlines():
        match = re.match(r"\s+Depends: (linux-(?:image|modules)-\d\S*)", line)
        if match and not match[1].endswith("-unsigned"):
            found += [match[1], *depends(match[1])]
    return found


def packages() -> list[str]:
    """What to download.  Raises SystemExit where apt knows no suitable kernel."""
    names = known_packages()
    if not names and os.geteuid() == 0:
        # A fresh container has no package lists at all.
        run("apt-get", "update", "-qq")
        names = known_packages()
    if not names:
        raise SystemExit("No kernel package found: run `apt-get update`, or use Debian or Ubuntu.")
    return names


def known_packages() -> list[str]:
    """As far as apt's present lists tell; empty when they do not."""
    for kernel in KERNELS:
        if run("apt-cache", "search", "--names-only", f"^{kernel}$").strip():
            names = sorted(set(depends(kernel)))
            if names:
                return ["busybox-static", *names]
    return []


def unpacked(path: Path) -> bytes:
    """A kernel module's bytes, however the distribution compresses it."""
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout
    return path.read_bytes()


def modules(tree: Path) -> Iterator[tuple[str, bytes]]:
    """Wanted modules and all they need, each after those it needs.

    What the kernel has built in is simply not there.  Source: .modinfo `depends`.
    """
    index = {
        path.name.split(".ko")[0].replace("-", "_"): path
        for path in tree.glob("**/kernel/**/*.ko*")
    }
    done: set[str] = set()

    def visit(name: str) -> Iterator[tuple[str, bytes]]:
        path = index.get(name.replace("-", "_"))
        if path is None or path.name in done:
            return
        done.add(path.name)
        content = unpacked(path)
        match = DEPENDS.search(content)
        for needed in (match[1].decode() if match else "").split(","):
            yield from visit(needed)
        yield path.name.split(".ko")[0] + ".ko", content

    for wanted in MODULES:
        yield from visit(wanted)


def cpio(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """An archive as the kernel's initramfs wants it.  Source: kernel, buffer-format (newc)."""
    out = bytearray()
    for inode, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields)
        out += name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4)
        out += content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def contents(tree: Path) -> Iterator[tuple[str, int, bytes]]:
    """Everything in the initrd: our files, busybox, the modules and their order."""
    for path in sorted(ROOTFS.rglob("*")):
        name = str(path.relative_to(ROOTFS))
        if path.is_dir():
            yield name, stat.S_IFDIR | 0o755, b""
        else:
            executable = path.stat().st_mode & 0o111
            yield name, stat.S_IFREG | (0o755 if executable else 0o644), path.read_bytes()
    for folder in ("bin", "dev", "lib", "lib/modules"):
        yield folder, stat.S_IFDIR | 0o755, b""
    busybox = next(path for path in tree.glob("**/bin/busybox") if path.is_file())
    yield "bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()
    order = []
    for name, content in modules(tree):
        order.append(name)
        yield f"lib/modules/{name}", stat.S_IFREG | 0o644, content
    yield "lib/modules/order", stat.S_IFREG | 0o644, ("\n".join(order) + "\n").encode()


def key(names: list[str]) -> str:
    """Changes whenever the packages or our own files do."""
    digest = hashlib.sha256("\n".join(names).encode())
    for path in sorted(path for path in HERE.rglob("*") if path.is_file()):
        if path.suffix != ".pyc" and (path.is_relative_to(ROOTFS) or path == Path(__file__)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def build(target: Path, names: list[str]) -> None:
    """Download, unpack and put together; `target` appears only when it is whole."""
    with tempfile.TemporaryDirectory(prefix="guest-", dir=target.parent) as scratch:
        work = Path(scratch)
        run("apt-get", "download", *names, cwd=work)
        for package in work.glob("*.deb"):
            run("dpkg-deb", "-x", str(package), str(work / "tree"))
        result = work / "result"
        result.mkdir()
        kernel = next((work / "tree" / "boot").glob("vmlinuz-*"))
        shutil.copyfile(kernel, result / "vmlinuz")
        initrd = gzip.compress(cpio(contents(work / "tree")), 6, mtime=0)
        (result / "initrd.gz").write_bytes(initrd)
        result.chmod(0o755)
        result.rename(target)


def latest(folder: Path) -> Path | None:
    """What was built before from the same files of ours, so that apt need not be asked."""
    names = folder / "packages"
    target = folder / key(names.read_text().split()) if names.is_file() else folder / "none"
    return target if target.is_dir() else None


def main(arguments: list[str]) -> int:
    """Build unless it is there; safe to be called by several at once."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    folder = Path(arguments[0]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = latest(folder)
        if target is None:
            names = packages()
            target = folder / key(names)
            if not target.is_dir():
                build(target, names)
            (folder / "packages").write_text("\n".join(names) + "\n")
    sys.stdout.write(f"{os.fspath(target)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
