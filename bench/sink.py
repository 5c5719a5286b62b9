"""How fast a browser sends a file at all: into a TLS server that throws everything away.

`python -m bench.sink [--gib 0.5] [--rounds 3]`. Beside curl into the same server, for the machine
and its neighbours set the pace of both; the ratio to curl is a browser's own. Each way is the file
as one body, or pieces of it, so many at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import ssl
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.live import FLAGS

MIB = 1024 * 1024
PAGE = b'<!doctype html><input type="file" id="file">'
WAYS = {"whole": (0, 1), "256 MiB": (256, 1), "2 at once": (64, 2), "4 at once": (64, 4)}
"""Size of a piece in MiB, and how many are on their way."""
SEND = """async ([piece, lanes]) => {
  const file = document.querySelector("#file").files[0];
  const size = piece * 1024 * 1024 || file.size;
  const put = (body) => new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("PUT", "/sink");
    request.onload = done;
    request.onerror = fail;
    request.send(body);
  });
  let at = 0;
  const lane = async () => {
    while (at < file.size) {
      const from = at;
      at += size;
      await put(size === file.size ? file : file.slice(from, from + size));
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: lanes }, lane));
  return (performance.now() - began) / 1000;
}"""


class Sink(BaseHTTPRequestHandler):
    """Reads and forgets."""

    protocol_version = "HTTP/1.1"
    rbufsize = 0

    def do_GET(self) -> None:
        """The page with a field for the file."""
        self._answer(PAGE)

    def do_PUT(self) -> None:
        """However much it is."""
        left, room = int(self.headers["Content-Length"]), memoryview(bytearray(MIB))
        if "100-continue" in self.headers.get("Expect", ""):
            self.send_response_only(100)
            self.end_headers()
        while left > 0:
            count = self.connection.recv_into(room, min(MIB, left))
            if not count:
                return
            left -= count
        self._answer(b"gone")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a sink with a certificate of its own."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-days", "2", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server.socket):
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


def main() -> None:
    """One line a round, and the middle of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=0.5, help="size of the file")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder, sync_playwright() as play:
        source = Path(folder) / "source.img"
        with source.open("wb") as file:
            for _ in range(int(options.gib * 1024)):
                file.write(os.urandom(MIB))
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        with serving(Path(folder)) as url:
            page = browser.new_context(ignore_https_errors=True).new_page()
            page.set_default_timeout(600_000)
            page.goto(url)
            page.set_input_files("#file", str(source))
            rounds(page, url, source, options.rounds)
        browser.close()


def rounds(page: Page, url: str, source: Path, count: int) -> None:
    """Every way in turn, as often as asked for."""
    size, ratios = source.stat().st_size, dict[str, list[float]]()
    for number in range(1, count + 1):
        peer = curl(url, source)
        speeds = {name: size / 1e6 / page.evaluate(SEND, list(way)) for name, way in WAYS.items()}
        for name, speed in speeds.items():
            ratios.setdefault(name, []).append(speed / peer)
        told = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
        load = os.getloadavg()[0]
        print(f"round {number}, MB/s: curl {peer:.0f}, browser {told}; load {load:.1f}", flush=True)
    for name, found in ratios.items():
        print(f"{name:10} {statistics.median(found):5.2f} of curl")


def curl(url: str, source: Path) -> float:
    """MB/s."""
    command = ["curl", "-sSk", "-o", os.devnull, "-w", "%{speed_upload}", "-T", source]
    said = subprocess.run([*command, f"{url}/sink"], check=True, capture_output=True, text=True)
    return float(said.stdout) / 1e6


if __name__ == "__main__":
    main()
