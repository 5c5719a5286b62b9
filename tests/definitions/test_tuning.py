"""One part of how a guest is set up is changed, and nothing else of its definition is."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest

from kvmweb.core import errors
from kvmweb.core.records import PendingChange
from kvmweb.core.tuning import (
    Backing,
    Banks,
    Clock,
    FirmwareChoice,
    Part,
    Placement,
    Processor,
    Startup,
    Tuning,
    cpu_set,
)
from kvmweb.definitions import banks, differences, elements, pending, placement, tuning
from tests.definitions.test_device_edits import diff, read

ALL = (
    "guest-inactive", "guest-running", "guest-uefi", "guest-tuned",
    "new-custom", "new-linux", "new-windows",
)  # fmt: skip
TUNED = Tuning(
    Processor("custom", "Westmere", (1, 1, 2, 2), ("aes",), ("ssse3",)),
    Placement(("0:0-1", "2:3"), "0", 2048, 25_000, 50_000, "preferred", "0"),
    Backing(2 * 2**20, is_locked=True, is_shared=True),
    Clock("timezone", "Asia/Shanghai", "catchup", "delay", "no", "no", "yes"),
    Startup("yes", "destroy", "destroy", "preserve"),
    FirmwareChoice(),
    Banks(4 * 2**30, 8),
)
CHANGES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("processor", {"topology": (2, 1, 2, 1)}, {"cpu", "topology"}),
    ("processor", {"topology": ()}, {"cpu", "topology"}),
    ("processor", {"required": ("aes", "avx")}, {"cpu", "feature"}),
    ("processor", {"required": (), "disabled": ()}, {"cpu", "feature"}),
    ("placement", {"pins": ("1:0",)}, {"cputune", "vcpupin"}),
    ("placement", {"emulator": "1"}, {"cputune", "emulatorpin"}),
    ("placement", {"shares": 100, "quota": -1}, {"cputune", "shares", "quota"}),
    ("placement", {"memory_mode": "strict", "nodes": "0"}, {"numatune", "memory"}),
    ("backing", {"page_size": 2**30}, {"memoryBacking", "hugepages", "page"}),
    ("backing", {"is_locked": False}, {"memoryBacking", "locked"}),
    ("clock", {"offset": "localtime", "zone": ""}, {"clock"}),
    ("clock", {"rtc": "merge", "hpet": "yes"}, {"clock", "timer"}),
    ("startup", {"boot_menu": "no"}, {"os", "bootmenu"}),
    ("startup", {"on_crash": "restart"}, {"on_crash"}),
    ("banks", {"limit": 2**33, "slots": 4}, {"maxMemory", "cpu", "numa", "cell"}),
    ("banks", {"limit": 0, "slots": 0}, {"maxMemory"}),
]


def parts(found: Tuning) -> dict[str, Part]:
    return {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}


def told(name: str) -> Tuning:
    return tuning.of(elements.parse(read(name)))


def test_every_field_of_every_part_is_read() -> None:
    assert told("guest-tuned") == TUNED
    for name, part in parts(TUNED).items():
        usual = getattr(Tuning(), name)
        same = [it.name for it in dataclasses.fields(part)
                if getattr(part, it.name) == getattr(usual, it.name)]  # fmt: skip
        assert same in ([], ["on_poweroff"], ["kind", "has_variables"])


@pytest.mark.parametrize("name", ALL)
def test_what_is_so_already_leaves_the_text_as_it_is(name: str) -> None:
    for part in parts(told(name)).values():
        assert tuning.edit(read(name), part) == read(name)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("part", "change", "tags"), CHANGES)
def test_one_change_touches_its_own_elements_only(
    name: str, part: str, change: dict[str, Any], tags: set[str]
) -> None:
    before = read(name)
    now = getattr(told(name), part)
    after = tuning.edit(before, replace(now, **change))
    gone, come = diff(before, after)
    assert {line.split()[0] for line in [*gone, *come]} <= tags
    assert tuning.read(after, type(now)) == replace(now, **change)


@pytest.mark.parametrize("name", ALL)
def test_what_was_set_can_be_taken_back(name: str) -> None:
    before = read(name)
    for part, wanted in parts(TUNED).items():
        now = getattr(told(name), part)
        after = tuning.edit(before, wanted)
        assert tuning.read(after, type(now)) == wanted
        again = tuning.edit(after, now)
        assert tuning.read(again, type(now)) == now


def test_what_is_not_named_stays() -> None:
    after = tuning.edit(read("guest-tuned"), Placement())
    assert '<iothreadpin iothread="1"' in after.replace("'", '"')
    assert "numatune" not in after
    after = tuning.edit(read("guest-tuned"), Clock()).replace("'", '"')
    assert '<timer name="rtc" track="guest"/>' in after
    after = tuning.edit(read("guest-tuned"), Processor("host-model")).replace("'", '"')
    assert '<feature policy="optional" name="x2apic"/>' in after
    assert "Westmere" not in after
    assert 'match="exact"' not in after
    assert "<discard" in tuning.edit(read("guest-tuned"), Backing())
    assert "memfd" not in tuning.edit(read("guest-tuned"), Backing())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", ["bios", "efi", "secure"])
def test_another_firmware_leaves_what_it_boots_from(name: str, kind: str) -> None:
    before = read(name)
    after = tuning.edit(before, FirmwareChoice(kind))
    if told(name).firmware == FirmwareChoice(kind):
        assert after == before
    gone, come = diff(before, after)
    own = {"os", "loader", "nvram", "firmware", "feature", "smm", "features"}
    assert {line.split()[0] for line in [*gone, *come]} <= own
    assert tuning.read(after, FirmwareChoice) == FirmwareChoice(kind)


def test_a_topology_goes_along_with_the_greatest_number() -> None:
    found = elements.parse(tuning.fit_topology(read("guest-tuned"), 8))
    assert tuning.of(found).processor.topology == (2, 1, 2, 2)
    assert (found.find("vcpu").text, found.find("vcpu").get("current")) == ("8", "2")
    odd = elements.parse(tuning.fit_topology(read("guest-tuned"), 3))
    assert tuning.of(odd).processor.topology == (3, 1, 1, 1)
    assert tuning.fit_topology(read("guest-tuned"), 4) == read("guest-tuned")
    assert tuning.fit_topology(read("guest-inactive"), 9) == read("guest-inactive")


def test_what_waits_is_named_field_by_field() -> None:
    live = stored = read("guest-tuned")
    for part in (
        replace(TUNED.clock, offset="utc", zone=""),
        replace(TUNED.placement, memory_mode="strict"),
        replace(TUNED.startup, on_crash="restart"),
        replace(TUNED.processor, topology=(4, 1, 1, 1)),
    ):
        stored = tuning.edit(stored, part)
    assert pending.has_pending_changes(live, stored)
    assert set(differences.of(live, stored)) == {
        PendingChange("guest", "", "offset", "timezone", "utc"),
        PendingChange("guest", "", "zone", "Asia/Shanghai", ""),
        PendingChange("guest", "", "memory_mode", "preferred", "strict"),
        PendingChange("guest", "", "on_crash", "preserve", "restart"),
        PendingChange("guest", "", "topology", "1 1 2 2", "4 1 1 1"),
    }


def test_a_guest_with_a_cell_keeps_its_cpus_and_memory_in_it() -> None:
    more = elements.parse(banks.fit(read("guest-tuned"), 2 * 2**30))
    assert more.find("cpu/numa/cell").get("memory") == more.findtext("memory") == "2097152"
    added = "<devices><memory model='dimm'><target><size>131072</size></target></memory>"
    text = read("guest-tuned").replace("<devices>", added)
    assert elements.parse(banks.fit(text, 2**30)).find("cpu/numa/cell").get("memory") == "917504"
    with pytest.raises(errors.Invalid):
        banks.fit(text, 128 * 2**20)
    assert banks.fit(read("guest-inactive"), 2**30) == read("guest-inactive")
    fitted = elements.parse(tuning.fit_topology(read("guest-tuned"), 6))
    assert fitted.find("cpu/numa/cell").get("cpus") == "0-5"


def test_a_spelled_out_processor_is_no_difference_but_its_topology_is() -> None:
    live = read("guest-tuned")
    same = tuning.edit(live, replace(TUNED.processor, cpu_mode="host-model", cpu_model=""))
    assert not pending.has_pending_changes(live, same)
    other = tuning.edit(same, Processor("host-model", topology=(4, 1, 1, 1)))
    assert [it.field for it in differences.of(live, other)] == ["topology"]
    assert pending.has_pending_changes(live, tuning.edit(same, Processor("host-model")))


@pytest.mark.parametrize(
    ("text", "found"), [("0-3,^2", {0, 1, 3}), ("7", {7}), (" 0 , 2-3 ", {0, 2, 3})]
)
def test_lists_of_cpus_are_read(text: str, found: set[int]) -> None:
    assert cpu_set(text) == found


@pytest.mark.parametrize("text", ["", "a", "3-1", "0-", "^0", "0,^0", "-1", "99999"])
def test_what_is_no_list_of_cpus_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        cpu_set(text)


def test_a_pin_to_every_cpu_and_no_quota_are_as_nothing() -> None:
    placed = Placement(("0:0-3", "1:2"), "0-3", quota=-1, period=100_000)
    text = tuning.edit(read("guest-inactive"), placed)
    assert tuning.read(placement.settled(text, 4), Placement) == Placement(("1:2",))
    assert tuning.read(placement.settled(text, 8), Placement).emulator == "0-3"
    whole = tuning.edit(read("guest-inactive"), replace(placed, pins=()))
    assert "cputune" not in placement.settled(whole, 4)
    assert placement.settled(read("guest-inactive"), 4) == read("guest-inactive")


RUNS = (
    "<domain><os><type machine='pc-q35-7.2'>hvm</type>"
    "<loader readonly='yes' secure='{0}' type='pflash'>/usr/share/OVMF/code.fd</loader>"
    "<nvram template='/usr/share/OVMF/vars.fd'>/nvram/web01_VARS.fd</nvram></os>"
    "<features><acpi/>{1}</features><devices/></domain>"
)
ASKS = (
    "<domain><os{0}><type machine='pc-q35-7.2'>hvm</type>{1}</os>"
    "<features><acpi/></features><devices/></domain>"
)
CHOOSE = "<firmware><feature enabled='{}' name='secure-boot'/></firmware>"


@pytest.mark.parametrize(
    ("live", "stored", "is_pending"),
    [
        (RUNS.format("yes", "<smm state='on'/>"), ASKS.format(" firmware='efi'", ""), False),
        (RUNS.format("no", ""), ASKS.format(" firmware='efi'", CHOOSE.format("no")), False),
        (RUNS.format("no", ""), ASKS.format(" firmware='efi'", "<loader secure='no'/>"), False),
        (RUNS.format("no", ""),
         ASKS.format(" firmware='efi'", "<nvram>/nvram/web01_VARS.fd</nvram>"), False),
        (RUNS.format("no", ""), ASKS.format(" firmware='efi'", "<nvram>/nvram/x.fd</nvram>"), True),
        (RUNS.format("no", ""), ASKS.format(" firmware='efi'", CHOOSE.format("yes")), True),
        (RUNS.format("yes", ""), ASKS.format(" firmware='efi'", CHOOSE.format("no")), True),
        (ASKS.format("", ""), ASKS.format(" firmware='efi'", ""), True),
    ],
)  # fmt: skip
def test_a_running_guest_has_the_firmware_that_was_asked_for_or_it_waits(
    live: str, stored: str, is_pending: bool
) -> None:
    assert pending.has_pending_changes(live, stored) is is_pending
    assert ("os" in pending.differing(live, stored)[0]) is is_pending
