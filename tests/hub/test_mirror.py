"""The writer: no difference, no noise; what differs is written once and told once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from kvmweb.core import refs, topics
from kvmweb.core.records import GuestState
from kvmweb.core.topics import Notice
from kvmweb.hub import mirror
from kvmweb.hub.mirror import LeaseLost, Writer
from kvmweb.inventory.models import (
    Guest,
    GuestDefinition,
    GuestHistory,
    HostMirror,
    HostPart,
    Network,
    Pool,
    Revision,
)
from tests.hub import plain

pytestmark = pytest.mark.django_db


@pytest.fixture
def writer() -> Writer:
    opened = Writer("east", "token")
    opened.open()
    return opened


def the_guest(number: int = 1) -> Guest:
    return Guest.objects.get(host="east", uuid=plain.uuid(number))


def on(notices: list[Notice], topic: str) -> list[Notice]:
    return [notice for notice in notices if notice.topic == topic]


def test_a_new_guest_is_written_with_its_columns_and_told_on_the_list(writer: Writer) -> None:
    notices = writer.apply([plain.guest(1, name="Straße", tags=("web", "a|b"), xml="<domain>1")])
    row = the_guest()
    assert (row.name, row.name_fold, row.tags) == ("Straße", "strasse", "|web|a b|")
    assert (row.rev, row.is_gone, "xml" in row.record) == (Revision.current(), False, False)
    assert GuestDefinition.objects.get(guest=row).xml == "<domain>1"
    assert on(notices, topics.GUESTS) == [Notice("guests", str(row.ref), row.rev)]


def test_what_the_next_start_brings_is_kept_only_where_it_is_another(writer: Writer) -> None:
    for stored, kept in (("<domain>2", "<domain>2"), ("<domain>1", ""), ("", "")):
        writer.apply([plain.guest(1, xml="<domain>1", stored_xml=stored)])
        definition = GuestDefinition.objects.get(guest=the_guest())
        assert (definition.xml, definition.stored_xml) == ("<domain>1", kept)
    assert "stored_xml" not in the_guest().record


def test_the_same_record_again_is_no_noise(writer: Writer) -> None:
    messages = [plain.guest(1), plain.pool(1), plain.network(1), plain.listed(1), plain.link("up")]
    writer.apply(messages)
    before = Revision.current()
    assert writer.apply(messages) == []
    assert Revision.current() == before


def test_every_field_of_a_record_makes_a_difference(writer: Writer) -> None:
    writer.apply([plain.guest(1)])
    for change in ({"title": "x"}, {"xml": "<domain>2"}, {"snapshots": 3}, {"reason": "booted"}):
        before = Revision.current()
        writer.apply([plain.guest(1, **change)])
        assert Revision.current() == before + 1, change


def test_one_batch_is_one_revision(writer: Writer) -> None:
    writer.apply([plain.guest(n) for n in range(5)] + [plain.pool(1), plain.network(1)])
    assert Revision.current() == 1
    assert (Pool.objects.get().rev, Network.objects.get().rev) == (1, 1)


def test_a_change_is_told_on_the_list_and_to_the_page_of_the_guest(writer: Writer) -> None:
    writer.apply([plain.guest(1)])
    notices = writer.apply([plain.guest(1, title="new")])
    ref = the_guest().ref
    assert {n.topic for n in notices} == {topics.GUESTS, topics.of(ref)}
    assert {(n.ref, n.rev) for n in notices} == {(str(ref), 2)}


def test_gone_stays_as_a_row_and_comes_back(writer: Writer) -> None:
    writer.apply([plain.guest(1)])
    notices = writer.apply([plain.gone(1)])
    assert (the_guest().is_gone, the_guest().rev) == (True, 2)
    assert len(on(notices, topics.GUESTS)) == 1
    assert writer.apply([plain.gone(1)]) == []
    writer.apply([plain.guest(1)])
    assert (the_guest().is_gone, the_guest().rev) == (False, 3)
    assert Guest.objects.count() == 1


def test_what_a_listing_does_not_name_is_gone_on_this_host_only(writer: Writer) -> None:
    other = Writer("west", "token")
    other.open()
    other.apply([plain.guest(1)])
    writer.apply([plain.guest(1), plain.guest(2)])
    writer.apply([plain.listed(2)])
    gone = Guest.objects.filter(is_gone=True).values_list("host", "uuid")
    assert list(gone) == [("east", plain.uuid(1))]


def test_many_changes_are_one_notice_for_the_list(writer: Writer) -> None:
    notices = writer.apply([plain.guest(n) for n in range(mirror.MANY + 1)])
    assert notices == [Notice(topics.GUESTS, "", 1)]
    notices = writer.apply([plain.guest(n, title="x") for n in range(mirror.MANY + 1)])
    assert on(notices, topics.GUESTS) == [Notice(topics.GUESTS, "", 2)]
    assert len(notices) == mirror.MANY + 2, "open pages of these guests are told one by one"


def test_running_since_is_the_process_else_the_event_else_now(writer: Writer) -> None:
    began = time.time() - 100
    running = GuestState.RUNNING
    writer.apply([plain.guest(1, state=running, started_at=began, event_at=began + 50)])
    writer.apply([plain.guest(2, state=running, event_at=began)])
    before = timezone.now()
    writer.apply([plain.guest(3, state=running)])
    assert the_guest(1).running_since == datetime.fromtimestamp(began, UTC)
    assert the_guest(2).running_since == datetime.fromtimestamp(began, UTC)
    assert (the_guest(3).running_since or before) >= before


def test_running_since_survives_a_pause_and_ends_with_the_process(writer: Writer) -> None:
    writer.apply([plain.guest(1, state=GuestState.RUNNING, event_at=1000.0)])
    writer.apply([plain.guest(1, state=GuestState.PAUSED, event_at=2000.0)])
    assert the_guest().running_since == datetime.fromtimestamp(1000, UTC)
    writer.apply([plain.samples(1)])
    writer.apply([plain.guest(1, state=GuestState.SHUT_OFF)])
    row = the_guest()
    assert (row.running_since, row.cpu, row.memory_used) == (None, None, None)
    assert not GuestHistory.objects.exists()


def test_samples_write_figures_and_history_without_a_revision(writer: Writer) -> None:
    writer.apply([plain.guest(n, state=GuestState.RUNNING) for n in (1, 2)] + [plain.link("up")])
    before = Revision.current()
    for cpu in (10.0, 20.0):
        assert writer.apply([plain.samples(1, 2, cpu=cpu)]) == [Notice(topics.USE, "host:east")]
    assert Revision.current() == before
    assert (the_guest().cpu, the_guest().memory_used) == (20.0, 50 * 2**20)
    assert [entry[1] for entry in the_guest().history.samples] == [10.0, 20.0]
    host = HostMirror.objects.get()
    assert (host.cpu, len(host.history), host.heard_at is not None) == (20.0, 2, True)


def test_history_keeps_sixty_rounds_also_over_a_new_hub(writer: Writer) -> None:
    writer.apply([plain.guest(1, state=GuestState.RUNNING)])
    for cpu in range(50):
        writer.apply([plain.samples(1, cpu=cpu)])
    successor = Writer("east", "another")
    successor.open()
    for cpu in range(50, 70):
        successor.apply([plain.samples(1, cpu=cpu)])
    assert [entry[1] for entry in the_guest().history.samples] == list(range(10, 70))


def test_a_guest_that_stops_answering_is_told_once(writer: Writer) -> None:
    writer.apply([plain.guest(1, state=GuestState.RUNNING)])
    notices = writer.apply([plain.samples(1, is_answering=False)])
    assert on(notices, topics.GUESTS) == [Notice("guests", str(the_guest().ref), 2)]
    assert (the_guest().is_answering, the_guest().rev) == (False, 2)
    assert on(writer.apply([plain.samples(1, is_answering=False)]), topics.GUESTS) == []
    assert on(writer.apply([plain.samples(1)]), topics.GUESTS) != []


def test_the_link_has_state_reason_and_time_and_rows_stay(writer: Writer) -> None:
    writer.apply([plain.link("up"), plain.guest(1)])
    up_since = HostMirror.objects.get().since
    notices = writer.apply([plain.link("down", "connection reset")])
    row = HostMirror.objects.get()
    assert (row.state, row.reason, row.since > up_since) == ("down", "connection reset", True)
    assert row.heard_at is not None
    assert {n.topic for n in notices} == {"hosts", "host.east"}
    assert not the_guest().is_gone


def test_a_silent_host_stays_silent_until_it_is_up_or_down(writer: Writer) -> None:
    writer.apply([plain.link("silent", "no answer")])
    assert writer.apply([plain.link("connecting")]) == []
    writer.apply([plain.link("up")])
    assert HostMirror.objects.get().state == "up"


def test_a_writer_whose_host_was_taken_over_writes_nothing(writer: Writer) -> None:
    Writer("east", "successor").open()
    with pytest.raises(LeaseLost):
        writer.apply([plain.guest(1)])
    assert not Guest.objects.exists()


def test_a_removed_host_takes_its_rows_along(writer: Writer) -> None:
    writer.apply([plain.guest(1), plain.pool(1)])
    notices = mirror.forget("east")
    kinds = {"guests", "pools", "networks", "interfaces", "nwfilters"}
    assert {n.topic for n in notices} == {"hosts", "host.east"} | kinds
    assert (the_guest().is_gone, Pool.objects.get().is_gone) == (True, True)
    assert mirror.forget("east") == []
    with pytest.raises(LeaseLost):
        writer.apply([plain.guest(2)])


def test_purge_drops_only_what_went_away_long_ago(writer: Writer) -> None:
    writer.apply([plain.guest(1), plain.guest(2), plain.guest(3)])
    writer.apply([plain.gone(1), plain.gone(2)])
    long_ago = timezone.now() - timedelta(hours=2)
    Guest.objects.exclude(uuid=plain.uuid(2)).update(changed_at=long_ago)
    mirror.purge(timezone.now() - timedelta(hours=1))
    assert set(Guest.objects.values_list("uuid", flat=True)) == {plain.uuid(2), plain.uuid(3)}


def test_names_with_markup_or_beyond_a_column_do_no_harm(writer: Writer) -> None:
    names = ['<script>alert("1")</script>', "\u202eevil", "x" * 300]
    writer.apply([plain.guest(n, name=name) for n, name in enumerate(names)])
    assert [row.record["name"] for row in Guest.objects.order_by("uuid")] == names
    assert the_guest(2).name == "x" * 255


def devices(*names: str, at: float = 1_700_000_000.0) -> dict[str, object]:
    record = {"devices": [{"name": name} for name in names]}
    return {"type": "part", "part": "devices", "record": record, "at": at}


def test_a_part_of_a_host_is_one_row_told_on_the_host_alone(writer: Writer) -> None:
    notices = writer.apply([devices("a", "b")])
    row = HostPart.objects.get(host="east", part="devices")
    assert [it["name"] for it in row.record["devices"]] == ["a", "b"]
    assert row.read_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert [notice.topic for notice in notices] == ["host.east"]
    assert notices[0].rev == Revision.current()


def test_a_part_that_is_as_it_was_makes_no_noise(writer: Writer) -> None:
    writer.apply([devices("a")])
    before = Revision.current()
    assert writer.apply([devices("a", at=1_700_000_300.0)]) == []
    assert Revision.current() == before
    row = HostPart.objects.get()
    assert row.read_at == datetime.fromtimestamp(1_700_000_300, UTC)


def test_of_two_readings_in_one_breath_the_last_counts(writer: Writer) -> None:
    writer.apply([devices("a"), devices("b")])
    assert HostPart.objects.get().record == {"devices": [{"name": "b"}]}


def test_parts_of_a_host_that_was_removed_are_forgotten(writer: Writer) -> None:
    writer.apply([devices("a")])
    mirror.forget("east")
    assert not HostPart.objects.exists()


def test_a_look_is_told_to_its_own_readers_and_changes_nothing(writer: Writer) -> None:
    before = Revision.current()
    volume = refs.volume("east", plain.uuid(1), "disk")
    told = writer.apply([{"type": "look", "id": volume.id}, {"type": "look", "id": volume.id}])
    assert [(it.topic, it.ref) for it in told] == [
        (f"looks.{volume.host}", str(volume)),
        (f"look.{volume.host}.{volume.id}", str(volume)),
    ]
    assert Revision.current() == before
