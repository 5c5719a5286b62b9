"""Parts of a real host: read at first, and again when something changed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest

from kvmweb.core import wire
from kvmweb.core.devices import DevicesRecord
from kvmweb.core.errors import Exists, Invalid, NotFound
from kvmweb.core.hosts import HardwareRecord
from kvmweb.core.readiness import Readiness
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab
VALUE = "a-value-that-nobody-may-read"


class Parts:
    def __init__(self, worker: WorkerProcess, heard: Listener) -> None:
        self.worker, self.heard = worker, heard

    def last(self, part: str) -> dict:
        found = [f for _at, f in self.heard.frames if f.get("part") == part]
        return found[-1]["record"] if found else {}

    def count(self, part: str) -> int:
        return sum(f.get("part") == part for _at, f in self.heard.frames)

    def secrets(self) -> dict[str, str]:
        return {it["usage_id"]: it["uuid"] for it in self.last("secrets")["secrets"]}


@pytest.fixture
def parts(lab: LabHost, start_worker: Callable[[str], WorkerProcess]) -> Iterator[Parts]:
    worker = start_worker(lab.uri)
    with Listener(worker) as heard:
        found = Parts(worker, heard)
        names = ("hardware", "readiness", "devices", "secrets")
        wait_for(lambda: all(found.last(name) for name in names), 40, "not all parts came")
        yield found
        for uuid in lab.virsh("secret-list", check=False).split("\n"):
            if uuid.strip():
                lab.virsh("secret-undefine", uuid.split()[0], check=False)


def test_every_part_of_a_real_host_comes_by_itself(parts: Parts) -> None:
    hardware = wire.from_plain(HardwareRecord, parts.last("hardware"))
    assert hardware.cells[0].free
    assert "x86_64" in hardware.arches
    assert hardware.booted_at
    readiness = wire.from_plain(Readiness, parts.last("readiness"))
    assert readiness.is_local
    codes = {it.code for it in readiness.findings}
    assert {"libvirt", "qemu", "tun", "pool", "network"} <= codes
    devices = wire.from_plain(DevicesRecord, parts.last("devices")).devices
    assert "net:lo" in {key for it in devices for key in it.keys}


def test_secrets_are_kept_true_and_their_values_never_come_back(parts: Parts, lab: LabHost) -> None:
    value = base64.b64encode(VALUE.encode()).decode()
    uuid = parts.worker.call(
        "secret.define", usage="ceph", usage_id="client.kvmweb", description="d",
        is_private=True, is_ephemeral=False, value=value,
    )  # fmt: skip
    wait_for(lambda: parts.secrets().get("client.kvmweb") == uuid, 5, "the secret did not come")
    stored = lab.inside("cat", f"/etc/libvirt/secrets/{uuid}.base64")
    assert base64.b64decode(stored).decode() == VALUE
    assert VALUE not in repr(parts.heard.frames)
    assert value not in repr(parts.heard.frames)
    with pytest.raises(Exists):
        parts.worker.call(
            "secret.define", usage="ceph", usage_id="client.kvmweb", description="",
            is_private=True, is_ephemeral=False,
        )  # fmt: skip
    other = base64.b64encode(b"another").decode()
    parts.worker.call("secret.set_value", uuid=uuid, value=other)
    assert lab.inside("cat", f"/etc/libvirt/secrets/{uuid}.base64").strip() == other
    parts.worker.call("secret.undefine", uuid=uuid)
    wait_for(lambda: "client.kvmweb" not in parts.secrets(), 5, "the secret stayed")


def test_a_secret_made_by_virsh_appears_by_itself(parts: Parts, lab: LabHost) -> None:
    path = lab.folder / "secret.xml"
    path.write_text(
        "<secret ephemeral='yes' private='no'><usage type='volume'>"
        "<volume>/var/lib/libvirt/images/x.qcow2</volume></usage></secret>"
    )
    lab.virsh("secret-define", str(path))
    wait_for(lambda: "/var/lib/libvirt/images/x.qcow2" in parts.secrets(), 5, "not seen")


@pytest.mark.parametrize("verb", ["secret.set_value", "secret.undefine"])
@pytest.mark.parametrize("uuid", ["00000000-0000-4000-8000-00000000dead", "no-uuid"])
def test_a_secret_that_is_not_there_is_not_found(parts: Parts, verb: str, uuid: str) -> None:
    args = {"value": "eA=="} if verb == "secret.set_value" else {}
    with pytest.raises((NotFound, Invalid)):
        parts.worker.call(verb, uuid=uuid, **args)


def test_a_look_that_is_asked_for_is_told_even_when_all_is_as_before(parts: Parts) -> None:
    before = parts.count("readiness")
    parts.worker.call("host.check")
    wait_for(lambda: parts.count("readiness") > before, 30, "nobody looked")
