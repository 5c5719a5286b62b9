"""What the doctor says about a machine, from real and from recorded findings."""

from __future__ import annotations

from pathlib import Path

from kvmweb.services import machine
from kvmweb.services.machine import Verdict

RECORDED = """\
  QEMU: Checking for hardware virtualization                 : FAIL (Host not compatible with KVM)
  QEMU: Checking if device /dev/vhost-net exists             : WARN (Load the 'vhost_net' module)
  QEMU: Checking if device /dev/net/tun exists               : PASS
  QEMU: Checking for cgroup 'cpu' controller support         : PASS
  QEMU: Checking for cgroup 'memory' controller support      : PASS
  QEMU: Checking for cgroup 'blkio' controller support       : FAIL (Enable 'blkio' in kernel)
  QEMU: Checking for device assignment IOMMU support         : WARN (Unknown)
   LXC: Checking for Linux >= 2.6.26                         : PASS
"""


def test_validation_lines_become_findings_with_remedies():
    found = machine.validation(RECORDED.splitlines())
    assert [str(f.what).split(" (")[0] for f in found] == [
        "Guest networks are slower than they could be",
        "Limits on processor, memory and disks work",
        "Limits on processor, memory or disks do not work",
        "Host devices cannot be given to guests",
    ]
    assert all(bool(f.remedy) == (f.verdict != Verdict.GOOD) for f in found)


def test_validation_of_nothing_is_nothing():
    assert machine.validation([]) == []
    assert machine.validation(["", "garbage : PASS"]) == []


def test_this_machine_is_examined_and_every_finding_has_words(tmp_path: Path):
    found = machine.examine(tmp_path)
    assert {str(f.what) for f in found} >= {"Disks can be made (qemu-img)"}
    assert all(str(f.what) for f in found)
    assert all(str(f.remedy) for f in found if f.verdict != Verdict.GOOD)


def test_unwritable_data_folder_is_reported(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(machine, "LOW_DISK", 10**18)
    words = [str(f.what) for f in machine.examine(tmp_path)]
    assert f"{tmp_path} is nearly full, or cannot be written to" in words
