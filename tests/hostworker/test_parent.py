"""A host worker never outlives whoever started it, however that one ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WORKER = [sys.executable, "-m", "kvmweb.hostworker"]


def test_a_worker_that_would_outlive_its_parent_does_not_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [*WORKER, "--uri", "test:///default", "--socket", str(tmp_path / "x.sock")],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--parent-fd" in done.stderr


def test_the_stage_of_services_killed_with_9_leaves_no_worker(tmp_path: Path) -> None:
    """As when a test run is killed: nobody calls `stop()`."""
    program = textwrap.dedent(
        f"""
        import os, time
        from pathlib import Path
        os.environ["DJANGO_SETTINGS_MODULE"] = "kvmweb.settings"
        os.environ["KVMWEB_DATA_DIR"] = {str(tmp_path)!r}
        import django; django.setup()
        from tests.services.stage import TestHost
        host = TestHost(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}), guests=1)
        print(host.process.pid, flush=True)
        time.sleep(60)
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    deadline = time.monotonic() + 20
    while not (tmp_path / "east.sock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(10)
    while _lives(worker):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
