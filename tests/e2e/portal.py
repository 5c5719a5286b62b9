"""The real portal as an operator runs it, in a data folder of its own, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PASSWORD = "correct horse battery"
REPOSITORY = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Portal:
    """`manage.py serve` with settings by environment. Everything it wrote is below `folder`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.machine = "localhost"
        self.enter: tuple[str, ...] = ()
        """What it is started behind, such as the network of another host; then `machine` is it."""
        self.port = free_port()
        self.log_path = folder / "portal.log"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("KVMWEB_")},
            "KVMWEB_DATA_DIR": str(folder),
            "KVMWEB_PORT": str(self.port),
            "KVMWEB_LOCAL_URI": "",
            "KVMWEB_START_LIBVIRT": "0",
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        self.environment.pop("PYTEST_VERSION", None)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where a browser opens it."""
        return f"https://{self.machine}:{self.port}{self.environment.get('KVMWEB_URL_PREFIX', '')}"

    @property
    def pid(self) -> int:
        """Of `manage.py serve`."""
        assert self._process is not None
        return self._process.pid

    def manage(self, *command: str, stdin: str = "") -> str:
        """Run a command of the operator."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=REPOSITORY,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def furnish(self, like: Path) -> None:
        """Begin with a copy of this data folder: four commands of an operator cost ten seconds."""
        shutil.copytree(like, self.folder, dirs_exist_ok=True)

    def start(self) -> Portal:
        """Start and wait until it is alive."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.enter, sys.executable, "manage.py", "serve"],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._is_alive():
                return self
            time.sleep(0.1)
        raise AssertionError(f"the portal did not start:\n{self.log()[-4000:]}")

    def stop(self) -> None:
        """Ctrl+C; it ends all it started."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """kill -9 of every process of the portal."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def log(self) -> str:
        """All it printed."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def setup_link(self) -> str:
        """The one-time link as printed in the terminal."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for word in self.log().split():
                if "/setup/" in word:
                    return word
            time.sleep(0.1)
        raise AssertionError(f"no set-up link was printed:\n{self.log()[-4000:]}")

    def _is_alive(self) -> bool:
        try:
            context = ssl._create_unverified_context()  # its certificate is its own
            with urllib.request.urlopen(f"{self.url}/healthz", context=context, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False
