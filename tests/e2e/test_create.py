"""Creating guests in the browser: each source, from the form to a prompt on the serial console."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import halfway
from tests.e2e.portal import PASSWORD, Portal
from tests.e2e.test_consoles import terminal_says
from tests.lab import bootsector
from tests.lab.host import LabHost, guest_image
from tests.services.test_install_trees import INFO

pytestmark = [pytest.mark.lab, pytest.mark.browser]
PXE = """<network><name>pxe</name><bridge name='virbr9'/>
<ip address='192.168.249.1' netmask='255.255.255.0'><tftp root='/var/lib/libvirt/tftp'/>
<dhcp><range start='192.168.249.100' end='192.168.249.200'/><bootp file='tiny.0'/></dhcp></ip>
</network>"""


@pytest.fixture(scope="module")
def portal(
    lab: LabHost, furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """With the administrator `ada`; its operator allows the labs' network and this machine to be
    fetched from."""
    inner = "10.77.0.0/16,127.0.0.0/8"
    portal = Portal(tmp_path_factory.mktemp("portal"), KVMWEB_FETCH_INNER=inner)
    portal.furnish(furnished)
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def images(lab: LabHost) -> Iterator[Path]:
    """The folder of the pool `default`; what a test leaves there is removed."""
    yield lab.folder / "lib/images"
    lab.clear()


@pytest.fixture
def begin(portal: Portal, lab: LabHost, sign_in: Callable[..., Page]) -> Callable[..., Page]:
    """The page of a new guest, when the portal knows what the pool holds."""

    def open_(source: str, name: str, image: str = "") -> Page:
        lab.virsh("pool-refresh", "default")
        page = sign_in("ada")
        page.goto(f"{portal.url}/guests/create/?source={source}&name={name}&memory=64+MiB")
        if image:
            option = page.locator("#id_image option", has_text=image)
            for _try in range(40):
                if option.count():
                    break
                page.wait_for_timeout(500)
                page.reload()
            page.select_option("#id_image", label=option.first.inner_text())
        return page

    return open_


def wait_for_the_pool(page: Page) -> None:
    for _try in range(40):
        if page.locator("#upload-files").count():
            break
        page.wait_for_timeout(500)
        page.reload()


def create(page: Page) -> None:
    """Press the button and wait for the job; open what was made."""
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile("/activity/jobs/"))
    page.get_by_role("link", name="Open what was made").click(timeout=60_000)
    page.wait_for_url(re.compile("/guests/lab/"))


def answers_at_the_prompt(page: Page) -> None:
    """The system from this disk runs, and hears what is typed."""
    page.goto(page.url.partition("?")[0] + "?console=serial:serial0")
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
    page.locator(".console-terminal").click()
    for _try in range(30):
        page.keyboard.press("Enter")
        page.wait_for_timeout(1000)
        if bootsector.GREETING.strip() in page.locator(".console-terminal").inner_text():
            break
    page.keyboard.type("ada")
    terminal_says(page, "login: ada")


def test_a_disk_that_has_a_system_is_imported_and_boots(
    begin: Callable[..., Page], images: Path, screenshots: Path
) -> None:
    bootsector.disk(images / "tiny.img")
    page = begin("import", "imported", "tiny.img")
    expect(page.locator("#create-facts")).to_contain_text("tiny.img")
    page.get_by_text("As command").click()
    expect(page.locator("#create-command")).to_contain_text("path=/var/lib/libvirt/images/tiny.img")
    page.screenshot(path=screenshots / "create-import.png", full_page=True)
    create(page)
    expect(page).to_have_title(re.compile("imported"))
    answers_at_the_prompt(page)


def test_an_image_is_uploaded_from_here_and_chosen(
    begin: Callable[..., Page], images: Path, tmp_path: Path, screenshots: Path
) -> None:
    path = bootsector.disc(tmp_path / "ubuntu-24.04-live.iso", "Debian 13.1.0 amd64 n")
    page = begin("iso", "fresh")
    wait_for_the_pool(page)
    page.set_input_files("#upload-files", path)
    row = page.locator(".upload-row", has_text=path.name)
    expect(row.locator("[data-word]")).to_have_text("Done", timeout=30_000)
    chosen = page.locator("#id_image option:checked")
    expect(chosen).to_contain_text(path.name, timeout=30_000)
    expect(page.locator("#create-told")).to_contain_text("Detected on the disc: Debian 13.")
    expect(page.locator("#create-told")).to_contain_text("Its name says Ubuntu 24.04 LTS")
    expect(page.locator("#id_system")).to_have_value("debian13")
    expect(page.locator("#create-facts")).to_contain_text(path.name)
    expect(page.locator("#id_name")).to_have_value("fresh")
    expect(row).to_be_visible()
    page.screenshot(path=screenshots / "create-upload.png", full_page=True)


def test_a_cloud_image_is_fetched_from_a_url_here_and_chosen(
    begin: Callable[..., Page], images: Path, tmp_path: Path
) -> None:
    raw, image = bootsector.disk(tmp_path / "cloud.raw"), tmp_path / "cloud.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
    page = begin("cloud", "from-afar")
    wait_for_the_pool(page)
    page.fill("#id_vcpus", "1")
    page.get_by_role("link", name="Fetch from a URL").press("Enter")
    address = page.locator("#dialogs").get_by_label("Address")
    address.fill("gopher://x/cloud.qcow2")
    address.press("Enter")
    expect(page.locator("#dialogs #field-url .field-error")).to_be_visible()
    expect(address).to_have_value("gopher://x/cloud.qcow2")
    with halfway.served(image) as (url, goes_on):
        address.fill(f"{url}fetched.qcow2?key=secret")
        address.press("Enter")
        row = page.locator("#create-fetches .upload-row", has_text="fetched.qcow2")
        expect(row).to_contain_text("Being fetched")
        page.locator("details", has=page.locator("#id_title")).locator("summary").click()
        page.fill("#id_title", "typed meanwhile")
        goes_on.set()
        chosen = page.locator("#id_image option:checked")
        expect(chosen).to_contain_text("fetched.qcow2", timeout=30_000)
    expect(row).to_have_count(0)
    expect(page.locator("#id_vcpus")).to_have_value("1")
    expect(page.locator("#id_title")).to_have_value("typed meanwhile")
    create(page)
    answers_at_the_prompt(page)


def test_enter_in_a_field_only_draws_the_summary_anew(begin: Callable[..., Page]) -> None:
    page = begin("empty", "halfway")
    page.fill("#id_name", "otherwise")
    with page.expect_response(lambda answer: "/create/" in answer.url) as answered:
        page.locator("#id_name").press("Enter")
    assert answered.value.url.endswith("part=summary")
    expect(page.locator("#create-facts")).to_contain_text("otherwise")
    expect(page.get_by_role("button", name="Leave out disk 1")).to_be_visible()
    assert "/guests/create/" in page.url


def test_a_new_disk_is_empty_so_the_disc_boots(
    begin: Callable[..., Page], images: Path, lab: LabHost
) -> None:
    bootsector.disc(images / "install.iso")
    page = begin("iso", "installed", "install.iso")
    expect(page.locator("#create-facts")).to_contain_text("disk, CD-ROM")
    create(page)
    answers_at_the_prompt(page)
    assert "installed.qcow2" in lab.virsh("domblklist", "installed")


def test_a_cloud_image_grows_and_its_answers_lie_on_a_disc(
    begin: Callable[..., Page], images: Path, lab: LabHost
) -> None:
    raw = bootsector.disk(images / "cloud.raw")
    command = ["qemu-img", "convert", "-O", "qcow2", raw, images / "cloud.qcow2"]
    subprocess.run(command, check=True)
    raw.unlink()
    page = begin("cloud", "cloudy", "cloud.qcow2")
    page.fill("#id_user", "li")
    page.fill("#id_password", "open sesame")
    page.fill("#id_keys", "ssh-rsa nonsense")
    page.get_by_role("button", name="Create", exact=True).click()
    wrong = page.locator("#field-keys .field-error")
    expect(wrong).to_contain_text("Line 1")
    expect(page.locator("#id_keys")).to_be_focused()
    expect(page.locator("#id_user")).to_have_value("li")
    page.fill("#id_keys", "")
    create(page)
    answers_at_the_prompt(page)
    assert b"$6$rounds=" in (images / "cloudy-seed.iso").read_bytes()
    assert "backing file: " in subprocess.run(
        ["qemu-img", "info", "-U", images / "cloudy.qcow2"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_a_guest_boots_from_the_network(
    begin: Callable[..., Page], portal: Portal, images: Path, lab: LabHost, tmp_path: Path
) -> None:
    tftp = lab.folder / "lib/tftp"
    tftp.mkdir(exist_ok=True)
    tftp.chmod(0o755)
    (tftp / "tiny.0").write_bytes(bootsector.sector())
    (tmp_path / "pxe.xml").write_text(PXE)
    lab.virsh("net-define", str(tmp_path / "pxe.xml"))
    try:
        lab.virsh("net-start", "pxe")
        page = begin("pxe", "netted")
        choice = page.locator("#id_card-0-network option", has_text="pxe")
        for _try in range(40):
            if choice.count():
                break
            page.wait_for_timeout(500)
            page.reload()
        page.select_option("#id_card-0-network", label=choice.first.inner_text())
        create(page)
        answers_at_the_prompt(page)
    finally:
        lab.clear()
        lab.virsh("net-destroy", "pxe", check=False)
        lab.virsh("net-undefine", "pxe", check=False)


@pytest.fixture
def tree(lab: LabHost, tmp_path: Path) -> Iterator[str]:
    """An install tree on the lab host's own web server, another machine for the portal."""
    folder = tmp_path / "tree"
    (folder / "images/pxeboot").mkdir(parents=True)
    (folder / ".treeinfo").write_text(INFO)
    for source, name in (("vmlinuz", "vmlinuz"), ("initrd.gz", "initrd.img")):
        shutil.copy(guest_image() / source, folder / "images/pxeboot" / name)
    command = ["nsenter", "-t", str(lab.pid1), "--net", sys.executable, "-m", "http.server"]
    command += ["--bind", lab.address, "--directory", str(folder), "8080"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    yield f"http://{lab.address}:8080/"
    server.kill()
    server.wait(10)


def test_an_install_tree_boots_its_installer_in_text(
    begin: Callable[..., Page], images: Path, lab: LabHost, tree: str
) -> None:
    page = begin("tree", "treed")
    page.fill("#id_memory", "96M")
    page.fill("#id_url", f"{tree}nowhere/")
    page.select_option("#id_graphics", label="Serial console only")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#field-url .field-error")).to_contain_text("no install tree")
    page.fill("#id_url", tree)
    create(page)
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
    page.locator(".console-terminal").click()
    for _try in range(30):
        page.keyboard.type("cat /proc/cmdline\n")
        page.wait_for_timeout(1000)
        if f"inst.repo={tree}" in page.locator(".console-terminal").inner_text():
            break
    terminal_says(page, f"inst.repo={tree}")
    assert "<kernel>" not in lab.virsh("dumpxml", "--inactive", "treed")
    assert [path.name for path in images.iterdir() if path.suffix == ".boot"] == []


def test_an_empty_guest_is_defined_and_stays_off(
    begin: Callable[..., Page], images: Path, lab: LabHost
) -> None:
    page = begin("empty", "bare")
    page.get_by_role("button", name="Add a disk").click()
    expect(page.get_by_role("group", name="Disk 2")).to_be_visible()
    page.get_by_role("button", name="Leave out disk 1").click()
    expect(page.get_by_role("group", name="Disk 2")).to_have_count(0)
    page.fill("#id_disk-0-size", "3 GiB")
    page.get_by_label("Start it at once").uncheck()
    expect(page.locator("#create-facts")).to_contain_text("3 GiB")
    create(page)
    assert lab.state("bare") == "shut off"


def test_the_button_stands_on_the_list_and_in_the_finder(
    portal: Portal, sign_in: Callable[..., Page]
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/")
    page.locator("main").get_by_role("link", name="Create a guest").first.click()
    expect(page.locator("main h1")).to_have_text("Create a guest")
    page.wait_for_load_state()  # before that the browser takes its own keys itself
    page.keyboard.press("Control+k")
    page.keyboard.type("create a g")
    expect(page.locator(".finder-results")).to_contain_text("Create a guest")


def test_a_guest_is_deleted_with_its_own_disk_after_its_name_is_typed(
    portal: Portal, sign_in: Callable[..., Page], images: Path, lab: LabHost, screenshots: Path
) -> None:
    uuid = lab.define_guest("leaving", disk=lab.make_disk("leaving"), start=True)
    lab.virsh("pool-refresh", "default")
    page = sign_in("ada")
    disk = page.locator("dialog input[name=volumes]")
    for _try in range(40):
        page.goto(f"{portal.url}/guests/lab/{uuid}/")
        page.locator("[data-menu], [popovertarget]").last.wait_for()
        page.goto(f"{portal.url}/guests/lab/{uuid}/delete/")
        disk = page.locator("input[name=volumes]")
        if disk.count() and disk.is_enabled():
            break
        page.wait_for_timeout(500)
    expect(disk).to_be_checked()
    page.screenshot(path=screenshots / "delete.png")
    page.locator("[name=where][value=good]").check()
    page.get_by_label("Force it off first").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".field-error")).to_contain_text("This is not its name")
    page.get_by_label("Type leaving").fill("leaving")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(re.compile("/activity/jobs/"))
    expect(page.locator(".job")).to_contain_text("3 of 3 finished", timeout=60_000)
    assert lab.virsh("list", "--all", "--name") == ""
    assert not (images / "leaving.qcow2").exists()


