"""The small charts of a guest: what it used in the last minutes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from kvmweb.core.details import GuestUse
from kvmweb.ui import sparklines
from kvmweb.ui.sparklines import Sparkline
from kvmweb.ui.words import Text


@dataclass(frozen=True, slots=True)
class Chart:
    """One sparkline with its present value, already in words where `is_text`."""

    name: str
    label: Text
    value: float | None
    unit: str
    line: Sparkline
    of: float | None = None


def of(use: GuestUse) -> tuple[Chart, ...]:
    """CPU and memory against their limits; disk and network against their own peak."""
    columns = list(zip(*use.samples, strict=False)) if use.samples else [()] * 7
    newest = use.samples[-1] if use.samples and use.is_active else (None,) * 7
    _at, cpu, used, read, written, received, sent = columns
    held = use.memory_used if use.is_active else None
    # Before the balloon reports, it is the QEMU process's own, which can be more.
    whole = use.memory if held is None or held <= use.memory else None
    return (
        Chart("cpu", gettext_lazy("CPU"), use.cpu if use.is_active else None, "%",
              sparklines.draw(cpu, 100.0)),
        Chart("memory", gettext_lazy("Memory"), held, "B",
              sparklines.draw(used, float(use.memory)), of=whole),
        Chart("disk", gettext_lazy("Disk"), _sum(newest[3], newest[4]), "B/s",
              sparklines.draw(_sums(read, written), 1024.0)),
        Chart("net", gettext_lazy("Network"), _sum(newest[5], newest[6]), "B/s",
              sparklines.draw(_sums(received, sent), 1024.0)),
    )  # fmt: skip


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)


def _sums(one: Iterable[float | None], other: Iterable[float | None]) -> list[float | None]:
    return [_sum(a, b) for a, b in zip(one, other, strict=False)]
