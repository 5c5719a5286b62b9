"""From libvirt's event to the open page, the weight of pages, and the memory of the portal.

`python -m bench.live` (root: it starts a private libvirt host). A guest is paused and resumed; a
listener of our own stamps libvirt's event, a MutationObserver stamps the row of the list, both
on this machine's clock. Memory is proportional set size, with 200 guests of the test driver.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

import libvirt
from playwright.sync_api import Browser, Page, sync_playwright

from bench import figures
from tests.e2e.portal import Portal
from tests.lab.host import LabHost

CHANGES = 60
GUESTS = 200
PASSWORD = "correct horse battery"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
OBSERVE = """() => {
  window.seen = [];
  const state = () => document.querySelector('#guest-rows tr td.state')?.textContent.trim();
  let last = state();
  new MutationObserver(() => {
    const now = state();
    if (now && now !== last) { last = now; window.seen.push(Date.now() / 1000); }
  }).observe(document.querySelector('#guest-rows'),
    {subtree: true, childList: true, characterData: true, attributes: true});
}"""


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        figures.heading("from libvirt's event to the open page")
        with LabHost("bench", 211) as lab:
            lab.define_guest("bench01", start=True)
            portal = prepared(Path(folder) / "live", lab.uri)
            try:
                page = signed_in(browser, portal)
                changes(page, lab)
                figures.heading("first load, nothing cached")
                weights(browser, portal)
            finally:
                portal.stop()
        figures.heading(f"memory with {GUESTS} guests of the test driver, one list open")
        memory(browser, Path(folder) / "many")
        browser.close()


def prepared(folder: Path, uri: str) -> Portal:
    """A running portal with one host and the administrator `ada`."""
    folder.mkdir()
    portal = Portal(folder)
    portal.manage("migrate", "-v0")
    portal.manage("createadmin", "--username", "ada", "--password-stdin", stdin=PASSWORD)
    portal.manage("addhost", "bench", uri)
    return portal.start()


def signed_in(browser: Browser, portal: Portal) -> Page:
    """The list of guests, once it shows something."""
    page = browser.new_context(ignore_https_errors=True).new_page()
    page.goto(f"{portal.url}/")
    page.fill("input[name=login]", "ada")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{portal.url}/")
    page.goto(f"{portal.url}/guests/")
    page.wait_for_selector("#guest-rows tr")
    return page


def weights(browser: Browser, portal: Portal) -> None:
    """What the wire carries for pages that were never seen before."""
    for address in ("/", "/guests/"):
        page = signed_in(browser, portal)
        fresh = page.context.browser.new_context(ignore_https_errors=True)
        fresh.add_cookies(page.context.cookies())
        page = fresh.new_page()
        session = fresh.new_cdp_session(page)
        session.send("Network.enable")
        carried: list[float] = []
        session.on(
            "Network.loadingFinished", lambda told, to=carried: to.append(told["encodedDataLength"])
        )
        page.goto(f"{portal.url}{address}", wait_until="networkidle" if address == "/" else "load")
        page.wait_for_timeout(1500)
        kilobytes = sum(carried) / 1000
        figures.show(f"{address} in {len(carried)} answers", kilobytes, "KB", most=400)
        fresh.close()


def changes(page: Page, lab: LabHost) -> None:
    """Pause and resume; from libvirt's event to the row on the page."""
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=events, daemon=True).start()
    connection = libvirt.open(lab.uri)
    stamps: list[float] = []
    connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda *_: stamps.append(time.time()), None
    )
    caller = libvirt.open(lab.uri)
    guest = caller.lookupByName("bench01")
    lab.wait_ready("bench01")
    page.evaluate(OBSERVE)
    delays = []
    for number in range(CHANGES):
        before = page.evaluate("() => window.seen.length")
        stamps.clear()
        (guest.suspend if number % 2 == 0 else guest.resume)()
        page.wait_for_function("(before) => window.seen.length > before", arg=before, timeout=5_000)
        delays.append((page.evaluate("() => window.seen.at(-1)") - stamps[0]) * 1000)
        time.sleep(0.2)
    delays.sort()
    figures.show(f"{CHANGES} changes: median", statistics.median(delays), "ms", most=30)
    figures.show("95 of a hundred within", delays[int(CHANGES * 0.95) - 1], "ms", most=100)
    figures.show("slowest", delays[-1], "ms")


def events() -> None:
    """libvirt's loop, for ever."""
    while True:
        libvirt.virEventRunDefaultImpl()


def memory(browser: Browser, folder: Path) -> None:
    """All processes of the portal with 200 guests and one open list."""
    portal = prepared(folder, figures.host_file(folder.with_suffix(".xml"), GUESTS))
    try:
        page = signed_in(browser, portal)
        page.wait_for_timeout(5_000)
        for name, pid in processes(portal.pid):
            is_portal = pid == portal.pid
            figures.show(
                "web and hub" if is_portal else name,
                pss_mib(pid),
                "MiB",
                most=200 if is_portal else None,
            )
    finally:
        portal.stop()


def processes(root: int) -> list[tuple[str, int]]:
    """The process and all below it, with a short name."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        found.append((" ".join(Path(word).name for word in words[1:4])[:44], pid))
        for task in Path(f"/proc/{pid}/task").iterdir():
            todo += [int(child) for child in (task / "children").read_text().split()]
    return found


def pss_mib(pid: int) -> float:
    """Memory of one process, what it shares divided among the sharers."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
