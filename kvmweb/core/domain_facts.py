"""What guests can have on a host, as its domain capabilities say."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.tuning import CpuModel


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """What a new guest of one kind can have on a host. Source: virConnectGetDomainCapabilities.

    machine: what libvirt made of `q35`, or its own choice; cpu_modes: those it supports.
    """

    virt_type: str
    """kvm or qemu."""
    machine: str
    vcpus_max: int
    cpu_modes: tuple[str, ...]
    has_efi: bool
    has_secure_boot: bool
    disk_buses: tuple[str, ...]
    videos: tuple[str, ...]
    tpms: tuple[str, ...]
    """Models that can be emulated."""
    offers: tuple[str, ...] = ()
    """Every value of every device, such as `tpm.backendModel:emulator`; `tpm:no` where there is no
    such device. See `core.hardware.is_offered`."""
    cpu_models: tuple[CpuModel, ...] = ()
    """Named processors, with whether this host can give them."""
