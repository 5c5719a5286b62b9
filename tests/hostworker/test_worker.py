"""The worker against libvirt's test driver: protocol, records, faults of the callers."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
import uuid as uuids

import pytest

from kvmweb.core import errors, wire
from kvmweb.core.records import GuestRecord, HostRecord, NetworkRecord, PoolRecord
from tests.hostworker.process import Listener, WorkerProcess, wait_for

GUEST = "6695eb01-f6a4-8304-79aa-97f2502e193f"


def test_subscription_begins_with_link_host_and_everything(demo):
    _, heard = demo
    assert heard.links[-1][1] == "up"
    assert wire.from_plain(HostRecord, heard.host).driver == "TEST"
    record = wire.from_plain(GuestRecord, heard.guest(GUEST))
    assert (record.name, record.state, record.virt_type) == ("test", "running", "test")
    (pool,) = heard.mirror["pool"].values()
    assert wire.from_plain(PoolRecord, pool).path == "/default-pool"
    (network,) = heard.mirror["network"].values()
    assert wire.from_plain(NetworkRecord, network).subnets == ("192.168.122.0/24",)


def test_what_the_driver_only_pretends_is_not_offered(demo):
    _, heard = demo
    offered = heard.host["capabilities"]
    assert offered["guest.start"]
    assert not offered["guest.sendkeys"]
    assert not offered["guest.open_serial"]
    assert not offered["guest.open_screen"]


def test_second_subscriber_gets_everything_at_once(demo):
    worker, _ = demo
    with Listener(worker) as other:
        other.wait_listed(2)
        assert other.guest(GUEST)["name"] == "test"


@pytest.mark.parametrize(
    ("verbs", "state"),
    [
        (["guest.destroy", "guest.destroy"], "shut-off"),
        (["guest.destroy", "guest.start", "guest.start"], "running"),
        (["guest.suspend", "guest.suspend"], "paused"),
        (["guest.suspend", "guest.resume", "guest.resume"], "running"),
        (["guest.shutdown", "guest.shutdown"], "shut-off"),
    ],
)
def test_power_verbs_are_idempotent(demo, verbs, state):
    worker, heard = demo
    effects = [worker.call(verb, uuid=GUEST)["changed"] for verb in verbs]
    again = [verb in verbs[:order] for order, verb in enumerate(verbs)]
    assert effects == [not was_done for was_done in again]
    heard.wait_state(GUEST, state, 3)


def test_save_and_discard_show_in_the_record(demo):
    worker, heard = demo
    worker.call("guest.save", uuid=GUEST)
    assert heard.wait_state(GUEST, "shut-off", 3)["has_saved_state"]
    worker.call("guest.discard_saved", uuid=GUEST)
    wait_for(lambda: not heard.guest(GUEST)["has_saved_state"], 3, "still saved")
    worker.call("guest.discard_saved", uuid=GUEST)


def test_event_carries_the_time_of_the_callback(demo):
    worker, heard = demo
    heard.frames.clear()
    before = time.time()
    worker.call("guest.destroy", uuid=GUEST)
    heard.wait_state(GUEST, "shut-off", 3)
    arrived, frame = next(entry for entry in heard.frames if entry[1]["type"] == "guest")
    assert before <= frame["event_at"] <= arrived


def test_started_at_is_the_start_event_where_there_is_no_process(demo):
    worker, heard = demo
    assert heard.guest(GUEST)["started_at"] is None
    worker.call("guest.destroy", uuid=GUEST)
    before = time.time()
    worker.call("guest.start", uuid=GUEST)
    wait_for(lambda: heard.guest(GUEST)["started_at"], 3, "no start was heard")
    assert before <= heard.guest(GUEST)["started_at"] <= time.time()


def test_description_and_tags_live_in_the_definition(demo):
    worker, heard = demo
    worker.call(
        "guest.describe", uuid=GUEST, title="Web", description="a\nb", tags=["web", "北京", "web"]
    )
    wait_for(lambda: heard.guest(GUEST)["tags"] == ["web", "北京"], 3, "no tags")
    assert heard.guest(GUEST)["title"] == "Web"
    assert heard.guest(GUEST)["description"] == "a\nb"
    assert "kvmweb.org/xmlns/1" in heard.guest(GUEST)["xml"]
    worker.call("guest.describe", uuid=GUEST, title="", description="", tags=[])
    wait_for(lambda: heard.guest(GUEST)["tags"] == [], 3, "tags stay")
    assert heard.guest(GUEST)["title"] == ""


def test_description_of_a_definition_that_changed_is_a_conflict(demo):
    worker, heard = demo
    seen = heard.guest(GUEST)["definition_hash"]
    worker.call("guest.describe", uuid=GUEST, title="first", definition_hash=seen)
    with pytest.raises(errors.Conflict):
        worker.call("guest.describe", uuid=GUEST, title="second", definition_hash=seen)
    wait_for(lambda: heard.guest(GUEST)["title"] == "first", 3, "lost")


def test_autostart_has_no_event_and_shows_all_the_same(demo):
    worker, heard = demo
    worker.call("guest.autostart", uuid=GUEST, enabled=True)
    wait_for(lambda: heard.guest(GUEST)["has_autostart"], 2, "no autostart")


def test_screenshot_is_a_file_at_its_start(demo):
    from kvmweb.hostlink import client

    worker, _ = demo
    image, value = client.take_file(
        "here", "guest.screenshot", directory=worker.directory, uuid=GUEST
    )
    with image:
        assert image.read(4) == b"\x89PNG"
    assert value["mime"] == "image/png"


def test_console_of_the_test_driver_is_refused_in_words(demo):
    worker, _ = demo
    with pytest.raises(errors.NotFound):
        worker.take("guest.open_serial", uuid=GUEST, alias="serial0")


def test_samples_arrive_every_other_second(demo):
    _, heard = demo
    wait_for(lambda: heard.samples.get(GUEST, {}).get("cpu") is not None, 6, "no sample")
    assert 0 <= heard.samples[GUEST]["cpu"] <= 100
    assert heard.samples[GUEST]["is_answering"]
    assert heard.host_sample["guests_running"] == 1


@pytest.mark.parametrize(
    ("verb", "args", "problem"),
    [
        ("guest.fly", {"uuid": GUEST}, errors.Invalid),
        ("guest.start", {}, errors.Invalid),
        ("guest.start", {"uuid": "../etc"}, errors.Invalid),
        ("guest.start", {"uuid": GUEST, "emulator": "/bin/sh"}, errors.Invalid),
        ("guest.start", {"uuid": str(uuids.uuid4())}, errors.NotFound),
        ("guest.shutdown", {"uuid": GUEST, "mode": "axe"}, errors.Invalid),
        ("guest.sendkeys", {"uuid": GUEST, "keycodes": []}, errors.Invalid),
        ("guest.describe", {"uuid": GUEST, "tags": ["x" * 65]}, errors.Invalid),
        ("guest.describe", {"uuid": GUEST, "title": "two\nlines"}, errors.Invalid),
        ("pool.refresh", {"uuid": str(uuids.uuid4())}, errors.NotFound),
    ],
)
def test_bad_request_is_a_problem_and_the_worker_lives(demo, verb, args, problem):
    worker, _ = demo
    with pytest.raises(problem):
        worker.call(verb, **args)
    assert worker.call("host.ping") >= 9_000_000


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x05hello",
        b"\0\0\0\x02[]",
        b'\0\0\0\x0c{"verb": 12}',
        wire.frame({"verb": "guest.start", "args": ["no"]}),
        wire.frame({"verb": "guest.start", "deadline_s": "soon"}),
    ],
)
def test_garbage_costs_its_connection_and_nothing_else(demo, garbage):
    worker, _ = demo
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(worker.path))
        line.sendall(garbage)
        line.shutdown(socket.SHUT_WR)
        line.settimeout(8)
        answer = line.recv(4096)
    assert answer == b"" or b'"problem":"invalid"' in answer
    assert worker.call("host.ping")


def test_twenty_starts_at_once_have_one_effect(demo):
    worker, heard = demo
    worker.call("guest.destroy", uuid=GUEST)
    heard.wait_state(GUEST, "shut-off", 3)
    failures, effects = [], []

    def start() -> None:
        try:
            effects.append(worker.call("guest.start", uuid=GUEST)["changed"])
        except errors.Problem as problem:
            failures.append(problem)

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(effects) == [False] * 19 + [True]
    heard.wait_state(GUEST, "running", 3)


def test_socket_is_for_its_owner_only(demo):
    worker, _ = demo
    assert stat.S_IMODE(os.stat(worker.path).st_mode) == 0o600


def test_worker_ends_with_its_hub(demo):
    worker, heard = demo
    worker.let_go()
    assert worker.process.wait(3) == 0
    assert not worker.path.exists()
    assert heard.ended.wait(3)
    with pytest.raises(errors.HostDown):
        worker.call("host.ping")


def test_second_worker_takes_the_place_of_a_killed_one(start_worker):
    first = start_worker("test:///default")
    first.process.kill()
    first.process.wait(3)
    second = WorkerProcess("test:///default", first.directory).start()
    with second, Listener(second) as heard:
        heard.wait_listed()


def test_host_that_refuses_is_down_with_a_reason(start_worker):
    worker = start_worker("qemu+unix:///system?socket=/nonexistent/libvirt-sock")
    with Listener(worker) as heard:
        heard.wait_link("down", 5)
        assert "/nonexistent" in heard.frames[-1][1]["reason"]
        with pytest.raises(errors.HostDown, match="nonexistent"):
            worker.call("guest.start", uuid=GUEST)
        assert heard.listed == {}


def many_guests(count: int) -> str:
    guests = "".join(
        f"<domain type='test'><name>g{order}</name><uuid>{uuids.UUID(int=order + 1)}</uuid>"
        f"<memory>1048576</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain>"
        for order in range(count)
    )
    return f"<node>{guests}</node>"


def test_ten_thousand_guests_stream_within_seconds(start_worker, tmp_path):
    path = tmp_path / "many.xml"
    path.write_text(many_guests(10_000))
    worker = start_worker(f"test://{path}")
    with Listener(worker) as heard:
        began = time.monotonic()
        wait_for(lambda: len(heard.mirror["guest"]) >= 1, 40, "nothing came")
        first = time.monotonic() - began
        heard.wait_listed(60)  # some 6 s on a quiet machine
        print(f"first of 10,000 after {first:.1f} s, all after {time.monotonic() - began:.1f} s")
        assert len(heard.mirror["guest"]) == 10_000
        began = time.monotonic()
        with Listener(worker) as other:
            other.wait_listed(30)
            assert len(other.mirror["guest"]) == 10_000
        print(f"second listing of 10,000: {time.monotonic() - began:.2f} s")
        victim = str(uuids.UUID(int=5000))
        began = time.monotonic()
        worker.call("guest.destroy", uuid=victim)
        heard.wait_state(victim, "shut-off", 5)
