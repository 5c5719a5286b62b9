"""Parts of one file beside each other: in any order, left and gone on with, given up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from kvmweb.core.refs import Ref
from kvmweb.services import images
from kvmweb.store.models import Upload
from tests.lab.host import LabHost
from tests.live.transfers import MIB, Sender, audited, fresh, volumes, within

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]

Enter = Callable[..., Sender]


def test_parts_of_one_file_come_in_any_order_and_at_once(uploader: Enter) -> None:
    sender, data, name = uploader(), os.urandom(6 * MIB), fresh()
    begun = sender.begin(name, len(data))
    line = sender.start(begun, 2 * MIB, until=2 * MIB)
    line.send(data[:MIB])
    within(5, lambda: sender.show(begun)["held"])
    status, said = sender.part(begun, data, 4 * MIB, 6 * MIB)
    assert (status, said["offset"], said["safe"], said["state"]) == (200, 0, 2 * MIB, "moving")
    assert sender.show(begun)["missing"] == [[0, 4 * MIB]]
    assert sender.part(begun, data, MIB, 3 * MIB)[1]["problem"] == "busy"
    assert sender.part(begun, data, 5 * MIB, 6 * MIB)[1]["problem"] == "conflict"
    assert sender.part(begun, data, 2 * MIB, 4 * MIB)[1]["safe"] == 4 * MIB
    line.send(data[MIB : 2 * MIB])
    answer = line.getresponse()
    assert b'"done"' in answer.read()
    assert sender.stored(name, len(data)) == data
    assert audited(name) == ["ok"]


def test_who_left_between_parts_sends_only_what_is_missing(uploader: Enter) -> None:
    sender, data, name = uploader(), os.urandom(6 * MIB), fresh()
    begun = sender.begin(name, len(data))
    sender.part(begun, data, 2 * MIB, 4 * MIB)
    line = sender.start(begun, 2 * MIB, 4 * MIB, until=6 * MIB)
    line.send(data[4 * MIB : 5 * MIB])
    within(5, lambda: sender.show(begun)["held"])
    line.close()
    within(10, lambda: not sender.show(begun)["held"])
    again = sender.begin(name, len(data))
    assert again["missing"][0] == [0, 2 * MIB]
    assert 2 * MIB <= again["safe"] <= 3 * MIB
    for start, end in again["missing"]:
        status, said = sender.part(again, data, start, end)
    assert (status, said["state"]) == (200, "done")
    assert sender.stored(name, len(data)) == data


def test_all_the_rest_in_one_request_forgets_what_lies_behind(uploader: Enter) -> None:
    """Its holes would cut that off."""
    sender, data, name = uploader(), os.urandom(MIB) + bytes(2 * MIB) + os.urandom(MIB), fresh()
    begun = sender.begin(name, len(data))
    sender.part(begun, data, 3 * MIB, 4 * MIB)
    sender.put(begun, data[: 2 * MIB])
    assert sender.show(begun)["missing"] == [[2 * MIB, 4 * MIB]]
    assert sender.put(begun, data[2 * MIB :], 2 * MIB)[1]["state"] == "done"
    assert sender.stored(name, len(data)) == data


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5), (0, MIB + 1)])
def test_a_part_that_is_none_moves_nothing(uploader: Enter, start: int, end: int) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, MIB)
    status, said = sender.put(begun, b"", start, Upload_Until=str(end))
    assert (status, said["problem"], sender.show(begun)["safe"]) == (422, "invalid", 0)


def test_giving_up_ends_every_part(uploader: Enter, lab: LabHost) -> None:
    sender, name = uploader(), fresh()
    begun = sender.begin(name, 64 * MIB)
    lines = [sender.start(begun, MIB, at * MIB, until=(at + 1) * MIB) for at in range(3)]
    for line in lines:
        line.send(os.urandom(1000))
    upload = Upload.objects.get(name=name)
    within(5, lambda: upload.parts.count() == 3)
    assert sender.cancel(begun) == 204
    for line in lines:
        line.close()
    images.sweep()
    assert name not in volumes(lab)
    assert audited(name) == ["cancelled"]


def test_a_full_pool_ends_every_part_and_leaves_nothing(
    uploader: Enter, lab: LabHost, tiny: Ref
) -> None:
    sender, data, name = uploader(into=tiny), os.urandom(8 * MIB), fresh()
    begun = sender.begin(name, 24 * MIB)

    def send(at: int) -> None:
        with contextlib.suppress(OSError):  # the answer comes while data still goes
            sender.put(begun, data, at, Upload_Until=str(at + len(data)))

    with ThreadPoolExecutor(3) as senders:
        list(senders.map(send, (0, 8 * MIB, 16 * MIB)))
    within(10, lambda: sender.show(begun)["state"] == "refused")
    assert "full" in sender.show(begun)["sentence"]

    def is_empty() -> bool:
        images.sweep()  # what was still written to when it was refused goes a moment later
        return not lab.inside("ls", "/mnt/tiny").strip()

    within(10, is_empty)
    assert name not in volumes(lab, "tiny")
