"""What the host of a guest can give it, beside its devices."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.hosts import NumaCell, Pages
from kvmweb.core.tuning import CpuModel


@dataclass(frozen=True, slots=True)
class TuningChoices:
    """cpu_modes, models: of the guest's own kind. cells: empty where the host does not say.

    may_lock: whoever asks may take memory away from all other guests of the host.
    """

    cpu_modes: tuple[str, ...] = ()
    models: tuple[CpuModel, ...] = ()
    cells: tuple[NumaCell, ...] = ()
    huge_pages: tuple[Pages, ...] = ()
    firmwares: tuple[str, ...] = ("bios",)
    may_lock: bool = False

    @property
    def cpus(self) -> frozenset[int]:
        """The numbers of the host's CPUs."""
        return frozenset(cpu.id for cell in self.cells for cpu in cell.processors)
