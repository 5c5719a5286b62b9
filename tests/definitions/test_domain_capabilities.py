"""What a host says a guest can have, held against what a real libvirt wrote."""

from __future__ import annotations

from pathlib import Path

from kvmweb.definitions import domain_capabilities

XML = (Path(__file__).parent.parent / "data/xml/domain-capabilities.xml").read_text()


def test_what_a_host_without_uefi_and_tpm_offers_is_read():
    found = domain_capabilities.parse(XML)
    assert (found.virt_type, found.machine, found.vcpus_max) == ("qemu", "pc-q35-7.2", 288)
    assert found.cpu_modes == ("maximum", "host-model", "custom")
    assert not found.has_efi
    assert not found.has_secure_boot
    assert {"virtio", "sata", "scsi"} <= set(found.disk_buses)
    assert "virtio" in found.videos
    assert found.tpms == ()


def test_secure_boot_is_offered_only_where_the_firmware_and_the_loader_can():
    efi = XML.replace("<enum name='firmware'/>", "<enum name='firmware'><value>efi</value></enum>")
    assert domain_capabilities.parse(efi).has_efi
    assert not domain_capabilities.parse(efi).has_secure_boot
    both = efi.replace("<enum name='secure'>", "<enum name='secure'><value>yes</value>")
    assert domain_capabilities.parse(both).has_secure_boot
