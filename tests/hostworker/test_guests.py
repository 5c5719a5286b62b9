"""The worker against a real libvirtd with real QEMU guests: records, verbs, screens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmweb.core import errors
from kvmweb.hostlink import client
from tests.hostworker.process import HOST, Listener, WorkerProcess, wait_for

pytestmark = pytest.mark.lab

AGENT = (
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    "<console type='pty'><target type='virtio' port='1'/></console>"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def worker(lab, folder) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, folder) as process:
        yield process


@pytest.fixture(scope="module")
def heard(worker) -> Iterator[Listener]:
    with Listener(worker) as listener:
        yield listener.wait_listed()


def test_host_facts_are_of_the_real_host(heard):
    assert heard.host["driver"] == "QEMU"
    assert heard.host["libvirt_version"].count(".") == 2
    assert heard.host["cpus"] >= 1
    assert heard.host["has_kvm_module"] == Path("/dev/kvm").exists()
    assert heard.host["has_cpu_flags"] in (True, False)
    assert heard.host["capabilities"]["guest.open_screen"]


def test_guest_made_by_virsh_appears_changes_and_goes(lab, heard, busybox_guest):
    uuid = busybox_guest("by-virsh", title="Made by virsh")
    record = heard.wait_state(uuid, "shut-off", 3)
    assert record["title"] == "Made by virsh"
    assert record["firmware"] == "bios"
    assert record["machine"].startswith("pc-q35")
    assert record["has_screen"]
    assert record["memory"] == 96 * 1024**2
    lab.virsh("start", uuid)
    record = heard.wait_state(uuid, "running", 10)
    assert [port["alias"] for port in record["serials"]] == ["serial0"]
    lab.virsh("destroy", uuid)
    heard.wait_state(uuid, "shut-off", 10)
    lab.virsh("undefine", uuid)
    wait_for(lambda: not heard.guest(uuid), 3, "still there")


def test_life_of_a_guest(lab, worker, heard, busybox_guest):
    uuid = busybox_guest("life")
    before = time.time()
    worker.call("guest.start", uuid=uuid, paused=True)
    record = heard.wait_state(uuid, "paused", 5)
    assert before - 2 <= record["started_at"] <= time.time()
    worker.call("guest.resume", uuid=uuid)
    heard.wait_state(uuid, "running", 5)
    worker.call("guest.start", uuid=uuid)
    worker.call("guest.suspend", uuid=uuid)
    heard.wait_state(uuid, "paused", 5)
    worker.call("guest.resume", uuid=uuid)
    worker.call("guest.reset", uuid=uuid)
    worker.call("guest.nmi", uuid=uuid)
    worker.call("guest.sendkeys", uuid=uuid, keycodes=[29, 56, 111])
    worker.call("guest.save", uuid=uuid)
    assert heard.wait_state(uuid, "shut-off", 5)["has_saved_state"]
    worker.call("guest.save", uuid=uuid)
    worker.call("guest.start", uuid=uuid)
    heard.wait_state(uuid, "running", 10)
    # libvirt says "started" first and drops the saved image afterwards.
    wait_for(lambda: not heard.guest(uuid)["has_saved_state"], 5, "its saved state stayed")
    worker.call("guest.destroy", uuid=uuid)
    worker.call("guest.destroy", uuid=uuid)
    assert heard.wait_state(uuid, "shut-off", 5)["started_at"] is None
    with pytest.raises(errors.WrongState) as caught:
        worker.call("guest.suspend", uuid=uuid)
    assert caught.value.context == {"host": HOST, "state": "shut-off", "name": "life"}


def test_shutdown_asks_the_guest(worker, heard, busybox_guest):
    uuid = busybox_guest("obedient", booted=True)
    worker.call("guest.shutdown", uuid=uuid, mode="acpi")
    assert heard.wait_state(uuid, "shut-off", 30)["reason"] == "shutdown"
    with pytest.raises(errors.Problem):
        worker.call("guest.shutdown", uuid=busybox_guest("no-agent", start=True), mode="agent")


def test_address_figures_and_disk_size_arrive(lab, heard, busybox_guest):
    uuid = busybox_guest("busy", booted=True, busy=True, disk=lab.make_disk("busy"))
    wait_for(
        lambda: any(card["addresses"] for card in heard.guest(uuid).get("interfaces", [])),
        45,
        "no address",
    )
    assert heard.guest(uuid)["interfaces"][0]["addresses"][0].startswith("192.168.")
    assert heard.guest(uuid)["disks"][0]["capacity"] == 64 * 1024**2
    sample = heard.samples[uuid]
    assert sample["is_answering"]
    assert 0 <= sample["cpu"] <= 100
    assert sample["memory"] == 96 * 1024**2
    assert sample["memory_used"] > 10 * 1024**2
    assert heard.host_sample["memory_used"] > 0
    assert heard.host_sample["cpu"] is not None


def test_size_of_a_disk_that_is_not_in_use(lab, worker, busybox_guest, tmp_path):
    uuid = busybox_guest("off-disk", disk=lab.make_disk("off", "32M"))
    with WorkerProcess(lab.uri, tmp_path) as fresh, Listener(fresh) as listener:
        wait_for(
            lambda: (
                bool(listener.guest(uuid))
                and listener.guest(uuid)["disks"][0]["capacity"] == 32 * 1024**2
            ),
            10,
            "no size",
        )


def test_pending_changes_show_until_the_next_start(lab, heard, busybox_guest):
    uuid = busybox_guest("pending", start=True, disk=lab.make_disk("pending"), extra=AGENT)
    record = heard.wait_state(uuid, "running", 10)
    assert not record["has_pending_changes"]
    assert record["has_agent_channel"]
    assert not record["is_agent_connected"]
    assert [port["alias"] for port in record["serials"]] == ["serial0", "console1"]
    seen = record["definition_hash"]
    lab.virsh("setvcpus", uuid, "3", "--config", "--maximum")
    wait_for(lambda: heard.guest(uuid)["has_pending_changes"], 25, "not pending")
    assert heard.guest(uuid)["definition_hash"] != seen
    assert heard.guest(uuid)["vcpus_max"] == 1
    lab.virsh("destroy", uuid)
    lab.virsh("start", uuid)
    wait_for(lambda: heard.guest(uuid)["vcpus_max"] == 3, 10, "not applied")
    wait_for(lambda: not heard.guest(uuid)["has_pending_changes"], 5, "still pending")


def test_change_without_an_event_shows_with_the_reconcile(lab, heard, busybox_guest):
    uuid = busybox_guest("quiet")
    heard.wait_state(uuid, "shut-off", 3)
    lab.virsh("autostart", uuid)
    wait_for(lambda: heard.guest(uuid)["has_autostart"], 25, "no autostart")


def test_tags_written_while_running_survive_a_restart(worker, heard, busybox_guest):
    uuid = busybox_guest("tagged", start=True)
    worker.call("guest.describe", uuid=uuid, tags=["db", "prod"], description="line\nline")
    wait_for(lambda: heard.guest(uuid)["tags"] == ["db", "prod"], 5, "no tags")
    assert not heard.guest(uuid)["has_pending_changes"]
    worker.call("guest.destroy", uuid=uuid)
    assert heard.wait_state(uuid, "shut-off", 5)["tags"] == ["db", "prod"]
    worker.call("guest.describe", uuid=uuid, tags=[])
    wait_for(lambda: heard.guest(uuid)["tags"] == [], 5, "tags stay")


def test_guest_with_a_hostile_name_is_one_record(lab, heard, busybox_guest):
    name = "<img src=x onerror=alert(1)>\"'‮"
    uuid = busybox_guest(name, network="default")
    wait_for(lambda: bool(heard.guest(uuid)), 3, "not there")
    assert heard.guest(uuid)["name"] == name


def test_pool_and_network_follow_virsh(lab, worker, heard):
    (pool,) = heard.mirror["pool"].values()
    assert pool["is_active"]
    lab.make_disk("found-by-refresh")
    worker.call("pool.refresh", uuid=pool["uuid"])
    wait_for(
        lambda: (
            heard.mirror["pool"][pool["uuid"]]["volumes"]
            == len(lab.virsh("vol-list", "default").splitlines())
        ),
        3,
        "volumes",
    )
    lab.virsh("pool-destroy", "default")
    wait_for(lambda: not heard.mirror["pool"][pool["uuid"]]["is_active"], 3, "pool active")
    lab.virsh("pool-start", "default")
    wait_for(lambda: heard.mirror["pool"][pool["uuid"]]["is_active"], 3, "pool inactive")
    (network,) = heard.mirror["network"].values()
    assert network["has_dhcp"]
    lab.virsh("net-destroy", "default")
    wait_for(lambda: not heard.mirror["network"][network["uuid"]]["is_active"], 3, "net active")
    lab.virsh("net-start", "default")
    wait_for(lambda: heard.mirror["network"][network["uuid"]]["is_active"], 5, "net inactive")


def test_screen_speaks_rfb_without_a_password(worker, busybox_guest):
    uuid = busybox_guest("screen", start=True, vnc_password="hunter22")
    screen, _ = worker.take("guest.open_screen", uuid=uuid)
    with screen:
        screen.settimeout(5)
        assert screen.recv(12) == b"RFB 003.008\n"
        screen.sendall(b"RFB 003.008\n")
        count = screen.recv(1)[0]
        assert screen.recv(count) == b"\x01"


def test_screenshot_of_the_real_screen(worker, busybox_guest):
    uuid = busybox_guest("shot", start=True)
    image, value = client.take_file(HOST, "guest.screenshot", directory=worker.directory, uuid=uuid)
    with image:
        assert value["mime"] in ("image/png", "image/x-portable-pixmap")
        assert len(image.read()) > 100


def test_secrets_never_leave_the_worker(heard, busybox_guest):
    uuid = busybox_guest("secret", start=True, vnc_password="canary-7")
    assert "canary-7" not in heard.wait_state(uuid, "running", 10)["xml"]


def test_racing_starts_have_one_effect(worker, heard, busybox_guest, run_together: Callable):
    uuid = busybox_guest("race")
    assert run_together([lambda: worker.call("guest.start", uuid=uuid)] * 10) == []
    heard.wait_state(uuid, "running", 10)


@pytest.fixture
def run_together() -> Callable:
    from concurrent.futures import ThreadPoolExecutor

    def run(acts: list) -> list:
        with ThreadPoolExecutor(len(acts)) as threads:
            futures = [threads.submit(act) for act in acts]
            return [problem for problem in (f.exception() for f in futures) if problem]

    return run