def test_a_person_of_a_project_makes_guests_in_it_alone(
    portal: Portal, lab: LabHost, images: Path, sign_in: Callable[..., Page], screenshots: Path
) -> None:
    portal.manage("createadmin", "--username", "pia", "--password-stdin", stdin=PASSWORD)
    portal.manage("grant", "pia", "administrator", "everything", "--revoke")
    lab.define_guest("foreign")
    ada = sign_in("ada")
    ada.goto(f"{portal.url}/people/projects/")
    ada.get_by_label("New project").fill("Web shop")
    ada.get_by_role("button", name="Add").click()
    for what in ("pool", "network"):
        choice = ada.locator(f"#put-in option[value^='{what}:']", has_text="default").first
        ada.select_option("#put-in", value=choice.get_attribute("value"))
        ada.get_by_role("button", name="Put it in").click()
        expect(ada.locator("main tbody tr", has_text=what.title())).to_be_visible()
    ada.get_by_role("link", name="Give a role").click()
    ada.select_option("#id_holder", label="pia")
    ada.select_option("#id_role", value="project-owner")
    expect(ada.locator("#field-project select")).to_be_visible()
    ada.screenshot(path=screenshots / "project-grant.png", full_page=True)
    ada.get_by_role("button", name="Give", exact=True).click()
    expect(ada.locator("main")).to_contain_text("Project Web shop")

    pia = sign_in("pia")
    pia.goto(f"{portal.url}/guests/create/?source=empty&name=mine&memory=64+MiB")
    expect(pia.locator("#id_project option")).to_have_text(["Web shop"])
    pia.screenshot(path=screenshots / "project-create.png", full_page=True)
    pia.locator("[name=is_started]").uncheck()
    create(pia)
    expect(pia.locator("main")).to_contain_text("Web shop")
    pia.goto(f"{portal.url}/guests/")
    expect(pia.locator("main tbody tr", has_text="mine")).to_be_visible()
    expect(pia.locator("main")).not_to_contain_text("foreign")
    ada.get_by_role("link", name="People").first.click()
    ada.get_by_role("link", name="Projects").click()
    ada.get_by_role("link", name="Web shop").click()
    ada.screenshot(path=screenshots / "project.png", full_page=True)
    ada.get_by_role("button", name="Remove mine").click()
    expect(pia.locator("main tbody tr", has_text="mine")).to_have_count(0)
