"""The lines that set a guest up beside its devices, with what it has now."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from kvmweb.core.details import GuestDetails
from kvmweb.core.tuning import Backing, Clock, FirmwareChoice, Placement, Processor, Startup
from kvmweb.ui import commands


def of(details: GuestDetails, part: str) -> str:
    """virsh's lines for what it can, virt-xml's for the rest."""
    now = getattr(details.record.next_tuning, part)
    return "\n".join(_LINES[part](details, now))


def _edit(details: GuestDetails, *words: str) -> str:
    uri = details.host.uri
    start = ["virt-xml", "--connect", uri] if uri else ["virt-xml"]
    return shlex.join([*start, _guest(details), "--edit", *words])


def _virsh(details: GuestDetails, verb: str, *words: str) -> str:
    record = details.record
    scope = ["--live"] if record.state.is_active else []
    scope += ["--config"] if record.is_persistent else []
    return commands.virsh(details.host.uri, verb, _guest(details), *words, *scope)


def _guest(details: GuestDetails) -> str:
    return commands.guest_word(details.record.name, details.record.uuid)


def _processor(details: GuestDetails, now: Processor) -> list[str]:
    words = [now.cpu_model or now.cpu_mode or "host-model"]
    words += [f"require={it}" for it in now.required] + [f"disable={it}" for it in now.disabled]
    names = ("sockets", "dies", "cores", "threads")
    shape = now.topology or (1, 1, details.record.vcpus_max, 1)
    layout = ",".join(f"{name}={n}" for name, n in zip(names, shape, strict=True))
    return [
        _edit(details, "--cpu", ",".join(words)),
        _edit(details, "--vcpus", f"{details.record.vcpus_max},{layout}"),
    ]


def _placement(details: GuestDetails, now: Placement) -> list[str]:
    pins = [pin.partition(":") for pin in now.pins] or [("0", ":", "0-3")]
    found = [_virsh(details, "vcpupin", vcpu, cpus) for vcpu, _colon, cpus in pins]
    found.append(_virsh(details, "emulatorpin", now.emulator or "0-3"))
    limits = [f"cpu_shares={now.shares or 1024}", f"vcpu_quota={now.quota or -1}"]
    found.append(_virsh(details, "schedinfo", *limits, f"vcpu_period={now.period or 100_000}"))
    guest = _guest(details)
    memory = ["--mode", now.memory_mode or "strict", "--nodeset", now.nodes or "0", "--config"]
    return [*found, commands.virsh(details.host.uri, "numatune", guest, *memory)]


def _backing(details: GuestDetails, now: Backing) -> list[str]:
    words = ["hugepages=yes" if now.page_size else "hugepages=no"]
    words += ["locked=yes" if now.is_locked else "locked=no"]
    words += ["source.type=memfd", "access.mode=shared"] if now.is_shared else []
    return [_edit(details, "--memorybacking", ",".join(words))]


def _clock(details: GuestDetails, now: Clock) -> list[str]:
    words = [f"offset={now.offset}", *([f"timezone={now.zone}"] if now.zone else [])]
    words += [f"{it}_tickpolicy={getattr(now, it)}" for it in ("rtc", "pit") if getattr(now, it)]
    for name in ("hpet", "kvmclock", "hypervclock"):
        words += [f"{name}_present={getattr(now, name)}"] if getattr(now, name) else []
    return [_edit(details, "--clock", ",".join(words))]


def _startup(details: GuestDetails, now: Startup) -> list[str]:
    menu = {"yes": "on", "no": "off"}.get(now.boot_menu, "on")
    ends = (f"on_{it}={getattr(now, f'on_{it}')}" for it in ("poweroff", "reboot", "crash"))
    return [
        _edit(details, "--boot", f"bootmenu.enable={menu}"),
        _edit(details, "--events", ",".join(ends)),
    ]


def _firmware(details: GuestDetails, now: FirmwareChoice) -> list[str]:
    words = {
        "bios": "firmware=,loader=,nvram=",
        "efi": "firmware=efi",
        "secure": "firmware=efi,firmware.feature0.name=secure-boot,firmware.feature0.enabled=yes",
    }
    return [_edit(details, "--boot", words[now.kind])]


_LINES: dict[str, Callable[[GuestDetails, Any], list[str]]] = {
    "processor": _processor,
    "placement": _placement,
    "backing": _backing,
    "clock": _clock,
    "startup": _startup,
    "firmware": _firmware,
}
