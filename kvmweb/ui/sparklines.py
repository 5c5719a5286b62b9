"""Little charts as SVG points, drawn on the server: live by the same push as everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 240
HEIGHT = 48
ROUNDS = 60
"""As many rounds as the mirror keeps; fewer stand at the right edge."""
_EDGE = 1.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """lines: the points of each stretch without a gap; areas: the same, closed at the bottom."""

    lines: tuple[str, ...]
    areas: tuple[str, ...]
    top: float
    """What the upper edge stands for."""
    width: int = WIDTH
    height: int = HEIGHT


def draw(values: Sequence[float | None], top: float | None = None) -> Sparkline:
    """A line through these values, oldest first. top: of the scale; None: the largest value."""
    shown = list(values)[-ROUNDS:]
    ceiling = max(top or 0.0, *(value or 0.0 for value in shown), 0.0) or 1.0
    step = WIDTH / (ROUNDS - 1)
    first = ROUNDS - len(shown)
    stretches: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(shown, start=first):
        if value is None:
            stretches.append([])
            continue
        share = min(1.0, max(0.0, value / ceiling))
        stretches[-1].append((place * step, HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE)))
    drawn = [points for points in stretches if len(points) > 1]
    return Sparkline(
        lines=tuple(_points(points) for points in drawn),
        areas=tuple(
            _points([(points[0][0], HEIGHT), *points, (points[-1][0], HEIGHT)]) for points in drawn
        ),
        top=ceiling,
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
