"""Uploads over a real server into a real pool: whole, broken off, refused, forbidden meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core.refs import Ref
from kvmweb.live import uploads_wire
from kvmweb.services import image_locks, images, job_worker, uploads, uploads_line
from kvmweb.store.models import Grant, RightsEpoch, Session, Upload
from tests.lab.host import LabHost
from tests.live.transfers import MIB, Sender, audited, fresh, volumes, within

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]

Enter = Callable[..., Sender]


def test_a_file_arrives_in_as_many_requests_as_it_takes(uploader: Enter) -> None:
    sender, data, name = uploader(), os.urandom(5 * MIB + 3), fresh()
    begun = sender.begin(name, len(data))
    assert (begun["status"], begun["offset"], begun["state"]) == (200, 0, "moving")
    assert sender.put(begun, data[: 2 * MIB]) == (
        200,
        {"offset": 2 * MIB, "safe": 2 * MIB, "size": len(data), "state": "moving", "problem": ""},
    )
    status, said = sender.put(begun, data[2 * MIB :], 2 * MIB)
    assert (status, said["state"], said["offset"]) == (200, "done", len(data))
    assert sender.stored(name, len(data)) == data
    assert audited(name) == ["ok"]
    assert image_locks.unfit(sender.pool) == {}


def test_curls_content_range_goes_on_as_well(uploader: Enter) -> None:
    sender, data, name = uploader(), os.urandom(2 * MIB), fresh()
    begun = sender.begin(name, len(data))
    sender.put(begun, data[:MIB])
    span = f"bytes {MIB}-{len(data) - 1}/{len(data)}"
    with sender.request(
        "PUT", begun["data_url"], data[MIB:], begun, Upload_Offset="", Content_Range=span
    ) as answer:
        assert answer.status == 200
    assert sender.stored(name, len(data)) == data


def test_who_leaves_at_a_quarter_goes_on_from_there(uploader: Enter) -> None:
    sender, data, name = uploader(), os.urandom(8 * MIB), fresh()
    begun = sender.begin(name, len(data))
    line = sender.start(begun, len(data))
    line.send(data[: 2 * MIB])
    within(5, lambda: sender.show(begun)["held"])
    time.sleep(0.5)
    line.close()
    within(10, lambda: not sender.show(begun)["held"])
    again = sender.begin(name, len(data))
    safe = again["offset"]
    assert (again["id"], safe <= 2 * MIB) == (begun["id"], True)
    status, said = sender.put(again, data[safe:], safe)
    assert (status, said["state"]) == (200, "done")
    assert sender.stored(name, len(data)) == data


def test_one_request_at_a_time_and_only_from_where_it_stands(uploader: Enter) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 4 * MIB)
    assert sender.put(begun, b"x" * 10, MIB) == (409, {"problem": "conflict", "offset": "0"})
    line = sender.start(begun, 4 * MIB)
    line.send(b"x")
    within(5, lambda: sender.show(begun)["held"])
    assert sender.put(begun, b"y" * 10)[1]["problem"] == "busy"
    line.close()
    within(10, lambda: not sender.show(begun)["held"])
    assert sender.show(begun)["offset"] in (0, 1)  # what was on its way may be lost, no more


@pytest.mark.parametrize(
    "spoil",
    [
        {"X-Transfer-Ticket": "guessed"},
        {"X-Transfer-Ticket": ""},
        {"Origin": "https://elsewhere.example"},
    ],
)
def test_without_the_ticket_or_from_another_page_nothing_moves(
    uploader: Enter, spoil: dict[str, str]
) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 100)
    assert sender.put(begun, b"x" * 100, **spoil)[0] == 403
    assert sender.show(begun)["offset"] == 0


def test_a_ticket_is_for_one_file_of_one_person(uploader: Enter) -> None:
    li, eve = uploader("li"), uploader("eve")
    mine, other = li.begin(fresh(), 100), li.begin(fresh(), 100)
    assert li.put({**mine, "ticket": other["ticket"]}, b"x" * 100)[0] == 403
    assert eve.client.get(mine["url"]).status_code == 404
    assert eve.cancel(mine) == 404


@pytest.mark.parametrize("how", ["right", "session", "person"])
def test_what_was_allowed_stops_within_two_seconds(uploader: Enter, how: str) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 64 * MIB)
    line = sender.start(begun, 64 * MIB)
    line.send(bytes(100))
    within(5, lambda: sender.show(begun)["held"])
    if how == "right":
        Grant.objects.filter(person=sender.person).delete()
        RightsEpoch.advance()
    elif how == "session":
        Session.objects.filter(person=sender.person).delete()
    else:
        sender.person.is_active = False
        sender.person.save()
        RightsEpoch.advance()
    upload = Upload.objects.get(name=name)

    def is_over() -> bool:
        return not upload.parts.exists()

    assert within(6, is_over) < 3  # asked: 2 s, and a machine that has other things to do
    assert sender.put(begun, bytes(10), 100)[0] in (403, 404)


@pytest.mark.parametrize("backing", ["/etc/shadow", 'json:{"driver":"file","filename":"/etc/x"}'])
def test_an_image_that_names_other_files_is_refused_and_gone(
    uploader: Enter, lab: LabHost, tmp_path: Path, backing: str
) -> None:
    path = tmp_path / "evil.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", "raw", path, "1G"],
        check=True,
    )
    sender, name, data = uploader(), fresh(".qcow2"), path.read_bytes()
    begun = sender.begin(name, len(data))
    status, said = sender.put(begun, data)
    assert (status, said["state"], said["problem"]) == (422, "refused", "backing")
    assert backing in sender.show(begun)["sentence"]
    assert name not in volumes(lab)
    assert audited(name) == ["backing"]
    assert sender.begin(name, len(data), is_trusted="on")["problem"] == "denied"


def test_an_administrator_of_the_storage_may_say_so(uploader: Enter, tmp_path: Path) -> None:
    path = tmp_path / "top.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "b", "-F", "raw", path, "1G"]
    subprocess.run(command, check=True)
    sender, data = uploader("sam", "storage-admin"), path.read_bytes()
    begun = sender.begin(fresh(".qcow2"), len(data), is_trusted="on")
    assert sender.put(begun, data)[1]["state"] == "done"
    assert "b" in " ".join(sender.show(begun)["notes"])


def test_a_raw_file_that_looks_like_qcow2_is_noted(uploader: Enter, tmp_path: Path) -> None:
    path = tmp_path / "hidden.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1G"], check=True)
    sender, data = uploader(), path.read_bytes()
    begun = sender.begin(fresh(), len(data), format="raw")
    assert sender.put(begun, data)[1]["state"] == "done"
    assert "qcow2" in sender.show(begun)["notes"][0]
    begun = sender.begin(fresh(), 4096, format="qcow2")
    assert sender.put(begun, bytes(4096))[1]["problem"] == "other-format"


def test_a_claim_beyond_the_whole_pool_is_refused(uploader: Enter, tmp_path: Path) -> None:
    path = tmp_path / "huge.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", path, "2P"]
    subprocess.run(command, check=True)
    sender, data = uploader(), path.read_bytes()
    begun = sender.begin(fresh(".qcow2"), len(data))
    assert sender.put(begun, data)[1]["problem"] == "too-large"


def test_a_full_pool_ends_it_and_leaves_nothing(uploader: Enter, lab: LabHost, tiny: Ref) -> None:
    sender, name = uploader(into=tiny), fresh()
    begun = sender.begin(name, 24 * MIB)
    with contextlib.suppress(OSError):  # the answer comes while data still goes
        sender.put(begun, os.urandom(24 * MIB))
    within(10, lambda: sender.show(begun)["state"] == "refused")
    assert "full" in sender.show(begun)["sentence"]
    assert name not in volumes(lab, "tiny")
    assert lab.inside("ls", "/mnt/tiny").strip() == ""
    assert sender.cancel(begun) == 204
    assert not Upload.objects.exists()


def test_a_second_file_of_the_same_name_is_in_the_way(uploader: Enter, lab: LabHost) -> None:
    li, eve, name = uploader("li"), uploader("eve"), fresh()
    assert li.begin(name, 100)["status"] == 200
    assert eve.begin(name, 100)["problem"] == "conflict"
    assert li.begin(name, 200)["problem"] == "conflict"
    assert li.begin(name, 100)["status"] == 200
    there = fresh()
    lab.virsh("vol-create-as", "default", there, "1M")
    assert li.begin(there, 100)["problem"] == "exists"
    assert there in volumes(lab)
    assert image_locks.unfit(li.pool) == {name: "incoming"}


def test_the_middle_of_a_body_goes_past_the_parser_in_whatever_drops_it_comes(
    uploader: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    poured: list[int] = []

    async def counted(*words: Any) -> int:
        poured.append(await straight(*words))
        return poured[-1]

    straight = uploads_wire.pour
    monkeypatch.setattr(uploads_wire, "pour", counted)
    sender, data, name = uploader(), os.urandom(2 * MIB), fresh()
    begun = sender.begin(name, len(data))
    line = sender.start(begun, len(data))
    for at in range(0, len(data), 10_007):
        line.send(data[at : at + 10_007])
    assert b'"done"' in line.getresponse().read()
    assert sender.stored(name, len(data)) == data
    assert sum(poured) > MIB


@pytest.mark.parametrize("is_right", [True, False])
def test_a_checksum_is_of_what_is_stored(uploader: Enter, lab: LabHost, is_right: bool) -> None:
    sender, data, name = uploader(), os.urandom(MIB), fresh()
    digest = hashlib.sha256(data if is_right else b"").hexdigest()
    begun = sender.begin(name, len(data), sha256=digest)
    assert sender.put(begun, data)[1]["state"] == "checking"
    assert image_locks.unfit(sender.pool) == {name: "incoming"}
    job_worker.run.call(str(Upload.objects.get().job))
    said = sender.show(begun)
    assert said["state"] == ("done" if is_right else "refused")
    assert (name in volumes(lab)) is is_right
    if not is_right:
        assert hashlib.sha256(data).hexdigest() in said["sentence"]


def test_giving_up_while_data_flows_leaves_nothing(uploader: Enter, lab: LabHost) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 64 * MIB)
    line = sender.start(begun, 64 * MIB)
    line.send(os.urandom(MIB))
    within(5, lambda: sender.show(begun)["held"])
    assert sender.cancel(begun) == 204
    line.close()
    images.sweep()
    assert name not in volumes(lab)
    assert audited(name) == ["cancelled"]


def test_what_nobody_goes_on_with_for_a_day_is_removed(uploader: Enter, lab: LabHost) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 4 * MIB)
    sender.put(begun, bytes(MIB))
    uploads.sweep()
    assert name in volumes(lab)
    Upload.objects.update(moved_at=timezone.now() - timedelta(days=1, minutes=1))
    uploads.sweep()
    uploads.sweep()
    assert name not in volumes(lab)
    assert not Upload.objects.exists()


def test_a_volume_that_somebody_deleted_meanwhile_ends_it(uploader: Enter, lab: LabHost) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 4 * MIB)
    sender.put(begun, bytes(MIB))
    lab.virsh("vol-delete", name, "default")
    assert sender.put(begun, bytes(MIB), MIB)[0] == 404
    assert sender.show(begun)["state"] == "refused"


def test_a_host_that_dies_meanwhile_costs_one_request(uploader: Enter, lab: LabHost) -> None:
    sender, data, name = uploader(), os.urandom(6 * MIB), fresh()
    begun = sender.begin(name, len(data))
    sender.put(begun, data[: 2 * MIB])
    line = sender.start(begun, 4 * MIB, 2 * MIB)
    line.send(data[2 * MIB : 3 * MIB])
    within(5, lambda: sender.show(begun)["held"])
    lab.kill_libvirtd()
    try:
        within(15, lambda: not sender.show(begun)["held"])
    finally:
        line.close()
        lab.restart_libvirtd()
    said = sender.show(begun)
    assert (said["state"], said["offset"]) == ("moving", 2 * MIB)

    def goes_on() -> bool:
        try:
            return sender.put(begun, data[2 * MIB :], 2 * MIB)[0] == 200
        except OSError:
            return False  # refused while its data still went

    within(20, goes_on)
    assert sender.stored(name, len(data)) == data


@pytest.mark.parametrize(
    ("name", "size"),
    [("-x", 10), ("a/b", 10), ("a\nb", 10), ("..", 10), ("", 10), ("a" * 200, 10), ("ok", 0)],
)
def test_bad_names_and_empty_files_are_told_at_the_field(
    uploader: Enter, name: str, size: int
) -> None:
    said = uploader().begin(name, size)
    assert (said["status"], said["problem"]) == (422, "invalid")
    assert set(said["fields"]) == ({"size"} if size == 0 else {"name"})


def test_what_does_not_fit_is_said_before_anything_is_sent(uploader: Enter) -> None:
    said = uploader().begin(fresh(), 2**50)
    assert (said["status"], said["problem"]) == (409, "quota")
    assert "512 GiB" in said["sentence"]


def test_who_may_not_upload_learns_no_more(uploader: Enter) -> None:
    assert uploader("vic", "viewer").begin("a", 10)["problem"] == "denied"
    assert uploader("out", "").client.post("/storage/here/x/uploads/").status_code == 404


def test_an_examination_that_was_cut_off_comes_again(uploader: Enter) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 1000)
    sender.put(begun, bytes(900))
    long_ago = timezone.now() - timedelta(minutes=5)
    Upload.objects.update(state="checking", offset=1000, moved_at=long_ago)
    uploads_line.sweep()
    assert sender.show(begun)["state"] == "done"
