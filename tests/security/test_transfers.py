"""The data of uploads and downloads goes past Django: what its middlewares promise holds there."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kvmweb.core import refs, tokens
from kvmweb.core.actors import Actor
from kvmweb.core.flows import Verdict
from kvmweb.live import downloads, uploads
from kvmweb.services import people, uploads_line
from kvmweb.store.models import AuditEntry, TransferTicket, Upload
from tests.services.stage import held, person
from tests.web.test_guest_pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
PROXY, EVE = "192.0.2.1", "203.0.113.66"
OURS = {"host": "kvm.example", "origin": "https://kvm.example", "x-forwarded-proto": "https"}


class Sent:
    """One request with an unfinished upload of this person, and what came of it."""

    def __init__(self, role: str, settings: Any) -> None:
        settings.KVMWEB_TRUSTED_PROXIES = [f"{PROXY}/32"]
        self.pool = held(1, "disk")
        who = person("li", role)
        self.client: Client = signed_in(who)
        key = self.client.session.session_key or ""
        self.actor = Actor(who.person_id, "li", people.session_hash(key))
        self.upload = Upload.objects.create(
            person_id=who.person_id, pool=str(self.pool), name="new", size=9, state="moving"
        )

    def ticket(self, way: str, name: str) -> str:
        secret = tokens.fresh()
        TransferTicket.objects.create(
            token_hash=tokens.fingerprint(secret),
            person_id=self.actor.person_id,
            session=self.actor.session,
            way=way,
            pool=str(self.pool),
            name=name,
            upload=self.upload if way == "up" else None,
            expires_at=timezone.now() + timedelta(hours=1),
        )
        return secret

    def put(self, peer: str = PROXY, **headers: str) -> tuple[int, Any, dict[str, str]]:
        place = f"/storage/east/{self.pool.id}/uploads/{self.upload.pk}/data"
        listed = {"x-transfer-ticket": self.ticket("up", "new"), **OURS, **headers}
        return asked(uploads.beside(nothing), "PUT", place, peer, listed)

    def get(self, peer: str = PROXY, **headers: str) -> tuple[int, Any, dict[str, str]]:
        volume = refs.volume_id(self.pool.id, "disk")
        place = f"/storage/east/{self.pool.id}/volumes/{volume}/download/"
        listed = {"x-transfer-ticket": self.ticket("down", "disk"), **OURS, **headers}
        return asked(downloads.beside(nothing), "GET", place, peer, listed)


async def nothing(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def asked(
    application: Any, method: str, path: str, peer: str, headers: dict[str, str]
) -> tuple[int, Any, dict[str, str]]:
    """One request past the server: status, what was said, headers."""
    came: list[dict[str, Any]] = []
    listed = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    scope = {
        "type": "http", "method": method, "path": path, "scheme": "http", "query_string": b"",
        "headers": [pair for pair in listed if pair[1]], "client": (peer, 5),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 9, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        came.append(message)

    asyncio.run(application(scope, receive, send))
    found = {k.decode(): v.decode() for k, v in came[0]["headers"]}
    return came[0]["status"], json.loads(came[1]["body"]), found


def test_behind_a_trusted_proxy_our_own_page_is_our_own(settings: Any) -> None:
    sent = Sent("storage-admin", settings)
    assert sent.put()[1]["problem"] == "host-down"  # no worker is there: it came as far as that
    assert sent.get()[1]["problem"] == "host-down"


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (EVE, {}),
        (PROXY, {"x_forwarded_proto": "http"}),
        (PROXY, {"origin": "https://evil.example"}),
        (PROXY, {"origin": "null"}),
        (PROXY, {"host": "evil.example"}),
        (PROXY, {"x_transfer_ticket": "guessed"}),
        (PROXY, {"x_transfer_ticket": "\xe4\xff"}),
    ],
)
def test_what_is_not_ours_is_refused_without_a_word_more(
    settings: Any, peer: str, headers: dict[str, str]
) -> None:
    sent = Sent("storage-admin", settings)
    for ask in (sent.put, sent.get):
        status, said, _ = ask(peer, **headers)
        assert (status, said) == (403, {"problem": "denied"})


def test_the_audit_names_the_person_not_the_proxy(settings: Any) -> None:
    sent = Sent("viewer", settings)
    assert sent.put(x_forwarded_for=f"10.0.0.1, {EVE}")[0] == 403
    assert AuditEntry.objects.latest("pk").address == EVE
    assert sent.put(peer=EVE, x_forwarded_for="10.9.9.9", origin="")[0] == 403
    assert AuditEntry.objects.latest("pk").address == EVE


def test_every_answer_is_inert_in_a_browser(settings: Any) -> None:
    for _status, _said, headers in (Sent("storage-admin", settings).put(),):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "sandbox" in headers["content-security-policy"]


@pytest.mark.parametrize("offset", ["-1", "1e3", "0x9", "\xb2", "9" * 400, "1 2", "+1"])
def test_an_odd_offset_is_no_fault(settings: Any, offset: str) -> None:
    status, said, _ = Sent("storage-admin", settings).put(upload_offset=offset)
    assert (status, said["problem"]) == (422, "invalid")


def test_an_offset_that_is_not_where_it_stands_moves_nothing(settings: Any) -> None:
    sent = Sent("storage-admin", settings)
    for offset in ("1", "9", "999999999999999999"):
        assert sent.put(upload_offset=offset)[1] == {"problem": "conflict", "offset": "0"}
    sent.upload.refresh_from_db()
    assert (sent.upload.offset, sent.upload.parts.count()) == (0, 0)


def test_one_ticket_opens_one_way_one_pool_one_file(settings: Any) -> None:
    sent = Sent("storage-admin", settings)
    other = held(2, "disk")
    assert sent.put(x_transfer_ticket=sent.ticket("down", "new"))[0] == 403
    assert sent.get(x_transfer_ticket=sent.ticket("up", "disk"))[0] == 403
    assert sent.get(x_transfer_ticket=sent.ticket("down", "new"))[0] == 403
    volume = refs.volume_id(other.id, "disk")
    place = f"/storage/east/{other.id}/volumes/{volume}/download/"
    headers = {"x-transfer-ticket": sent.ticket("down", "disk"), **OURS}
    assert asked(downloads.beside(nothing), "GET", place, PROXY, headers)[0] == 403


def test_somebody_elses_upload_is_not_found_even_with_a_ticket(settings: Any) -> None:
    sent = Sent("storage-admin", settings)
    eve = person("eve", "creator")
    Upload.objects.filter(pk=sent.upload.pk).update(person_id=eve.person_id)
    assert sent.put()[1] == {"problem": "not-found"}


@pytest.mark.parametrize(
    "path",
    [
        "/storage/east/{pool}/uploads/{upload}/data/",
        "/storage/EAST/{pool}/uploads/{upload}/data",
        "/storage/east/../east/{pool}/uploads/{upload}/data",
        "//storage/east/{pool}/uploads/{upload}/data",
        "/storage/east/{pool}/uploads/{upload}/data\n",
        "/x/storage/east/{pool}/uploads/{upload}/data",
    ],
)
def test_any_other_path_is_djangos(settings: Any, path: str) -> None:
    sent = Sent("storage-admin", settings)
    where = path.format(pool=sent.pool.id, upload=sent.upload.pk)
    assert asked(uploads.beside(nothing), "PUT", where, PROXY, OURS)[0] == 299


def test_two_requests_for_the_same_bytes_count_once(settings: Any) -> None:
    """One hangs until it is taken for dead, another goes on for it, then both end."""
    sent = Sent("storage-admin", settings)
    uploads_line.settle(sent.upload.pk, 0, Verdict(moved=5, problem="host-down"))
    found = uploads_line.settle(sent.upload.pk, 0, Verdict(moved=4, problem="host-down"))
    assert found is not None
    assert (found.offset, found.state) == (5, "moving")
