"""Uploads and downloads of volumes beside virsh: speed, and the memory of the web process.

`python -m bench.transfers [--gib 4] [--rounds 3]` (root: it starts a private libvirt host). Each
round moves the same file with virsh, with curl and with a browser, one after the other: the ratio
within a round says more than the speeds, which depend on the machine and its neighbours.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import os
import re
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.live import FLAGS, PASSWORD, prepared, pss_mib
from tests.e2e.portal import Portal
from tests.lab.host import LabHost

MIB = 1024 * 1024
SEND = """async () => {
  const script = document.querySelector('script[src*="js/uploads"]').src;
  const { Sending } = await import(script.replace(/uploads([^/]*)$/, "uploads_send$1"));
  const file = document.querySelector("#bench-file").files[0];
  const began = performance.now();
  const it = new Sending(file, document.getElementById("uploads").dataset.uploads,
    {format: "raw"}, () => {});
  await it.run();
  return [(performance.now() - began) / 1000, it.state, it.sentence];
}"""


def main() -> None:
    """Print one line a round, and what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=0.5, help="size of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--number", type=int, default=212, help="of the private host")
    options = parser.parse_args()
    size = int(options.gib * 1024) * MIB
    with (
        tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder,
        sync_playwright() as play,
        LabHost("bench", options.number) as lab,
    ):
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        portal = prepared(Path(folder) / "portal", lab.uri)
        try:
            Bench(portal, lab, browser, Path(folder), size).run(options.rounds)
        finally:
            portal.stop()
            browser.close()


