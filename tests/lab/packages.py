"""Programs of the distribution, unpacked: nothing is installed on the machine that tests run on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.host import REPOSITORY, LabError


def unpacked(*packages: str) -> Path:
    """The folder with these packages' files, fetched once and kept below .cache/.

    Raises LabError where apt does not have them.
    """
    cache = Path(os.environ.get("KVMWEB_TEST_CACHE", REPOSITORY / ".cache")) / packages[0]
    if cache.exists():
        return cache
    if shutil.which("apt-get") is None:
        raise LabError(f"{packages[0]} is fetched with apt-get: Debian and Ubuntu only")
    work = cache.with_name(f"{packages[0]}.{os.getpid()}")
    work.mkdir(parents=True)
    fetch = ["apt-get", "download", *packages]
    fetched = subprocess.run(fetch, cwd=work, capture_output=True, text=True, check=False)
    found = list(work.glob("*.deb"))
    if fetched.returncode or not found:
        shutil.rmtree(work)
        raise LabError(fetched.stderr)
    for package in found:
        subprocess.run(["dpkg-deb", "-x", package, work], check=True)
        package.unlink()
    try:
        work.rename(cache)
    except OSError:  # somebody was quicker
        shutil.rmtree(work)
    return cache
