"""Bridges by NetworkManager, netplan and libvirt: what each would do, and what it would undo.

netplan's own generator reads what we write; NetworkManager itself is asked in the worker's tests.
libvirt's netcf runs nowhere any more: its lines are held as they are.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from kvmweb.hypervisor import bridge_netplan, bridge_nm
from kvmweb.hypervisor.bridge_libvirt import Driver
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Plan, Wish
from tests.lab import packages
from tests.lab.host import LabError

UBUNTU = """\
network:
  version: 2
  ethernets:
    uplink:
      match: {macaddress: "52:54:00:00:00:01"}
      set-name: eth0
      addresses: [192.0.2.5/24]
      routes: [{to: default, via: 192.0.2.1}]
      nameservers: {addresses: [192.0.2.1]}
      mtu: 9000
    eth1:
      dhcp4: true
"""
NMCLI = """\
#!/bin/sh
case "$*" in
  *RUNNING*) echo running ;;
  *"NAME connection show") echo "Wired connection 1" ;;
  *"DEVICE,UUID connection show --active") echo eth0:11111111-aaaa; echo br0:22222222-bbbb ;;
  *"DEVICE,STATE device"*) echo eth0:connected; echo virbr0:unmanaged ;;
  *"connection show 11111111-aaaa") printf 'ipv4.method:manual\\nipv4.addresses:192.0.2.5/24\\n'
    printf 'ipv4.gateway:192.0.2.1\\nipv4.dns:\\nipv6.method:auto\\n' ;;
  *"connection show 22222222-bbbb") printf 'ipv4.method:auto\\n' ;;
  *) exit 2 ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A file system of a host, and an nmcli that answers for it."""
    root = tmp_path / "root"
    programs = root / "usr/bin"
    programs.mkdir(parents=True)
    (programs / "nmcli").write_text(NMCLI)
    (programs / "nmcli").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (root / "etc/netplan").mkdir(parents=True)
    (root / "etc/netplan/50-installer.yaml").write_text(UBUNTU)
    card = root / "sys/class/net/eth0"
    card.mkdir(parents=True)
    (card / "address").write_text("52:54:00:00:00:01\n")
    return Place(root)


def written(place: Place, plan: Plan) -> None:
    for path, text in plan.files.items():
        if text is None:
            place.path(path).unlink()
        else:
            place.path(path).write_text(text)
            place.path(path).chmod(0o600)


def read(place: Place, name: str) -> dict[str, object]:
    found = yaml.safe_load(place.text(f"/etc/netplan/{name}"))
    return dict(found["network"])


def test_netplan_moves_addresses_to_the_bridge_and_nothing_else(place: Place) -> None:
    assert bridge_netplan.held(place) == {"eth0", "eth1"}
    plan = bridge_netplan.plan(place, Wish("create", "br0", "eth0"))
    written(place, plan)
    old, new = read(place, "50-installer.yaml"), read(place, "90-kvmweb-br0.yaml")
    uplink = old["ethernets"]["uplink"]  # type: ignore[index]
    assert uplink["mtu"] == 9000
    assert uplink["dhcp4"] is False
    assert "addresses" not in uplink
    bridge = new["bridges"]["br0"]  # type: ignore[index]
    assert bridge["interfaces"] == ["uplink"]
    assert bridge["addresses"] == ["192.0.2.5/24"]
    assert bridge["routes"] == [{"to": "default", "via": "192.0.2.1"}]
    assert plan.after[-1] == plan.back_after[-1] == "netplan apply"


def test_netplan_attaches_detaches_and_deletes(place: Place) -> None:
    written(place, bridge_netplan.plan(place, Wish("create", "br0", "eth0")))
    written(place, bridge_netplan.plan(place, Wish("attach", "br0", "eth1")))
    new = read(place, "90-kvmweb-br0.yaml")
    assert new["bridges"]["br0"]["interfaces"] == ["uplink", "eth1"]  # type: ignore[index]
    written(place, bridge_netplan.plan(place, Wish("detach", "br0", "eth1")))
    written(place, bridge_netplan.plan(place, Wish("delete", "br0", ports=("eth0",))))
    assert not place.path("/etc/netplan/90-kvmweb-br0.yaml").exists()
    uplink = read(place, "50-installer.yaml")["ethernets"]["uplink"]  # type: ignore[index]
    assert uplink == yaml.safe_load(UBUNTU)["network"]["ethernets"]["uplink"]


def test_netplans_own_generator_takes_what_is_written(place: Place) -> None:
    try:
        folder = packages.unpacked("netplan.io", "libnetplan0")
    except LabError as error:
        pytest.skip(str(error))
    written(place, bridge_netplan.plan(place, Wish("create", "br0", "eth0")))
    written(place, bridge_netplan.plan(place, Wish("attach", "br0", "eth1")))
    generator = folder / "usr/libexec/netplan/generate"
    libraries = {"LD_LIBRARY_PATH": str(next(folder.glob("usr/lib/*-linux-gnu")))}
    done = subprocess.run(
        [generator, "--root-dir", place.root], capture_output=True, text=True, env=libraries,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = {it.name: it.read_text() for it in place.root.glob("run/systemd/network/*")}
    assert "Kind=bridge" in made["10-netplan-br0.netdev"]
    assert "Address=192.0.2.5/24" in made["10-netplan-br0.network"]
    assert "Bridge=br0" in made["10-netplan-uplink.network"]
    assert "Bridge=br0" in made["10-netplan-eth1.network"]


def test_networkmanager_is_at_boot_as_before_until_it_is_kept(place: Place) -> None:
    assert bridge_nm.is_there(place)
    assert bridge_nm.held(place) == {"eth0"}
    plan = bridge_nm.plan(place, Wish("create", "br0", "eth0"))
    bridge, port = (shlex.split(line) for line in plan.after[:2])
    settings = dict(zip(bridge[3::2], bridge[4::2], strict=False))
    assert settings["ipv4.addresses"] == "192.0.2.5/24"
    assert settings["ipv4.method"] == "manual"
    assert "ipv4.dns" not in settings
    assert settings["autoconnect"] == dict(zip(port[3::2], port[4::2], strict=False))["autoconnect"]
    assert settings["autoconnect"] == "no"
    assert plan.back_after[-1].endswith("connection up 11111111-aaaa")
    old = "nmcli connection modify 11111111-aaaa connection.autoconnect no || true"
    assert plan.kept[-1] == old
    assert not plan.files


def test_networkmanager_gives_the_settings_back_when_a_bridge_is_deleted(place: Place) -> None:
    plan = bridge_nm.plan(place, Wish("delete", "br0", ports=("eth0",)))
    assert "ipv4.method auto" in plan.after[0]
    assert "ifname eth0" in plan.after[0]
    assert plan.kept[-1] == "nmcli connection delete 22222222-bbbb 11111111-aaaa"
    assert [line.split()[-1] for line in plan.back_after] == [
        "kvmweb-eth0", "22222222-bbbb", "11111111-aaaa",
    ]  # fmt: skip


def test_libvirts_transaction_is_begun_committed_and_rolled_back(place: Place) -> None:
    driver = Driver("test:///default", is_offered=True)
    assert driver.held(place) == {"eth1"}
    plan = driver.plan(place, Wish("create", "br0", "eth1"))
    begin, back, keep = plan.before[0], plan.back_before[0], plan.kept[0]
    for end, said in ((back, "rolled back"), (keep, "committed")):
        words = "; ".join(line.split("test:///default ")[1] for line in (begin, end))
        told = subprocess.run(
            ["virsh", "-c", "test:///default", words], capture_output=True, text=True, check=True
        )
        assert said in told.stdout
    assert not Driver("test:///default", is_offered=False).is_there(place)
