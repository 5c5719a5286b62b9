"""A host's hardware and what its guests can have, from recorded capabilities."""

from __future__ import annotations

from pathlib import Path

from kvmweb.core.hosts import Abilities
from kvmweb.definitions import hosts

DATA = Path(__file__).parent.parent / "data" / "xml"
GIB = 1024**3


def test_a_machine_of_two_nodes_is_read_whole() -> None:
    found = hosts.parse((DATA / "capabilities-numa.xml").read_text(), Abilities(vcpus_max=288))
    assert (found.vendor, found.mhz) == ("Intel", 2693)
    assert (found.sockets, found.dies, found.cores, found.threads) == (2, 1, 4, 2)
    assert [(cell.id, cell.memory // GIB, cell.cpus) for cell in found.cells] == [
        (0, 31, 8), (1, 31, 8),
    ]  # fmt: skip
    assert [(pages.size, pages.total) for pages in found.huge_pages] == [(2 * 1024**2, 1536)]
    assert found.security == ("selinux", "dac")
    assert found.iommu is True
    assert (found.arches, found.accelerated) == (("x86_64",), ("x86_64",))
    assert found.machines == ("pc-q35-9.0", "q35")
    assert found.can_migrate_live
    assert found.abilities.vcpus_max == 288
    assert found.booted_at is None


def test_a_machine_that_says_little_is_no_fault() -> None:
    found = hosts.parse("<capabilities><host/></capabilities>", Abilities())
    assert (found.sockets, found.cells, found.security, found.iommu) == (0, (), (), None)
    assert found.huge_pages == ()


def test_what_guests_of_a_real_host_can_have() -> None:
    found = hosts.parse_abilities((DATA / "domain-capabilities-emulated.xml").read_text())
    assert found.vcpus_max == 255
    assert found.cpu_modes == ("maximum", "host-model", "custom")
    assert {"virtio", "sata", "usb"} <= set(found.disk_buses)
    assert {"vnc", "spice"} <= set(found.graphics)
    assert found.host_devices == ("usb", "pci", "scsi")
    assert "virtiofs" in found.file_systems
    assert found.tpm_models == ("tpm-tis", "tpm-crb")
    assert found.firmwares == ()
    assert (found.has_backup, found.has_sev, found.has_sgx) == (True, False, False)


def test_secure_boot_is_known_by_the_loader() -> None:
    xml = """<domainCapabilities><os><enum name='firmware'><value>efi</value></enum>
    <loader supported='yes'><enum name='secure'><value>yes</value><value>no</value></enum></loader>
    </os></domainCapabilities>"""
    found = hosts.parse_abilities(xml)
    assert found.firmwares == ("efi",)
    assert found.has_secure_boot
