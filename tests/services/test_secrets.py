"""Secrets of a host: who may, what is refused, and that no value is ever kept or told."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client

from kvmweb.core import refs, wire
from kvmweb.core.devices import SecretRecord, SecretsRecord, SecretUsage
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.hub.mirror import Writer
from kvmweb.services import secrets
from kvmweb.store.models import AuditEntry, Person
from tests.hub import plain
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db
REF = refs.host("east")
VALUE = "canary-3e3fce45"
UUID = plain.uuid(50)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would have gone to the worker: the only way out of the portal."""
    heard: list[dict[str, Any]] = []

    def call(host: str, verb: str, **args: Any) -> str:
        heard.append({"host": host, "verb": verb, **args})
        return UUID

    monkeypatch.setattr(secrets.client, "call", call)
    mirrored(1)
    return heard


def told(**facts: Any) -> None:
    record = SecretRecord(UUID, SecretUsage.CEPH, "client.admin", "", True, False, **facts)
    writer = Writer("east", "stage")
    writer.open()
    plainly = wire.to_plain(SecretsRecord((record,)))
    writer.apply([{"type": "part", "part": "secrets", "record": plainly, "at": 1.0}])


def test_a_value_goes_to_the_worker_and_nowhere_else(calls: list[dict[str, Any]]) -> None:
    admin = person("ada", "administrator")
    secrets.define(admin, REF, SecretUsage.CEPH, " client.admin ", value=VALUE)
    secrets.set_value(admin, REF, UUID, VALUE)
    assert [base64.b64decode(call["value"]).decode() for call in calls] == [VALUE, VALUE]
    assert calls[0]["usage_id"] == "client.admin"
    entries = AuditEntry.objects.filter(verb="host.secrets")
    assert [entry.outcome for entry in entries] == ["ok", "ok"]
    written = json.dumps([[entry.detail, entry.ref_name] for entry in entries])
    assert VALUE not in written
    assert base64.b64encode(VALUE.encode()).decode() not in written


def test_base64_is_decoded_as_virsh_does(calls: list[dict[str, Any]]) -> None:
    coded = base64.b64encode(b"\x00\x01key").decode()
    secrets.set_value(person("ada", "host-admin"), REF, UUID, f" {coded}\n", is_base64=True)
    assert base64.b64decode(calls[0]["value"]) == b"\x00\x01key"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"usage_id": ""}, "usage_id"),
        ({"usage_id": "two\nlines"}, "usage_id"),
        ({"usage_id": "x" * 256}, "usage_id"),
        ({"usage": SecretUsage.VOLUME, "usage_id": "relative.img"}, "usage_id"),
        ({"description": "a\u202eb"}, "description"),
        ({"value": "no base64!", "is_base64": True}, "value"),
        ({"value": "x" * 70_000}, "value"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    calls: list[dict[str, Any]], given: dict[str, Any], field: str
) -> None:
    fields = {"usage": SecretUsage.CEPH, "usage_id": "client.admin", **given}
    with pytest.raises(Invalid) as caught:
        secrets.define(person("ada", "administrator"), REF, **fields)
    assert list(caught.value.fields) == [field]
    assert calls == []


@pytest.mark.parametrize("role", ["viewer", "operator", "storage-admin", "auditor"])
def test_who_may_only_look_at_the_host_sees_no_secret(
    calls: list[dict[str, Any]], role: str
) -> None:
    actor = person("eve", role)
    assert not secrets.may(actor, REF)
    for act in (
        lambda: secrets.list_(actor, REF),
        lambda: secrets.define(actor, REF, SecretUsage.CEPH, "x"),
        lambda: secrets.set_value(actor, REF, UUID, "x"),
        lambda: secrets.undefine(actor, REF, UUID),
    ):
        with pytest.raises(Denied):
            act()
    assert calls == []


def test_what_uses_a_secret_is_named(calls: list[dict[str, Any]]) -> None:
    disk = f"<domain><devices><disk><source><auth><secret type='ceph' uuid='{UUID}'/></auth>"
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.guest(1, xml=f"{disk}</source></disk></devices></domain>")])
    writer.apply([plain.guest(2, xml="<domain><secret usage='client.other'/></domain>")])
    told(pools=("images",))
    row = secrets.get(person("ada", "administrator"), REF, UUID)
    assert [user.name for user in row.guests] == ["guest1"]
    assert row.is_used
    with pytest.raises(NotFound):
        secrets.get(person("bob", "administrator"), REF, plain.uuid(51))


def test_a_refused_form_does_not_send_the_value_back(calls: list[dict[str, Any]]) -> None:
    client = Client()
    client.force_login(Person.objects.get(pk=person("ada", "administrator").person_id))
    given = {"usage": "volume", "usage_id": "relative", "value": VALUE}
    answer = client.post("/hosts/east/secrets/add/", given, secure=True)
    assert answer.status_code == 422
    assert VALUE not in answer.content.decode()
    assert "relative" in answer.content.decode()


def test_the_question_before_deleting_names_what_breaks(calls: list[dict[str, Any]]) -> None:
    told(pools=("images",))
    client = Client()
    client.force_login(Person.objects.get(pk=person("ada", "administrator").person_id))
    page = client.get(f"/hosts/east/secrets/{UUID}/delete/", secure=True).content.decode()
    assert "images" in page
    assert "secret-undefine" in page
    client.post(f"/hosts/east/secrets/{UUID}/delete/", secure=True)
    assert calls == [{"host": "east", "verb": "secret.undefine", "uuid": UUID}]
