"""`manage.py serve` as a person meets it: started for real, asked over TLS, ended for real."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


class Served:
    """One running `manage.py serve`."""

    def __init__(self, data: Path, *arguments: str, **settings: str) -> None:
        self.port = free_port()
        self.log = data.parent / f"{data.name}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if "PYTEST" not in name},
            "KVMWEB_DATA_DIR": str(data),
            "KVMWEB_PORT": str(self.port),
            "KVMWEB_LOCAL_URI": "",
            "KVMWEB_START_LIBVIRT": "false",
            **settings,
        }
        command = [sys.executable, "manage.py", "serve", *arguments]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env=environment
            )

    @property
    def words(self) -> str:
        """What it has printed."""
        return self.log.read_text()

    def wait_for(self, pattern: str, *, timeout_s: float = 60) -> re.Match[str]:
        """Wait until it prints this."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = re.search(pattern, self.words)
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} was not printed:\n{self.words}")

    def children(self) -> list[int]:
        """Processes below it."""
        path = Path(f"/proc/{self.process.pid}/task")
        return [
            int(pid) for task in path.iterdir() for pid in (task / "children").read_text().split()
        ]

    def processor_s(self) -> float:
        """Processor time that it has used.  Source: proc(5), stat fields 14 and 15."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; answers its exit code."""
        self.process.send_signal(how)
        return self.process.wait(20)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*arguments: str, data: str = "data", **settings: str) -> Served:
        served = Served(tmp_path / data, *arguments, **settings)
        started.append(served)
        return served

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()


def status(url: str) -> int:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # The set-up link leads on to a page that knows its visitor by a cookie.
    browser = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor()
    )
    try:
        with browser.open(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def gone(pids: list[int], *, timeout_s: float = 10) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


def test_first_start_prints_the_setup_link_and_answers_over_tls(serve):
    served = serve()
    link = served.wait_for(r"https://localhost:\d+/setup/\S+")[0]
    assert status(f"https://localhost:{served.port}/healthz") == 200
    assert status(link) == 200
    children = served.children()
    assert children
    assert served.end() == 0
    assert gone(children)


def test_what_it_writes_is_for_the_owner_only(serve, tmp_path):
    serve().wait_for("kvmweb is at")
    names = ["secret-key", "kvmweb.sqlite3", "tls/key.pem", "tls/certificate.pem"]
    modes = [oct((tmp_path / "data" / name).stat().st_mode & 0o777) for name in names]
    assert modes == ["0o600"] * len(names)


def test_second_portal_on_the_same_folder_is_refused(serve):
    serve().wait_for("kvmweb is at")
    second = serve()
    second.wait_for("Another portal uses")
    assert second.process.wait(10) == 1


def test_taken_port_is_said_in_words(serve):
    first = serve()
    first.wait_for("kvmweb is at")
    second = serve(data="other", KVMWEB_PORT=str(first.port))
    second.wait_for("Is the portal running already")
    assert second.process.wait(10) == 1


def test_plain_http_beyond_loopback_is_refused(serve):
    served = serve(KVMWEB_PLAIN_HTTP="true", KVMWEB_BIND="0.0.0.0")
    served.wait_for("Plain HTTP is for loopback only")
    assert served.process.wait(10) == 1


def test_below_a_prefix_every_address_has_it(serve):
    served = serve(KVMWEB_URL_PREFIX="/vm", KVMWEB_PLAIN_HTTP="true")
    link = served.wait_for(r"http://localhost:\d+/vm/setup/\S+")[0]
    assert status(link) == 200
    assert status(f"http://localhost:{served.port}/vm/healthz") == 200


def test_killed_portal_takes_its_processes_along_and_starts_again(serve):
    first = serve()
    first.wait_for("kvmweb is at")
    children = first.children()
    first.process.kill()
    first.process.wait()
    assert gone(children)
    again = serve()
    again.wait_for("kvmweb is at")
    # Processor time, not the clock: the other tests are booting guests meanwhile.
    assert again.processor_s() < 5
    assert again.end(signal.SIGINT) == 0
