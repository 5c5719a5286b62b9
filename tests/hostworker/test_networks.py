"""Networks on a real host: who really reaches whom, leases, edits, and what goes wrong."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from kvmweb.core import errors, wire
from kvmweb.core import networks as core
from kvmweb.core.networks import DhcpRange, IpBlock, NetworkSpec, Reservation
from kvmweb.core.records import NetworkRecord
from kvmweb.definitions import network_edits
from kvmweb.definitions.network_updates import Update
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.hostworker.shell import Shell
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab
MAC = "52:54:00:0f:00:{:02x}"


@pytest.fixture(scope="module")
def worker(lab: LabHost, tmp_path_factory: Any) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def heard(worker: WorkerProcess) -> Iterator[Listener]:
    with Listener(worker) as listener:
        yield listener.wait_listed()


def stem_of(number: int, lab: LabHost) -> str:
    """Of a subnet that no other lab on this machine uses."""
    return f"10.{100 + number}.{lab.number}"


def spec_of(lab: LabHost, number: int, mode: str = core.NAT, name: str = "") -> NetworkSpec:
    stem = stem_of(number, lab)
    block = IpBlock(f"{stem}.1", 24, (DhcpRange(f"{stem}.100", f"{stem}.120"),))
    return NetworkSpec(
        name=name or f"net{number}", mode=mode, bridge=f"kvnet{number}", ips=(block,)
    )


@pytest.fixture
def make(
    worker: WorkerProcess, heard: Listener, lab: LabHost
) -> Iterator[Callable[[NetworkSpec], str]]:
    """Define and start networks; all are gone after the test."""
    made: list[str] = []

    def define(spec: NetworkSpec) -> str:
        answer = worker.call(
            "network.define", spec=wire.to_plain(spec), start=True, autostart=False
        )
        made.append(answer["uuid"])
        known = heard.mirror["network"]
        wait_for(lambda: known.get(answer["uuid"], {}).get("is_active") is True, 5, "not mirrored")
        return str(answer["uuid"])

    yield define
    for uuid in made:
        lab.virsh("net-destroy", uuid, check=False)
        lab.virsh("net-undefine", uuid, check=False)


def record(heard: Listener, uuid: str) -> NetworkRecord:
    return wire.from_plain(NetworkRecord, heard.mirror["network"][uuid])


def interface(network: str, number: int) -> str:
    return (
        f"<interface type='network'><mac address='{MAC.format(number)}'/>"
        f"<source network='{network}'/><model type='virtio'/></interface>"
    )


def boot(lab: LabHost, busybox_guest: Any, heard: Listener, network: str, number: int) -> str:
    """A guest on this network alone, with a lease."""
    uuid = busybox_guest(f"on-{network}", booted=True, network="", extra=interface(network, number))
    heard.wait_state(uuid, "running", 10)
    return str(uuid)


def address(shell: Shell) -> str:
    """What DHCP gave the guest; it is asked for here, so that nothing has to be waited for."""
    shell.run("udhcpc -q -n -i eth0 -s /etc/udhcpc.script -t 8 -T 2 -x hostname:$(hostname)", 40)
    _, seen = shell.run("ip -4 -o addr show eth0")
    return next(word for word in seen.split() if "/" in word and word[0].isdigit()).split("/")[0]


def host_reaches(lab: LabHost, ip: str) -> bool:
    """A closed port answers at once; nobody there is silence."""
    code = (
        "import socket,sys\n"
        "s=socket.socket(); s.settimeout(4)\n"
        "try: s.connect((sys.argv[1], 9))\n"
        "except ConnectionRefusedError: print('there')\n"
        "except OSError: pass"
    )
    return "there" in lab.inside("python3", "-c", code, ip, check=False)


@pytest.fixture
def shell_on(
    worker: WorkerProcess, heard: Listener, lab: LabHost, busybox_guest: Any
) -> Iterator[Callable[[str, int], Shell]]:
    opened: list[Shell] = []

    def enter(network: str, number: int) -> Shell:
        opened.append(Shell(worker, boot(lab, busybox_guest, heard, network, number)))
        return opened[-1]

    yield enter
    for shell in opened:
        shell.close()


@pytest.mark.parametrize(
    ("mode", "number", "gets_out"),
    [(core.NAT, 1, True), (core.ROUTE, 2, False), (core.ISOLATED, 3, False)],
)
def test_packets_go_where_the_picture_says(
    mode: str, number: int, gets_out: bool, make: Any, shell_on: Any, lab: LabHost, heard: Listener
) -> None:
    uuid = make(spec_of(lab, number, mode))
    shell = shell_on(f"net{number}", number)
    mine = address(shell)
    assert mine.startswith(f"{stem_of(number, lab)}.1")
    assert shell.reaches(f"{stem_of(number, lab)}.1"), "a guest reaches its host"
    assert host_reaches(lab, mine), "the host reaches a guest"
    outside = f"10.77.{lab.number}.254"
    assert shell.reaches(outside) is gets_out
    if mode == core.ROUTE:  # it goes out with its own address; the outside needs a route back
        subprocess.run(
            ["ip", "route", "add", f"{stem_of(number, lab)}.0/24", "via", lab.address], check=True
        )
        assert shell.reaches(outside)
    wait_for(lambda: bool(record(heard, uuid).leases), 30, "no lease in the mirror")
    (lease,) = record(heard, uuid).leases
    assert (lease.ip, lease.mac) == (mine, MAC.format(number))
    assert lease.hostname == f"on-net{number}"
    assert lease.expires_at > time.time()


def test_an_open_network_starts_too(make: Any, heard: Listener, lab: LabHost) -> None:
    uuid = make(spec_of(lab, 4, core.OPEN))
    assert record(heard, uuid).is_active
    assert record(heard, uuid).spec.mode == core.OPEN


def test_a_lease_becomes_a_reservation_at_once(
    worker: WorkerProcess, make: Any, heard: Listener, lab: LabHost
) -> None:
    uuid = make(spec_of(lab, 5))
    kept = Reservation(f"{stem_of(5, lab)}.7", MAC.format(5), "five")
    step = Update("add", "ip-dhcp-host", 0, network_edits.reservation(kept))
    seen = record(heard, uuid).definition_hash
    worker.call("network.amend", uuid=uuid, steps=[wire.to_plain(step)], definition_hash=seen)
    wait_for(lambda: record(heard, uuid).spec.reservations == (kept,), 5, "not reserved")
    assert f"{stem_of(5, lab)}.7" in lab.inside("cat", "/var/lib/libvirt/dnsmasq/net5.hostsfile")
    assert record(heard, uuid).stored is None, "it works now and from now on"
    with pytest.raises(errors.Conflict):
        worker.call("network.amend", uuid=uuid, steps=[wire.to_plain(step)], definition_hash=seen)


def test_an_edit_works_at_once_where_it_can_and_says_what_waits(
    worker: WorkerProcess, make: Any, heard: Listener, lab: LabHost
) -> None:
    spec = spec_of(lab, 6)
    uuid = make(spec)
    block = replace(
        spec.ips[0], ranges=(DhcpRange(f"{stem_of(6, lab)}.50", f"{stem_of(6, lab)}.60"),)
    )
    wanted = replace(spec, ips=(block,), mtu=1400)
    seen = record(heard, uuid).definition_hash
    answer = worker.call(
        "network.edit", uuid=uuid, spec=wire.to_plain(wanted), definition_hash=seen
    )
    assert answer == {"live": True, "pending": True}
    wait_for(lambda: record(heard, uuid).stored is not None, 5, "nothing waits")
    wait_for(lambda: record(heard, uuid).spec.ips == (block,), 5, "the range is as it was")
    assert (record(heard, uuid).spec.mtu, record(heard, uuid).stored.mtu) == (0, 1400)  # type: ignore[union-attr]
    with pytest.raises(errors.Conflict):
        worker.call("network.edit", uuid=uuid, spec=wire.to_plain(spec), definition_hash=seen)
    worker.call("network.restart", uuid=uuid, guests={})
    wait_for(lambda: record(heard, uuid).spec.mtu == 1400, 5, "not restarted")
    assert record(heard, uuid).stored is None


def test_a_subnet_that_is_taken_is_refused_and_leaves_nothing_behind(
    worker: WorkerProcess, make: Any, lab: LabHost
) -> None:
    make(spec_of(lab, 7))
    twin = replace(spec_of(lab, 7, name="twin"), bridge="kvtwin")
    with pytest.raises(errors.Overlap):
        worker.call("network.define", spec=wire.to_plain(twin), start=True, autostart=True)
    assert "twin" not in lab.virsh("net-list", "--all", "--name")


def test_guests_of_a_restarted_network_are_named_and_plugged_in_again(
    worker: WorkerProcess, make: Any, shell_on: Any, lab: LabHost, heard: Listener
) -> None:
    uuid = make(spec_of(lab, 8))
    shell = shell_on("net8", 8)
    guest = shell.uuid
    assert address(shell)

    def is_unplugged() -> bool:
        return bool(heard.guest(guest)["interfaces"][0]["is_unplugged"])

    time.sleep(1)
    assert not is_unplugged()
    lab.virsh("net-destroy", "net8")
    wait_for(is_unplugged, 10, "nobody noticed that the network stopped")
    lab.virsh("net-start", "net8")
    time.sleep(3)
    assert is_unplugged(), "starting it plugs nobody in"
    assert not shell.reaches(f"{stem_of(8, lab)}.1")
    worker.call("network.reattach", uuid=uuid, guests={guest: [MAC.format(8)]})
    wait_for(lambda: not is_unplugged(), 5, "still unplugged")
    wait_for(lambda: shell.reaches(f"{stem_of(8, lab)}.1"), 30, "no packets get through")
    assert "kvmweb-detour" not in lab.virsh("net-list", "--all", "--name")
    assert not any("detour" in it["name"] for it in heard.mirror["network"].values())


def test_a_restart_of_a_network_keeps_its_guests(
    worker: WorkerProcess, make: Any, shell_on: Any, heard: Listener, lab: LabHost
) -> None:
    uuid = make(spec_of(lab, 9))
    shell = shell_on("net9", 9)
    assert address(shell)
    worker.call("network.restart", uuid=uuid, guests={shell.uuid: [MAC.format(9)]})
    wait_for(lambda: shell.reaches(f"{stem_of(9, lab)}.1"), 30, "no packets get through")


def test_a_dhcp_server_that_died_is_noticed_and_started_again(
    worker: WorkerProcess, make: Any, lab: LabHost, heard: Listener
) -> None:
    uuid = make(spec_of(lab, 10))
    lab.inside("sh", "-c", "kill -9 $(cat /run/libvirt/network/net10.pid)")
    wait_for(lambda: record(heard, uuid).is_dhcp_silent, 30, "nobody noticed")
    worker.call("network.restart_dhcp", uuid=uuid)
    wait_for(lambda: not record(heard, uuid).is_dhcp_silent, 30, "still silent")
    lab.inside("sh", "-c", "kill -0 $(cat /run/libvirt/network/net10.pid)")


def test_the_interfaces_of_the_host_are_mirrored(heard: Listener, lab: LabHost) -> None:
    found = {it["name"]: it for it in heard.mirror["interface"].values()}
    assert found["eth0"]["addresses"] == [f"{lab.address}/24"]
    assert found["virbr0"]["type"] == "bridge"
    assert "lo" not in found


def test_every_network_filter_is_mirrored(heard: Listener) -> None:
    found = {it["name"]: it for it in heard.mirror["nwfilter"].values()}
    assert "no-mac-spoofing" in found["clean-traffic"]["parts"]
    assert ["drop", "in", "arp"] not in found["clean-traffic"]["rules"]


def test_a_filter_stands_before_an_interface_now_and_after_the_next_start(
    worker: WorkerProcess, lab: LabHost, busybox_guest: Any, heard: Listener
) -> None:
    uuid = busybox_guest("filtered", start=True, network="", extra=interface("default", 77))
    heard.wait_state(uuid, "running", 10)

    def filter_() -> str:
        return str(heard.guest(uuid)["interfaces"][0]["filter"])

    worker.call("guest.filter", uuid=uuid, mac=MAC.format(77), filter_name="clean-traffic")
    wait_for(lambda: filter_() == "clean-traffic", 5, "not assigned")
    assert "clean-traffic" in lab.virsh("dumpxml", "--inactive", uuid)
    worker.call("guest.filter", uuid=uuid, mac=MAC.format(77), filter_name="")
    wait_for(lambda: filter_() == "", 5, "not taken away")
    with pytest.raises(errors.NotFound):
        worker.call("guest.filter", uuid=uuid, mac=MAC.format(77), filter_name="none-such")
