"""What a guest may be set up to: every field that cannot be says so beside itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kvmweb.core.hosts import NumaCell, Pages
from kvmweb.core.records import GuestState
from kvmweb.core.tuning import (
    Backing,
    Banks,
    Clock,
    CpuModel,
    FirmwareChoice,
    HostCpu,
    Part,
    Placement,
    Processor,
    Startup,
)
from kvmweb.core.tuning_choices import TuningChoices
from kvmweb.services import tuning_rules
from tests.hub import plain

CHOICES = TuningChoices(
    ("maximum", "host-model", "custom"),
    (CpuModel("qemu64"), CpuModel("phenom", False, ("3dnow",))),
    (NumaCell(0, 2**33, 4, processors=tuple(HostCpu(n) for n in range(4))),),
    (Pages(2**21, 8, 8), Pages(2**30, 0, 0)),
    ("bios", "efi"),
)


def faults(wanted: Part, before: Part | None = None) -> dict[str, str]:
    record = replace(plain.GUEST, vcpus_max=4)
    return tuning_rules.faults(wanted, before or type(wanted)(), record, CHOICES)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Processor("host-passthrough"), "cpu_mode"),
        (Processor("custom", "phenom"), "cpu_model"),
        (Processor("custom", "nonsense"), "cpu_model"),
        (Processor(topology=(1, 1, 3, 1)), "topology"),
        (Processor("maximum", required=("a<b",)), "required"),
        (Processor("maximum", required=("aes",), disabled=("aes",)), "disabled"),
        (Processor(disabled=("aes",)), "disabled"),
        (Placement(("0:a",)), "pin-0"),
        (Placement(("0:9999",)), "pin-0"),
        (Placement(("7:0",)), "pins"),
        (Placement(emulator="3-1"), "emulator"),
        (Placement(shares=1), "shares"),
        (Placement(quota=5), "quota"),
        (Placement(period=2_000_000), "period"),
        (Placement(memory_mode="strict", nodes="77"), "nodes"),
        (Placement(memory_mode="strict"), "nodes"),
        (Backing(page_size=2**30), "page_size"),
        (Backing(is_locked=True), "is_locked"),
        (Clock("timezone"), "zone"),
        (Clock("timezone", "../etc/passwd"), "zone"),
        (Clock(rtc="never"), "rtc"),
        (Startup(on_reboot="explode"), "on_reboot"),
        (Banks(2**30, 300), "slots"),
        (Banks(2**40, 4), "limit"),
        (Banks(2**20, 4), "limit"),
        (Banks(2**30), "limit"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(wanted: Part, field: str) -> None:
    assert field in faults(wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        Processor("custom", "qemu64", (2, 1, 2, 1), ("aes",), ("avx",)),
        Processor(topology=(1, 1, 2, 2)),
        Placement(("0:0-3,^1", "3:2"), "0", 512, -1, 50_000, "strict", "0"),
        Backing(2**21, is_shared=True),
        Clock("timezone", "Europe/Berlin", "catchup", "delay", "no", "yes", ""),
        Startup("yes", "destroy", "restart", "coredump-destroy"),
        Banks(2**32, 8),
    ],
)
def test_what_can_be_has_no_fault(wanted: Part) -> None:
    assert faults(wanted) == {}


def test_what_somebody_set_elsewhere_stays_possible() -> None:
    strange = Processor("custom", "phenom")
    assert faults(Processor("custom", "phenom", required=("aes",)), strange) == {}
    assert "cpu_model" in faults(strange, Processor("custom", "qemu64"))
    assert faults(Clock("variable", rtc="delay"), Clock("variable")) == {}


def test_memory_is_locked_only_by_whoever_may_take_it_from_the_host() -> None:
    locked, more = Backing(is_locked=True), Backing(is_locked=True, is_shared=True)
    powerful = replace(CHOICES, may_lock=True)
    assert tuning_rules.faults(locked, Backing(), plain.GUEST, powerful) == {}
    assert list(faults(locked, Backing())) == ["is_locked"]
    assert faults(more, locked) == faults(Backing(), locked) == {}


@pytest.mark.parametrize(
    ("wanted", "facts"),
    [
        (FirmwareChoice("secure"), {}),
        (FirmwareChoice("coreboot"), {}),
        (FirmwareChoice("efi"), {"state": GuestState.RUNNING}),
        (FirmwareChoice("efi"), {"snapshots": 1}),
        (FirmwareChoice("efi"), {"has_saved_state": True}),
    ],
)
def test_the_firmware_changes_only_before_anything_depends_on_it(
    wanted: FirmwareChoice, facts: dict[str, Any]
) -> None:
    record = replace(plain.GUEST, **facts)
    assert "kind" in tuning_rules.faults(wanted, FirmwareChoice(), record, CHOICES)
    free = FirmwareChoice("efi")
    assert tuning_rules.faults(free, FirmwareChoice(), plain.GUEST, CHOICES) == {}


def test_secure_boot_needs_a_chipset_that_keeps_its_memory_apart() -> None:
    able = replace(CHOICES, firmwares=("bios", "efi", "secure"))
    said = {
        machine: tuning_rules.faults(
            FirmwareChoice("secure"), FirmwareChoice(), replace(plain.GUEST, machine=machine), able
        )
        for machine in ("pc-i440fx-7.2", "pc-q35-7.2")
    }
    assert "Q35" in said["pc-i440fx-7.2"]["kind"]
    assert said["pc-q35-7.2"] == {}
