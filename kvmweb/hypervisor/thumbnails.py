"""The screen of a guest as a small picture, made in a process of its own.

`python -m kvmweb.hypervisor.thumbnails` reads a picture and writes the small one: so that what a
guest shows keeps neither this process's threads nor its memory.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import libvirt

from kvmweb.core import errors, pictures
from kvmweb.hypervisor import actions

PATIENCE_S = 10.0
MEMORY_MAX = 512 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]


def take(connection: libvirt.virConnect, uuid: str) -> tuple[int, str]:
    """A memory file at its start, and its MIME type. Raises as `screenshot`, NotSupported."""
    whole, _mime = actions.screenshot(connection, uuid)
    with os.fdopen(whole, "rb") as picture:
        small = _shrunk(picture.fileno())
    image = os.memfd_create("thumbnail", os.MFD_CLOEXEC)
    os.write(image, small)
    os.lseek(image, 0, os.SEEK_SET)
    return image, "image/png"


def _shrunk(picture: int) -> bytes:
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(
            command, stdin=picture, capture_output=True, cwd=_ROOT, timeout=PATIENCE_S, check=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise errors.NotSupported(f"no thumbnail: {type(error).__name__}") from error
    return done.stdout[: pictures.SIZE_MAX]


def main() -> int:
    """From standard input to standard output, modestly."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    image = sys.stdin.buffer.read(actions.SCREENSHOT_MAX + 1)
    try:
        sys.stdout.buffer.write(pictures.shrink(image))
    except ValueError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
