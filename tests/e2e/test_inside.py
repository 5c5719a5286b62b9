"""A disk looked into in a browser: started live, walked through, a file taken out, closed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab import disks
from tests.lab.host import LabHost

pytestmark = [
    pytest.mark.lab,
    pytest.mark.browser,
    pytest.mark.skipif(bool(disks.why_not_inside()), reason=disks.why_not_inside()),
]
STARTS_MS = 240_000


def test_a_shut_off_guests_disk_is_looked_into(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
    tmp_path: Path,
) -> None:
    image = lab.folder / "lib/images/files.qcow2"
    disks.run("qemu-img", "convert", "-O", "qcow2", str(disks.filled(tmp_path)), str(image))
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    lab.virsh("pool-refresh", "default")
    uuid = busybox_guest("files01", kernel=False, disk="/var/lib/libvirt/images/files.qcow2")
    page = sign_in("ada")
    address = f"{portal.url}/guests/lab/{uuid}/disks/vda/inside/"
    for _look in range(40):  # the mirror hears of a file when the pool was read again
        if page.goto(address).ok:
            break
        page.wait_for_timeout(500)
    the_guest(page, portal, uuid)
    page.get_by_role("link", name="Look inside vda").click()
    page.wait_for_url(address)
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("heading", name="Starting…")).to_be_visible()
    page.screenshot(path=screenshots / "inside-starting.png")
    page.get_by_role("button", name="Stop looking").click()
    expect(page.get_by_text("It was closed.")).to_be_visible()
    page.get_by_role("button", name="Look inside").click()
    systems = page.get_by_role("table", name="Partitions and file systems")
    expect(systems).to_be_visible(timeout=STARTS_MS)  # pushed: nobody reloads
    expect(systems.get_by_role("row", name="/dev/sda2")).to_contain_text("Swap space")
    expect(systems.get_by_role("row", name="/dev/sda3")).to_contain_text("without its key")
    systems.get_by_role("link", name="/dev/sda1").click()
    files = page.get_by_role("table", name="Files")
    expect(files.get_by_role("link", name="big.bin", exact=True)).to_be_visible()
    page.screenshot(path=screenshots / "inside-files.png")
    with page.expect_download() as big:
        files.get_by_role("link", name="Download big.bin").click()
    assert Path(big.value.path()).read_bytes() == disks.BIG
    assert big.value.suggested_filename == "big.bin"
    files.get_by_role("link", name="odd").click()
    expect(files).to_contain_text("<script>alert(1)<")
    expect(files).to_contain_text("a\\x0asecond line")
    with page.expect_download() as odd:
        files.get_by_role("link", name="Download \\xff\\xfe not utf-8").click()
    assert Path(odd.value.path()).read_bytes() == b"odd 1"
    walk = page.get_by_role("navigation", name="Folder")
    walk.get_by_role("link", name="/dev/sda1").click()
    files.get_by_role("link", name="many").click()
    expect(page.get_by_text(f"{disks.MANY - 500} more names are left out")).to_be_visible()
    files.get_by_role("link", name="Name").click()
    expect(files.locator("tbody tr").first).to_contain_text("file0499")
    expect(files.locator("th[aria-sort=descending]")).to_have_text("Name")
    answer = page.request.get(f"{address}file/?fs=/dev/sda1&path=/etc/shadow")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    part = page.request.get(answer.url, headers={"Range": "bytes=4-"})
    assert (part.status, part.body()) == (206, answer.body()[4:])
    assert page.request.get(f"{address}file/?fs=/dev/sda1&path=/links/pipe").status == 422
    assert page.request.get(f"{address}file/?fs=/dev/sda1&path=/nothing").status == 404
    page.goto(f"{portal.url}/activity/audit/")
    expect(page.get_by_role("main")).to_contain_text("file downloaded")
    expect(page.get_by_role("main")).to_contain_text("/big.bin")
    page.goto(address)
    lab.virsh("start", "files01")  # pushed, too: its guest has the disk now
    expect(page.get_by_text("a guest runs with this disk")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Look inside")).to_be_disabled()
    lab.virsh("destroy", "files01")
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before