class Bench:
    """One file, one pool, one person."""

    def __init__(
        self, portal: Portal, lab: LabHost, browser: Browser, folder: Path, size: int
    ) -> None:
        self.portal, self.lab, self.browser, self.size = portal, lab, browser, size
        self.source, self.target = folder / "source.img", folder / "target.img"
        with self.source.open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        self.pool = lab.virsh("pool-uuid", "default").strip()
        self.base = f"{portal.url}/storage/bench/{self.pool}/"
        self.client = Client(portal.url)

    def run(self, rounds: int) -> None:
        """All measurements, in turn; what a first small file loads for good is no part of it."""
        self.client.sign_in()
        whole, self.size, source = self.size, MIB, self.source
        self.source = self.source.with_name("small.img")
        self.source.write_bytes(os.urandom(MIB))
        for way in (self.curl_up, self.curl_down, self.browser_up, self.browser_down):
            way()
        self.size, self.source = whole, source
        self.peak = Peak(self.portal.pid)
        ways: dict[str, Callable[[], float]] = {
            "virsh up": self.virsh_up,
            "curl up": self.curl_up,
            "browser up": self.browser_up,
            "virsh down": self.virsh_down,
            "curl down": self.curl_down,
            "browser down": self.browser_down,
        }
        ratios: dict[str, list[float]] = {}
        for number in range(1, rounds + 1):
            speeds = {name: self.size / 1e6 / way() for name, way in ways.items()}
            for name, speed in speeds.items():
                peer = speeds[f"virsh {name.split()[1]}"]
                ratios.setdefault(name, []).append(speed / peer)
            told = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
            most = f"web +{self.peak.most:.1f} MiB"
            load = f"load {os.getloadavg()[0]:.1f}"
            print(f"round {number}, MB/s: {told}; {most}; {load}", flush=True)
        for name, found in ratios.items():
            if not name.startswith("virsh"):
                middle = statistics.median(found)
                print(f"{name:14} {middle:5.2f} of virsh (asked: 0.70)")
        print(f"web process +{self.peak.stop():.1f} MiB at most (asked: +16)")

    def virsh_up(self) -> float:
        """The peer: straight into libvirt."""
        self.lab.virsh("vol-delete", "virsh", "default", check=False)
        self.lab.virsh("vol-create-as", "default", "virsh", f"{self.size}b", "--allocation", "0")
        command = ("vol-upload", "virsh", str(self.source), "default")
        return timed(lambda: self.lab.virsh(*command, timeout_s=600))

    def virsh_down(self) -> float:
        """The peer: straight out of libvirt."""
        command = ("vol-download", "virsh", str(self.target), "default")
        return timed(lambda: self.lab.virsh(*command, timeout_s=600))

    def curl_up(self) -> float:
        """As the page shows it under “As command”."""
        self.lab.virsh("vol-delete", "curl", "default", check=False)
        said = self.client.post(
            f"{self.base}uploads/?for=command", name="curl", size=str(self.size), format="raw"
        )
        address = f"{self.portal.url}{said['data_url']}"
        return timed(lambda: self._curl(said["ticket"], "-T", str(self.source), address))

    def curl_down(self) -> float:
        """With the cookie's ticket, into a file."""
        address = self.volume("curl")
        said = self.client.post(f"{address}download/ticket/")
        command = ("-o", str(self.target), f"{address}download/")
        taken = timed(lambda: self._curl(said["ticket"], *command))
        assert self.target.stat().st_size == self.size
        return taken

    def _curl(self, ticket: str, *words: str) -> None:
        header = f"X-Transfer-Ticket: {ticket}"
        command = ["curl", "-sSk", "--fail-with-body", "-H", header, *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.portal.log()[-3000:]}"

    def browser_up(self) -> float:
        """By the page's own script."""
        self.lab.virsh("vol-delete", "browser", "default", check=False)
        source = self.source.with_name("browser")
        source.unlink(missing_ok=True)
        source.hardlink_to(self.source)
        page = self.browser.new_context(ignore_https_errors=True).new_page()
        page.context.add_cookies(self.client.cookies())
        page.goto(self.base)
        page.wait_for_selector("#uploads")
        page.evaluate("""() => document.body.insertAdjacentHTML("beforeend",
            '<input type="file" id="bench-file">')""")
        page.set_input_files("#bench-file", str(source))
        page.set_default_timeout(600_000)
        taken, state, sentence = page.evaluate(SEND)
        assert state == "done", (state, sentence)
        page.context.close()
        return float(taken)

    def browser_down(self) -> float:
        """Saved as a file."""
        context = self.browser.new_context(ignore_https_errors=True, accept_downloads=True)
        context.add_cookies(self.client.cookies())
        page = context.new_page()
        page.goto(f"{self.portal.url}/storage/")
        address = f"{self.volume('browser')}download/"

        def save() -> None:
            with page.expect_download(timeout=600_000) as waiting:
                page.evaluate("address => { location.href = address; }", address)
            assert waiting.value.failure() is None

        taken = timed(save)
        context.close()
        return taken

    def volume(self, name: str) -> str:
        """Its page, once the mirror knows it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = re.search(
                rf'href="([^"]*/volumes/[0-9a-f-]+/)"><bdi>{name}<', self.client.get(self.base)
            )
            if found:
                return f"{self.portal.url}{found[1]}"
            time.sleep(0.2)
        raise AssertionError(f"{name} does not appear")


class Client:
    """Somebody signed in, without a browser."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = http.cookiejar.CookieJar()
        context = ssl._create_unverified_context()  # the certificate is the portal's own
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(self.jar),
        )

    def sign_in(self) -> None:
        """As `ada`."""
        self.get(f"{self.url}/sign-in/")
        self._send(f"{self.url}/sign-in/", login="ada", password=PASSWORD)

    def get(self, address: str) -> str:
        """A page."""
        with self.opener.open(address) as answer:
            return str(answer.read().decode())

    def post(self, address: str, **fields: str) -> dict[str, str]:
        """What is answered as JSON."""
        found: dict[str, str] = json.loads(self._send(address, **fields))
        return found

    def _send(self, address: str, **fields: str) -> str:
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": self.token(), **fields}).encode()
        request = urllib.request.Request(address, data, {"Referer": f"{self.url}/"})
        try:
            with self.opener.open(request) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code}: {error.read().decode()[:500]}") from error

    def token(self) -> str:
        """Against forged requests."""
        return next(cookie.value or "" for cookie in self.jar if "csrf" in cookie.name)

    def cookies(self) -> list[dict[str, str]]:
        """For a browser."""
        return [
            {"name": cookie.name, "value": cookie.value or "", "url": self.url}
            for cookie in self.jar
        ]


class Peak:
    """The most memory that the web process took beyond what it had."""

    def __init__(self, root: int) -> None:
        self._pid = root
        self._first = self._now()
        self._most = self._first
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def most(self) -> float:
        """MiB."""
        return self._most - self._first

    def stop(self) -> float:
        """MiB, and no more looking."""
        self._is_over.set()
        self._thread.join()
        return self.most

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            self._most = max(self._most, self._now())

    def _now(self) -> float:
        return pss_mib(self._pid)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
