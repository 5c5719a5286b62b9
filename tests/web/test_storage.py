"""Storage pages over HTTP: what they show, what their forms refuse, what never becomes markup."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.core.templates import TemplateMark
from kvmweb.hub.mirror import Writer
from kvmweb.store.models import Person
from kvmweb.ui import links
from tests.hub import plain
from tests.services.stage import held, mirrored, person

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
NASTY = "'\"><img src=x onerror=alert(1)>\n\u202egnp"


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id))
    return client


@pytest.fixture
def ada() -> Client:
    cache.clear()
    return signed_in(person("ada", "administrator"))


@pytest.fixture
def pool() -> Ref:
    return held(1, "a.qcow2", NASTY, capacity=100 * 2**30, available=60 * 2**30)


def page_of(pool: Ref, name: str) -> str:
    return f"{links.of(pool)}volumes/{refs.volume_id(pool.id, name)}/"


def text(client: Client, address: str, **more: Any) -> str:
    return client.get(address, **more).content.decode()


def test_a_pool_shows_its_space_its_volumes_and_what_can_be_done(ada: Client, pool: Ref) -> None:
    page = text(ada, links.of(pool))
    for said in ("a.qcow2", "60 GiB", "100 GiB", "Create a volume", "pool-refresh default"):
        assert said in page


def test_a_hostile_name_is_never_markup(ada: Client, pool: Ref) -> None:
    mirrored(11, name=NASTY, disks=(DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "x"),))
    for address in (
        links.of(pool),
        page_of(pool, NASTY),
        page_of(pool, "a.qcow2"),
        f"{page_of(pool, NASTY)}actions/",
        f"{page_of(pool, NASTY)}delete/",
        f"{page_of(pool, NASTY)}clone/",
        f"{links.of(pool)}create/",
        f"{links.of(pool)}delete/",
        "/storage/",
    ):
        page = text(ada, address)
        assert "<img src=x" not in page, address
        assert "\u202e" not in page, address


def test_a_volume_without_its_pool_in_the_address_is_found(ada: Client, pool: Ref) -> None:
    ref = refs.volume("east", pool.id, "a.qcow2")
    answer = ada.get(links.of(ref))
    assert answer.headers["Location"] == page_of(pool, "a.qcow2")
    assert ada.get(links.of(refs.volume("east", pool.id, "none"))).status_code == 404


def test_what_is_shown_stands_in_the_address_and_nonsense_is_said(ada: Client, pool: Ref) -> None:
    page = text(ada, f"{links.of(pool)}?sort=-capacity&page=7&use=perhaps")
    assert "Not understood in the address" in page
    assert ada.get(f"{links.of(pool)}?colour=red").status_code == 400
    answer = ada.get(f"{links.of(pool)}?q=a.q&sort=name", **HTMX)
    assert answer.headers["HX-Push-Url"] == f"{links.of(pool)}?q=a.q"
    assert b"<html" not in answer.content


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": "", "capacity": "1G"}, "This field is required"),
        ({"name": "a", "capacity": "0 GiB"}, "greater than zero"),
        ({"name": "a", "capacity": "2 PiB"}, "more than the whole pool"),
        ({"name": "a", "capacity": "1"}, "A size with its unit"),
        ({"name": "a", "capacity": "lots"}, "A size with its unit"),
        ({"name": "a/b", "capacity": "1G"}, "no slash"),
        ({"name": "-a", "capacity": "1G"}, "begin with a dash"),
        ({"name": "a.qcow2", "capacity": "1G"}, "is in the pool already"),
        ({"name": "a", "capacity": "1G", "format": "exe"}, "Select a valid choice"),
    ],
)
def test_a_form_keeps_what_was_typed_and_says_what_is_wrong(
    data: dict[str, str], said: str, ada: Client, pool: Ref
) -> None:
    answer = ada.post(f"{links.of(pool)}create/", data, **HTMX)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert f'value="{data["capacity"]}"' in page


def test_a_field_that_is_not_in_the_form_is_refused(ada: Client, pool: Ref) -> None:
    data = {"name": "a", "capacity": "1G", "path": "/etc/shadow"}
    assert ada.post(f"{links.of(pool)}create/", data).status_code == 400
    data = {"name": "p", "target": "/x", "xml": "<pool/>"}
    assert ada.post("/storage/create/?host=east&type=dir", data).status_code == 400


@pytest.mark.parametrize("act", ["delete", "wipe"])
def test_data_is_lost_only_when_the_name_is_typed(act: str, ada: Client, pool: Ref) -> None:
    data = {"typed": "b.qcow2", **({"algorithm": "zero"} if act == "wipe" else {})}
    answer = ada.post(f"{page_of(pool, 'a.qcow2')}{act}/", data, **HTMX)
    assert answer.status_code == 422
    assert b"Type the name to confirm" in answer.content


def test_a_refusal_names_the_users(ada: Client, pool: Ref) -> None:
    mirrored(11, disks=(DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "qcow2"),))
    assert "guest11" in text(ada, f"{page_of(pool, 'a.qcow2')}delete/")
    answer = ada.post(f"{page_of(pool, 'a.qcow2')}delete/", {"typed": "a.qcow2"}, **HTMX)
    assert answer.status_code == 409
    assert b"It is in use by guest11." in answer.content


def test_a_template_is_named_as_one_among_the_users(ada: Client, pool: Ref) -> None:
    disk = DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "qcow2")
    mirrored(11, disks=(disk,), template=TemplateMark(at=0.0))
    for address in (links.of(pool), page_of(pool, "a.qcow2"), f"{page_of(pool, 'a.qcow2')}delete/"):
        assert "template: guest11" in text(ada, address), address


def test_every_supported_type_has_its_short_form(ada: Client, pool: Ref) -> None:
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.link("up")])
    for kind, field in {
        "dir": "target", "fs": "devices", "netfs": "hosts", "logical": "source",
        "disk": "devices", "iscsi": "initiator", "iscsi-direct": "initiator", "scsi": "adapter",
        "mpath": "name", "rbd": "secret", "gluster": "source", "zfs": "source",
    }.items():  # fmt: skip
        page = text(ada, f"/storage/create/?host=east&type={kind}")
        assert f'name="{field}"' in page, kind
        assert f"pool-define-as NAME {kind}" in page, kind


def test_a_stopped_pool_says_so_and_offers_to_start(ada: Client) -> None:
    pool = held(2, is_active=False, capacity=0, available=0, allocation=0)
    page = text(ada, links.of(pool))
    assert "The pool is stopped" in page
    assert f'hx-post="{links.of(pool)}start/"' in page


def test_only_who_may_make_pools_is_offered_to(pool: Ref) -> None:
    viewer = signed_in(person("vera", "viewer"))
    assert "Create a storage pool" not in text(viewer, "/storage/")
    assert "Where pools may be" not in text(signed_in(person("sam", "storage-admin")), "/storage/")


def test_a_missing_default_pool_is_offered_to_who_may_make_it(ada: Client) -> None:
    held(1, name="other")
    assert "has no pool “default”" in text(ada, "/storage/")
    assert "has no pool" not in text(signed_in(person("vera", "viewer")), "/storage/")


def test_that_no_host_answers_is_no_missing_right(ada: Client, pool: Ref) -> None:
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.link("down")])
    answer = ada.get("/storage/create/")
    assert answer.status_code == 503
    assert b"The host is not answering" in answer.content
    viewer = signed_in(person("vera", "viewer"))
    assert viewer.get("/storage/create/").status_code == 403
