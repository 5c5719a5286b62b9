"""People and guests for the console's bench: as many as the limits on viewers ask for."""

from __future__ import annotations

import itertools

from bench.console_viewer import Viewer

_visitors: list[tuple[object, str]] = []
_turn = itertools.count()


def prepare(consoles: int) -> None:
    """A database where so many consoles may be open at once: 8 a guest, 20 a person."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from kvmweb.inventory import models as mirror
    from kvmweb.store.models import Grant, Person, RightsEpoch

    call_command("migrate", verbosity=0)
    mirror.HostMirror.objects.create(host="lab", state="up")
    record = {"has_screen": True, "serials": []}
    uuids = [f"5c1e0000-0000-4000-8000-{number:012d}" for number in range(consoles // 4 + 4)]
    for number, uuid in enumerate(uuids):
        mirror.Guest.objects.create(
            host="lab", uuid=uuid, name=f"g{number}", name_fold=f"g{number}", state="running",
            record=record,
        )  # fmt: skip
        person = Person.objects.create_user(f"p{number}", "correct horse battery")
        Grant.objects.create(person=person, role="operator", scope="everything")
        client = Client()
        client.force_login(person)
        _visitors.append((client, uuid))
    RightsEpoch.advance()


def viewer(port: int) -> Viewer:
    """The next console, each time of another person and guest."""
    client, uuid = _visitors[next(_turn) % len(_visitors)]
    path = f"/consoles/lab/{uuid}/screen/"
    answer = client.post(f"{path}ticket/", {"mode": "drive"})  # type: ignore[attr-defined]
    if answer.status_code != 200:
        raise RuntimeError(answer.content)
    secret = answer.json()["ticket"]
    cookie = "; ".join(f"{name}={jar.value}" for name, jar in client.cookies.items())  # type: ignore[attr-defined]
    headers = (
        "Origin: http://bench",
        f"Cookie: {cookie}",
        f"Sec-WebSocket-Protocol: kvmweb.console.v1, kvmweb.ticket.{secret}",
    )
    return Viewer(port, f"{path}socket/", headers)
