"""Hosts in a real browser: one added by real SSH, its page, maintenance, secrets, its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.lab.doors import SSH_PORT, Sshd, has_sshd
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]


def test_a_second_host_is_added_by_ssh_and_comes_alive(
    portal: Portal,
    sign_in: Callable[..., Page],
    new_lab: Callable[..., LabHost],
    screenshots: Path,
) -> None:
    if not has_sshd():
        pytest.skip("needs openssh-server")
    far = new_lab()
    far.define_guest("far-away")
    door = Sshd(far).start()
    page = sign_in("ada")
    page.goto(f"{portal.url}/hosts/add/")
    page.fill("input[name=machine]", far.address)
    page.fill("input[name=user]", "root")
    page.fill("input[name=port]", str(SSH_PORT))
    page.fill("input[name=name]", "Far")
    test = page.get_by_role("button", name="Test the connection")
    test.click()
    expect(page.locator("#test-result")).to_contain_text(door.fingerprint)
    page.get_by_role("button", name="Add the host").click()
    expect(page.get_by_text("Test the connection first")).to_be_visible()
    test.click()
    page.get_by_label("I have compared it").check()
    test.click()
    expect(page.get_by_text("The host does not accept the portal's key")).to_be_visible()
    page.screenshot(path=screenshots / "host-test.png")
    page.get_by_text("The public key alone").click()
    door.authorize(page.locator("details .command code").first.inner_text())
    test.click()
    expect(page.get_by_text(f"Connected to {far.name}")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Add the host").click()
    expect(page.get_by_role("heading", name="Far", exact=True)).to_be_visible()
    expect(page.locator("#host-far-head").get_by_text("Connected")).to_be_visible(timeout=30_000)
    expect(page.locator("#host-far-hardware")).to_contain_text("NUMA", timeout=30_000)
    expect(page.locator("#host-far-connection")).to_contain_text(door.fingerprint)
    expect(page.locator("#host-far-readiness")).to_contain_text("from afar", timeout=30_000)
    page.screenshot(path=screenshots / "host-far.png", full_page=True)
    page.goto(f"{portal.url}/guests/?host=far")
    expect(page.get_by_role("link", name="far-away")).to_be_visible()


def test_maintenance_is_seen_by_others_at_once_and_refuses_starts(
    portal: Portal, lab: LabHost, sign_in: Callable[..., Page]
) -> None:
    lab.define_guest("resting")
    watcher = sign_in("ada")
    watcher.goto(f"{portal.url}/guests/")
    watcher.get_by_role("link", name="resting").click()
    start = watcher.locator("[data-verb='guest.start']").first
    expect(start).to_be_enabled()
    page = sign_in("ada")
    page.goto(f"{portal.url}/hosts/lab/")
    page.get_by_role("button", name="Maintenance…").click()
    page.get_by_label("Reason").fill("new memory")
    page.get_by_role("button", name="Begin maintenance").click()
    expect(page.locator("#host-lab-head")).to_contain_text("new memory")
    expect(start).to_have_attribute("aria-disabled", "true")
    expect(start).to_have_attribute(
        "data-tip", "The host is in maintenance: no guest starts there."
    )
    page.get_by_role("button", name="End maintenance").click()
    expect(page.locator("#host-lab-head")).not_to_contain_text("new memory")
    expect(watcher.locator("button[data-verb='guest.start']").first).not_to_have_attribute(
        "aria-disabled", "true"
    )


def test_a_secret_is_made_without_ever_being_shown(
    portal: Portal, lab: LabHost, sign_in: Callable[..., Page]
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/hosts/lab/secrets/")
    expect(page.get_by_text("No secret yet")).to_be_visible()
    page.get_by_role("button", name="New secret…").click()
    page.locator("dialog input[name=usage_id]").fill("client.browser")
    page.locator("dialog input[name=value]").fill("canary-in-the-browser")
    page.get_by_role("button", name="Make the secret").click()
    row = page.get_by_role("row", name="client.browser")
    expect(row).to_be_visible()
    assert "client.browser" in lab.virsh("secret-list")
    assert "canary-in-the-browser" not in page.content()
    assert "canary-in-the-browser" not in portal.log()
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No secret yet")).to_be_visible()


def test_devices_are_found_by_searching(portal: Portal, sign_in: Callable[..., Page]) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/hosts/lab/devices/")
    loopback = page.locator("#rows tr").filter(has_text="00:00:00:00:00:00")
    expect(loopback).to_be_visible(timeout=30_000)
    assert page.locator("#rows tr").count() > 1
    page.get_by_label("Search in this list").fill("00:00:00:00:00:00")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(loopback).to_contain_text("lo")
    assert "search=00" in page.url
