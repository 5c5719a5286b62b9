from __future__ import annotations

from pathlib import Path

from kvmweb.definitions import capabilities

DATA = Path(__file__).parent.parent / "data" / "xml"


def test_capabilities_of_a_real_host_without_the_cpu_flags():
    parsed = capabilities.parse((DATA / "capabilities.xml").read_text())
    assert parsed.arch == "x86_64"
    assert parsed.cpu_model == "kvm64"
    assert parsed.has_cpu_flags is False
    assert parsed.offers_kvm
    assert set(parsed.arches) == {"i686", "x86_64"}
    assert "q35" in parsed.machines


def test_host_that_says_little():
    parsed = capabilities.parse(
        "<capabilities><host><cpu><arch>riscv64</arch></cpu></host></capabilities>"
    )
    assert parsed.arch == "riscv64"
    assert parsed.has_cpu_flags is None
    assert not parsed.offers_kvm


def test_cpu_with_the_flags():
    xml = (
        "<capabilities><host><cpu><arch>x86_64</arch><model>EPYC</model>"
        "<feature name='svm'/></cpu></host></capabilities>"
    )
    assert capabilities.parse(xml).has_cpu_flags is True
