"""Uploads in a real browser: dropped, interrupted, refused, gone on with after a reload."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]

MIB = 1024 * 1024
SignIn = Callable[..., Page]


@pytest.fixture
def pool_page(sign_in: SignIn, portal: Portal, lab: LabHost) -> Page:
    page = sign_in("ada")
    page.goto(f"{portal.url}/storage/")
    page.get_by_role("link", name="default", exact=True).click()
    expect(page.locator("#uploads")).to_be_visible()
    return page


def written(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def row(page: Page, name: str) -> Locator:
    return page.locator(f'.upload-row[data-name="{name}"]:visible')


def test_a_file_arrives_and_its_volume_can_be_opened_and_downloaded(
    pool_page: Page, tmp_path: Path
) -> None:
    path = written(tmp_path, "arrives.img", 3 * MIB)
    pool_page.set_input_files("#upload-files", path)
    line = row(pool_page, path.name)
    expect(line.locator("[data-word]")).to_have_text("Done")
    expect(pool_page.locator("#rows")).to_contain_text(path.name)
    line.get_by_role("link", name="Open the volume").click()
    expect(pool_page.get_by_role("heading", name=path.name)).to_be_visible()
    with pool_page.expect_download() as waiting:
        pool_page.get_by_role("link", name="Download").first.click()
    saved = Path(waiting.value.path()).read_bytes()
    assert hashlib.sha256(saved).digest() == hashlib.sha256(path.read_bytes()).digest()
    pool_page.get_by_role("button", name="All actions").click()
    pool_page.get_by_role("button", name="Download from a command line").click()
    expect(pool_page.locator("dialog[open] code")).to_contain_text("curl --fail-with-body -C -")


def test_an_image_that_names_another_file_is_refused_in_words(
    pool_page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "evil.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw"]
    subprocess.run([*command, path, "1G"], check=True)
    pool_page.set_input_files("#upload-files", path)
    line = row(pool_page, path.name)
    expect(line).to_contain_text("The image builds on another file: /etc/shadow.")
    pool_page.reload()
    expect(row(pool_page, path.name)).to_contain_text("/etc/shadow")
    row(pool_page, path.name).get_by_role("button", name="Put away").click()
    expect(row(pool_page, path.name)).to_have_count(0)


def test_a_lost_connection_costs_nothing_that_was_safe(pool_page: Page, tmp_path: Path) -> None:
    path = written(tmp_path, "broken.img", 8 * MIB)
    session = pool_page.context.new_cdp_session(pool_page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": MIB}
    session.send("Network.emulateNetworkConditions", slow)
    pool_page.set_input_files("#upload-files", path)
    line = row(pool_page, path.name)
    expect(line.locator("[data-word]")).to_have_text("Uploading")
    pool_page.wait_for_timeout(1500)
    session.send("Network.emulateNetworkConditions", {**slow, "offline": True})
    expect(line.locator("[data-word]")).to_have_text("Connection lost")
    session.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    expect(line.locator("[data-word]")).to_have_text("Done", timeout=45_000)


def test_who_comes_back_goes_on_with_the_same_file(pool_page: Page, tmp_path: Path) -> None:
    path = written(tmp_path, "again.img", 48 * MIB)
    session = pool_page.context.new_cdp_session(pool_page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": MIB // 2}
    session.send("Network.emulateNetworkConditions", slow)
    pool_page.set_input_files("#upload-files", path)
    expect(row(pool_page, path.name).locator("[data-word]")).to_have_text("Uploading")
    pool_page.wait_for_timeout(1500)
    other = pool_page.context.new_page()
    pool_page.close(run_before_unload=False)
    other.goto(pool_page.url)
    line = row(other, path.name)
    expect(line).to_contain_text("Choose the same file to go on.")
    other.set_input_files("#upload-files", path)
    expect(line.locator("[data-word]")).to_have_text("Done")


def test_a_check_is_told_and_not_asked_for(pool_page: Page, tmp_path: Path) -> None:
    path = written(tmp_path, "checked.img", 2 * MIB)
    asked: list[str] = []
    pool_page.on("request", lambda it: asked.append(it.url) if it.method == "GET" else None)
    pool_page.get_by_role("button", name="More choices").click()
    dialog = pool_page.locator("dialog[open]")
    dialog.locator("#upload-chosen").set_input_files(path)
    dialog.get_by_label("Compute the checksum of what arrived").check()
    dialog.get_by_role("button", name="Upload", exact=True).click()
    line = row(pool_page, path.name)
    expect(line.locator("[data-word]")).to_have_text("Done", timeout=30_000)
    expect(pool_page.locator(f'#upload-rows > li[data-name="{path.name}"]')).to_have_count(0)
    assert len([url for url in asked if "/uploads/" in url]) < 8


def test_an_upload_of_one_tab_is_seen_in_another(pool_page: Page, tmp_path: Path) -> None:
    other = pool_page.context.new_page()
    other.goto(pool_page.url)
    path = tmp_path / "worse.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/hosts", "-F", "raw"]
    subprocess.run([*command, path, "1G"], check=True)
    pool_page.set_input_files("#upload-files", path)
    expect(row(other, path.name)).to_contain_text("/etc/hosts")
    expect(row(pool_page, path.name)).to_have_count(1)
    row(other, path.name).get_by_role("button", name="Put away").click()
    expect(row(other, path.name)).to_have_count(0)


def test_the_dialog_makes_a_command_that_works(
    pool_page: Page, tmp_path: Path, portal: Portal
) -> None:
    path = written(tmp_path, "command.img", MIB)
    pool_page.get_by_role("button", name="More choices").click()
    dialog = pool_page.locator("dialog[open]")
    dialog.get_by_text("As command").click()
    dialog.locator("[data-command-name]").fill(path.name)
    dialog.locator("[data-command-size]").fill(str(MIB))
    dialog.get_by_role("button", name="Make the command").click()
    command = dialog.locator("[data-command] code")
    expect(command).to_contain_text("X-Transfer-Ticket")
    words = f"{command.inner_text()} -ks"
    done = subprocess.run(words, shell=True, cwd=tmp_path, capture_output=True, check=False)
    assert b'"done"' in done.stdout, (done.stdout, done.stderr)
    pool_page.keyboard.press("Escape")
    expect(pool_page.locator("#rows")).to_contain_text(path.name)


def test_the_library_knows_what_a_disc_installs(
    pool_page: Page, portal: Portal, tmp_path: Path
) -> None:
    path = tmp_path / "debian-13.1.0-amd64-netinst.iso"
    path.write_bytes(os.urandom(MIB))
    pool_page.set_input_files("#upload-files", path)
    line = row(pool_page, path.name)
    expect(line.locator("[data-word]")).to_have_text("Done")
    pool_page.goto(f"{portal.url}/storage/images/")
    expect(pool_page.locator("#listing")).to_contain_text("Debian 13")
    pool_page.get_by_role("searchbox", name="Search in this list").fill("windows")
    expect(pool_page.locator("#listing")).to_contain_text("No image fits the search")
