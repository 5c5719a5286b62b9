"""The hardware card and its dialogs over HTTP: what they show, offer and refuse."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from kvmweb.core import wire
from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.records import GuestState, HostRecord
from kvmweb.core.refs import Ref
from kvmweb.definitions import domain_capabilities, hardware
from kvmweb.hub.mirror import Writer
from kvmweb.ui import links
from tests.definitions.test_device_edits import DATA, read
from tests.services.stage import mirrored, person
from tests.web.test_guest_pages import HTMX, signed_in

pytestmark = pytest.mark.django_db
LIVE, STORED = read("guest-running"), read("guest-inactive")


@pytest.fixture
def web01() -> Ref:
    cache.clear()
    (ref,) = mirrored(1, name="web01", state=GuestState.RUNNING, xml=LIVE, stored_xml=STORED)
    facts = domain_capabilities.parse((DATA / "domain-capabilities.xml").read_text())
    _offering(facts)
    return ref


def _offering(facts: DomainFacts) -> None:
    """The host says what its guests can have."""
    record = HostRecord(
        hostname="east", uri="test:///default", driver="QEMU", libvirt_version="9.0.0",
        hypervisor_version="7.2.0", arch="x86_64", cpu_model="", cpus=4, memory=2**32,
        has_cpu_flags=None, has_kvm_module=None, offers_kvm=True, capabilities={},
        domains=(facts,),
    )  # fmt: skip
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([{"type": "host", "record": wire.to_plain(record)}])


@pytest.fixture
def editor(db: None) -> Client:
    return signed_in(person("ed", "editor"))


def get(client: Client, ref: Ref, path: str) -> str:
    return client.get(f"{links.of(ref)}hardware/{path}", **HTMX).content.decode()


def key(kind: str) -> str:
    return next(it.key for it in hardware.parse(STORED) if it.kind == kind)


def test_the_card_names_every_device_once_and_keeps_the_machines_parts_apart(
    editor: Client, web01: Ref
) -> None:
    page = editor.get(links.of(web01)).content.decode()
    card = page[page.index(f'id="{web01.dom_id}-hardware"') :].partition("</article>")[0]
    for said in ("Screen (VNC)", "Video card", "Memory balloon", "Guest agent channel"):
        assert card.count(f"{said}</span></th>") == 1
    assert card.count("COM port (ISA)</td>") == 2
    rows, _details, parts = card.partition("<details")
    assert "pcie-root-port × 5" in parts
    assert "pcie-root-port" not in rows
    assert "at the next start" not in rows


def test_the_list_of_kinds_says_what_cannot_be_added_and_why(editor: Client, web01: Ref) -> None:
    html = get(editor, web01, "add/")
    assert "install swtpm and swtpm-tools" in html
    assert "Give guests devices and folders of the host" in html
    assert "The guest has one already." in html
    assert "hardware/add/rng/" in html
    assert "hardware/add/tpm/" not in html
    assert "hardware/add/pci-device/" not in html
    assert "swtpm-tools" in get(editor, web01, "add/tpm/")


def test_a_dialog_has_the_fields_of_its_kind_when_it_is_so_and_the_command(
    editor: Client, web01: Ref
) -> None:
    html = get(editor, web01, "add/watchdog/")
    assert 'name="model"' in html
    assert 'name="action"' in html
    assert "at once where it has a free slot" in html
    line = "virt-xml --connect test:///default web01 --add-device --watchdog"
    assert f"{line} model=i6300esb,action=reset --update" in html
    assert "at its next start" in get(editor, web01, "add/sound/")
    change = get(editor, web01, f"{key('video')}/")
    assert '<option value="vga" selected>' in change
    assert "from its next start on" in change
    assert "--edit 1 --video model=vga" in change
    assert "--remove-device --channel 1" in get(editor, web01, f"{key('agent')}/remove/")


def test_what_a_dialog_does_not_ask_for_is_refused(editor: Client, web01: Ref) -> None:
    client, path = editor, f"{links.of(web01)}hardware/"
    assert client.post(f"{path}add/rng/", {"source": "/dev/urandom", "x": "y"}).status_code == 400
    assert client.post(f"{path}add/rng/", {"source": "/etc/shadow"}).status_code == 422
    listen = {"listen": "0.0.0.0", "password": ""}
    assert client.post(f"{path}{key('vnc')}/", listen).status_code == 422
    for word in ("add/controller/", "add/spice/", f"{key('controller')}/", "rng-7-0/", "x/"):
        assert client.get(path + word).status_code == 404


def test_who_may_not_change_the_guest_sees_why(web01: Ref) -> None:
    client = signed_in(person("op", "operator"))
    page = client.get(links.of(web01)).content.decode()
    card = page[page.index(f'id="{web01.dom_id}-hardware"') :].partition("</article>")[0]
    assert "You do not have the right" in card
    assert "hardware/add/" not in card


@pytest.mark.parametrize("path", ["add/vnc/", "{screen}/"])
def test_the_password_of_a_screen_stays_out_of_reports_of_errors(
    editor: Client, web01: Ref, path: str
) -> None:
    url = f"{links.of(web01)}hardware/{path.format(screen=key('vnc'))}"
    answer = editor.post(url, {"password": "sesame12"}, **HTMX)
    assert answer.wsgi_request.sensitive_post_parameters == ("password",)  # type: ignore[attr-defined]
