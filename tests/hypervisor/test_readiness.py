"""What is looked at on a machine, from real and from recorded findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from kvmweb.core.readiness import Finding, Verdict
from kvmweb.hypervisor import readiness
from kvmweb.services import machine
from kvmweb.ui import readiness as face

RECORDED = """\
  QEMU: Checking for hardware virtualization                 : FAIL (Host not compatible with KVM)
  QEMU: Checking if device /dev/vhost-net exists             : WARN (Load the 'vhost_net' module)
  QEMU: Checking if device /dev/net/tun exists               : PASS
  QEMU: Checking for cgroup 'cpu' controller support         : PASS
  QEMU: Checking for cgroup 'memory' controller support      : PASS
  QEMU: Checking for cgroup 'blkio' controller support       : FAIL (Enable 'blkio' in kernel)
  QEMU: Checking for device assignment IOMMU support         : PASS
  QEMU: Checking if IOMMU is enabled by kernel               : WARN (IOMMU appears to be disabled)
  QEMU: Checking for secure guest support                    : WARN (None)
   LXC: Checking for Linux >= 2.6.26                         : PASS
"""


@pytest.fixture
def demo() -> Iterator[libvirt.virConnect]:
    connection = libvirt.open("test:///default")
    yield connection
    connection.close()


def test_the_worst_line_about_a_thing_counts() -> None:
    found = {it.code: it.verdict for it in readiness.validation(RECORDED.splitlines())}
    assert found == {
        "vhost-net": Verdict.LIMITED,
        "cgroups": Verdict.LIMITED,
        "iommu": Verdict.LIMITED,
        "secure-guests": Verdict.LIMITED,
    }


def test_validation_of_nothing_is_nothing() -> None:
    assert readiness.validation([]) == []
    assert readiness.validation(["", "garbage : PASS"]) == []


def test_this_machine_is_examined_and_every_finding_has_words() -> None:
    found = [face.said(it) for it in readiness.examine()]
    assert "Disks can be made (qemu-img)" in {it.what for it in found}
    assert all(it.what for it in found)
    assert all(str(it.remedy) for it in found if it.verdict is not Verdict.GOOD)


def test_a_socket_that_nobody_answers_is_found(tmp_path: Path) -> None:
    codes = {it.code for it in readiness.examine(tmp_path)}
    assert "libvirt-silent" in codes


def test_a_host_elsewhere_is_judged_by_what_libvirt_says(demo: libvirt.virConnect) -> None:
    found = readiness.read(demo, "qemu+ssh://elsewhere/system")
    assert not found.is_local
    verdicts = {it.code: it.verdict for it in found.findings}
    assert verdicts["kvm-offered"] is Verdict.LIMITED
    assert verdicts["pool"] is Verdict.GOOD
    assert verdicts["network"] is Verdict.GOOD
    assert "tun" not in verdicts
    assert set(verdicts) <= face.known()


def test_a_full_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LOW_DISK", 10**18)
    found = face.said(readiness.room(tmp_path))
    assert found.verdict is Verdict.LIMITED
    assert found.what == f"{tmp_path} is nearly full, or cannot be written to"


def test_the_doctor_says_what_the_page_of_the_host_says(tmp_path: Path) -> None:
    looked = machine.examine(tmp_path)
    assert looked[-1].code == "room-data"
    assert {it.code for it in looked[:-1]} == {it.code for it in readiness.examine()}


def test_a_doctor_without_a_worker_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.sys, "executable", "/bin/false")
    assert machine.examine(tmp_path / "nowhere")[0].code == "worker"


def test_the_worst_stands_first() -> None:
    found = face.in_order(readiness.examine())
    order = [Verdict.BAD, Verdict.LIMITED, Verdict.GOOD]
    assert [order.index(it.verdict) for it in found] == sorted(
        order.index(it.verdict) for it in found
    )


def test_what_few_hosts_need_is_told_last_and_calmly() -> None:
    found = face.in_order(
        [Finding(code, Verdict.LIMITED) for code in ("iommu", "dnsmasq", "uefi", "vhost-net")]
    )
    assert [it.shown.tone for it in found] == ["warn", "warn", "info", "info"]
    assert all(str(it.remedy) for it in found)
