"""The frame of every page: language, theme, search, problems, lists."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from kvmweb.access import judge
from kvmweb.core import records, wire
from kvmweb.inventory import models as mirror
from kvmweb.store.models import AuditEntry, Grant, Host, Person, RightsEpoch

pytestmark = pytest.mark.django_db
GIB = 2**30
EVIL = '<img src=x onerror="alert(1)">\u202e'


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    judge.forget()  # a rolled-back test leaves rights of people whose numbers come again

    def enter(role: str = "", scope: str = Grant.EVERYTHING) -> Client:
        person = Person.objects.create_user(f"p{Person.objects.count()}", "correct horse battery")
        if role:
            Grant.objects.create(person=person, role=role, scope=scope)
        RightsEpoch.advance()
        client = Client()
        client.force_login(person)
        return client

    return enter


def add_host(key: str = "rack", state: str = "up", *, name: str = "") -> Host:
    record = records.HostRecord(
        hostname=f"{key}.lab", uri="qemu:///system", driver="QEMU", libvirt_version="9.0.0",
        hypervisor_version="7.2.19", arch="x86_64", cpu_model="EPYC", cpus=8, memory=16 * GIB,
        has_cpu_flags=True, has_kvm_module=False, offers_kvm=False,
        capabilities={"guest.nmi": True, "guest.screenshot": False},
    )  # fmt: skip
    mirror.HostMirror.objects.create(host=key, state=state, record=wire.to_plain(record), cpu=12.0)
    return Host.objects.create(key=key, name=name or key.title(), uri=f"qemu+ssh://{key}/system")


def add_pool(host: str, name: str) -> mirror.Pool:
    record = records.PoolRecord(
        uuid=str(uuid.uuid4()), name=name, type="dir", path="/srv", is_active=True,
        is_persistent=True, has_autostart=True, capacity=100 * GIB, allocation=90 * GIB,
        available=10 * GIB, volumes=3,
    )  # fmt: skip
    return mirror.Pool.objects.create(
        host=host, uuid=record.uuid, name=name, name_fold=name.casefold(), digest="",
        record=wire.to_plain(record),
    )  # fmt: skip


def add_network(host: str, name: str, *, forward: str = "nat") -> mirror.Network:
    record = records.NetworkRecord(
        uuid=str(uuid.uuid4()), name=name, forward=forward, bridge="virbr0",
        subnets=("192.168.122.0/24",), has_dhcp=True, is_active=True, is_persistent=True,
        has_autostart=True,
    )  # fmt: skip
    return mirror.Network.objects.create(
        host=host, uuid=record.uuid, name=name, name_fold=name.casefold(), digest="",
        record=wire.to_plain(record),
    )  # fmt: skip


def add_guest(host: str, name: str, state: str = "running") -> mirror.Guest:
    return mirror.Guest.objects.create(
        host=host,
        uuid=str(uuid.uuid4()),
        name=name,
        name_fold=name.casefold(),
        state=state,
        digest="",
    )


@pytest.mark.parametrize("path", ["/", "/hosts/", "/storage/", "/networks/", "/search/?q=zzzz"])
def test_an_empty_portal_says_what_to_do_next(sign_in: Callable[..., Client], path: str) -> None:
    response = sign_in("administrator").get(path)
    assert response.status_code == 200
    assert (
        "virsh" in response.text or "Add a host" in response.text or "Nothing is" in response.text
    )


@pytest.mark.parametrize("path", ["/", "/hosts/", "/storage/", "/networks/"])
def test_no_right_is_a_state_of_its_own(sign_in: Callable[..., Client], path: str) -> None:
    add_host()
    page = sign_in().get(path).text
    assert "administrator" in page
    assert "Rack" not in page


@pytest.mark.parametrize("path", ["/hosts/", "/storage/", "/networks/", "/"])
def test_names_from_outside_are_shown_harmless(sign_in: Callable[..., Client], path: str) -> None:
    add_host(name=EVIL[:60])
    add_pool("rack", EVIL)
    add_network("rack", EVIL)
    add_guest("rack", EVIL)
    assert "<img src=x" not in sign_in("administrator").get(path).text


def test_a_list_holds_only_what_the_person_may_see(sign_in: Callable[..., Client]) -> None:
    for key in ("rack", "lab"):
        add_host(key)
        add_pool(key, f"pool-of-{key}")
        add_network(key, f"net-of-{key}")
    client = sign_in("viewer", "host:rack")
    for path in ("/storage/", "/networks/", "/hosts/", "/", "/search/?q=lab"):
        text = client.get(path).text
        assert "-of-lab" not in text, path
        assert "lab.lab" not in text, path
    assert "pool-of-rack" in client.get("/storage/").text


def test_the_numbers_in_the_navigation_count_what_the_person_sees(
    sign_in: Callable[..., Client],
) -> None:
    for key in ("rack", "lab"):
        add_host(key)
        add_guest(key, f"web-{key}")
    text = sign_in("viewer", "host:rack").get("/hosts/").text
    assert re.search(r'id="count-hosts">1<', text)


def test_a_host_that_is_away_keeps_its_rows_greyed(sign_in: Callable[..., Client]) -> None:
    add_host("rack", "down")
    add_pool("rack", "images")
    text = sign_in("administrator").get("/storage/").text
    assert "images" in text
    assert "is-away" in text


def test_the_three_facts_about_acceleration_stand_apart(sign_in: Callable[..., Client]) -> None:
    add_host()
    text = sign_in("administrator").get("/hosts/rack/").text
    assert "CPU can virtualise" in text
    assert "No /dev/kvm" in text
    assert "libvirt offers emulation only" in text
    assert "Send NMI" in text


@pytest.mark.parametrize("path", ["/hosts/none/", "/hosts/rack/"])
def test_what_a_person_may_not_see_is_not_found(sign_in: Callable[..., Client], path: str) -> None:
    add_host("rack")
    response = sign_in("viewer", "host:other").get(path)
    assert response.status_code == 404
    assert "There is nothing here." in response.text


def test_a_problem_answers_htmx_with_a_toast(sign_in: Callable[..., Client]) -> None:
    client = sign_in("viewer", "host:other")
    response = client.post("/hosts/none/remove/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert response["HX-Reswap"] == "none"
    assert "afterbegin:#toasts" in response.text


def test_search_finds_objects_by_kind_and_pages(sign_in: Callable[..., Client]) -> None:
    add_host()
    add_pool("rack", "store-images")
    add_guest("rack", "storefront")
    text = sign_in("administrator").get("/search/?q=stor", headers={"HX-Request": "true"}).text
    assert text.index("storefront") < text.index("store-images") < text.index("Storage</b>")
    assert 'role="option"' in text
    assert "<html" not in text


def test_a_search_in_a_list_answers_with_the_list_only(sign_in: Callable[..., Client]) -> None:
    add_host()
    add_pool("rack", "images")
    add_pool("rack", "other")
    text = sign_in("administrator").get("/storage/?search=ima", headers={"HX-Request": "true"}).text
    assert "<html" not in text
    assert "images" in text
    assert "other" not in text


def test_the_theme_is_kept_and_set_before_the_page_paints(sign_in: Callable[..., Client]) -> None:
    client = sign_in("viewer")
    response = client.post("/preferences/theme/", {"theme": "dark", "next": "/hosts/"})
    assert response.headers["Location"] == "/hosts/"
    assert 'class="pf-v6-theme-dark"' in client.get("/").text.split("<head>")[0]


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"]
)
def test_a_preference_never_sends_elsewhere(sign_in: Callable[..., Client], place: str) -> None:
    response = sign_in().post("/preferences/theme/", {"theme": "dark", "next": place})
    assert response.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("path", "field"), [("/preferences/theme/", "theme"), ("/preferences/language/", "language")]
)
def test_an_unknown_preference_is_refused(
    sign_in: Callable[..., Client], path: str, field: str
) -> None:
    assert sign_in().post(path, {field: "klingon"}).status_code == 400


def test_the_language_changes_the_page(sign_in: Callable[..., Client]) -> None:
    client = sign_in("viewer")
    client.post("/preferences/language/", {"language": "zh-hans"})
    assert '<html lang="zh-hans"' in client.get("/").text


def test_a_host_is_added_by_typed_fields(sign_in: Callable[..., Client]) -> None:
    fields = {
        "transport": "ssh",
        "machine": "rack7.example.org",
        "name": "Räck 7!",
        "user": "",
        "port": "",
    }
    response = sign_in("administrator").post("/hosts/add/", fields)
    assert response.status_code == 302
    host = Host.objects.get()
    assert (host.key, host.uri) == ("r-ck-7", "qemu+ssh://rack7.example.org/system?no_tty=1")
    assert AuditEntry.objects.get(verb="host.add").outcome == "ok"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"machine": "-oProxyCommand=id"}, "machine"),
        ({"port": "99999"}, "port"),
        ({"port": "x"}, "port"),
        ({"user": "a b"}, "user"),
        ({"name": ""}, "name"),
        ({"transport": "telnet"}, "transport"),
    ],
)
def test_a_wrong_field_says_so_and_nothing_typed_is_lost(
    sign_in: Callable[..., Client], change: dict[str, str], field: str
) -> None:
    good = {"transport": "ssh", "machine": "rack7", "name": "Rack 7", "user": "virt", "port": "22"}
    response = sign_in("administrator").post("/hosts/add/", {**good, **change})
    assert response.status_code == 422
    assert re.search(rf'data-tone="bad" id="field-{field}"', response.text)
    assert 'value="virt"' in response.text or field == "user"
    assert not Host.objects.exists()


def test_an_unknown_field_is_refused(sign_in: Callable[..., Client]) -> None:
    fields = {"transport": "local", "name": "x", "uri": "qemu+ext:///"}
    assert sign_in("administrator").post("/hosts/add/", fields).status_code == 400


@pytest.mark.parametrize("path", ["/hosts/add/", "/hosts/test/"])
def test_who_may_not_add_hosts_is_told_which_right_is_missing(
    sign_in: Callable[..., Client], path: str
) -> None:
    response = sign_in("viewer").post(path, {"transport": "demo", "name": "x"})
    assert response.status_code == 403
    assert "Add a host" in response.text


def test_the_connection_test_reaches_the_demonstration(sign_in: Callable[..., Client]) -> None:
    response = sign_in("administrator").post("/hosts/test/", {"transport": "demo"})
    assert "Connected to" in response.text


def test_the_connection_test_says_what_failed(sign_in: Callable[..., Client]) -> None:
    fields = {"transport": "tcp", "machine": "127.0.0.1", "port": "1"}
    text = sign_in("administrator").post("/hosts/test/", fields).text
    assert "Connection refused" in text
    assert "virsh -c qemu+tcp://127.0.0.1:1/system" in text


def test_a_removed_host_takes_its_grants_along(sign_in: Callable[..., Client]) -> None:
    add_host("rack")
    viewer = sign_in("viewer", "host:rack")
    person = Person.objects.get(grants__scope="host:rack")
    Grant.objects.create(person=person, role="viewer", scope="host:other")
    client = sign_in("administrator")
    assert client.post("/hosts/rack/remove/").status_code == 302
    assert not Host.objects.exists()
    assert not Grant.objects.filter(scope="host:rack").exists()
    assert viewer.get("/hosts/rack/").status_code == 404


def test_no_page_holds_inline_script_or_style(sign_in: Callable[..., Client]) -> None:
    add_host()
    add_pool("rack", "images")
    client = sign_in("administrator")
    for path in ("/", "/hosts/", "/hosts/rack/", "/hosts/add/", "/storage/", "/networks/"):
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", text), path


def test_a_list_of_a_hundred_costs_as_many_queries_as_one_of_ten(
    sign_in: Callable[..., Client], django_assert_max_num_queries: Callable[..., object]
) -> None:
    add_host()
    for number in range(100):
        add_pool("rack", f"pool-{number}")
    client = sign_in("administrator")
    client.get("/storage/")
    with django_assert_max_num_queries(22):
        client.get("/storage/")
