"""The page of a new guest, whose image is fetched from there."""

from __future__ import annotations

import json

import pytest

from kvmweb.store.models import Job, Upload
from tests.hub import plain
from tests.web.test_create import PAGE, enter, stage, text

pytestmark = pytest.mark.django_db


def test_an_image_can_be_fetched_from_here_by_who_may_fill_a_pool() -> None:
    stage()
    place = f"/storage/east/{plain.uuid(900)}/fetch/?for=guest"
    client, page = enter(), f"{PAGE}?source=cloud"
    assert f'href="{place}"' in text(client.get(page, secure=True)), "a link without a script"
    url = {"url": "https://mirror.example/new.qcow2"}
    answer = client.post(place, url, secure=True, headers={"HX-Request": "true"})
    told = json.loads(answer.headers["HX-Trigger"])
    assert told["kvmweb:fetching"] == {"pool": plain.uuid(900), "name": "new.qcow2"}
    shown = text(client.get(page, secure=True))
    assert "new.qcow2" in shown
    assert f"/activity/jobs/{Job.objects.get().pk}/" in shown
    Upload.objects.update(state="refused", problem="busy", facts={"url": url["url"]})
    assert "Put away" in text(client.get(page, secure=True))
    Upload.objects.update(state="done")
    assert f'data-fetched="{plain.uuid(900)}/new.qcow2"' in text(client.get(page, secure=True))
    assert f'href="{place}"' not in text(enter("operator").get(page, secure=True))
