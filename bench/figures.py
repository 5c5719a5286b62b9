"""One line for each figure: what was measured, what was asked for, and whether it is met."""

from __future__ import annotations

from pathlib import Path


def heading(text: str) -> None:
    """Above a group of figures."""
    print(f"\n{text:<46} {'measured':>14} {'asked':>12}")


def show(what: str, measured: float, unit: str = "", *, most: float | None = None) -> None:
    """most: what it may be at most, in the same unit; None where nothing was asked."""
    asked, verdict = "", ""
    if most is not None:
        asked, verdict = f"{most:g} {unit}".strip(), "met" if measured <= most else "NOT MET"
    number = f"{measured:.0f}" if measured == round(measured) else f"{measured:.1f}"
    print(f"  {what:<44} {f'{number} {unit}'.strip():>14} {asked:>12}  {verdict}".rstrip())


def note(text: str) -> None:
    """Beside the figure above."""
    print(f"    {text}", flush=True)


def host_file(path: Path, guests: int, *, prefix: str = "guest") -> str:
    """A host of libvirt's test driver with so many guests, half of them off; its URI."""
    path.write_text(f"<node>{''.join(_guest(prefix, number) for number in range(guests))}</node>")
    return f"test://{path}"


def _guest(prefix: str, number: int) -> str:
    tags = f"<k:tag>team-{number % 7}</k:tag>" if number % 10 == 0 else ""
    state = 1 if number % 2 == 0 else 5
    return (
        f"<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
        f"<name>{prefix}-{number:05}</name><title>Machine {number}</title>"
        f"<metadata><k:tags xmlns:k='https://kvmweb.org/xmlns/1'>{tags}</k:tags></metadata>"
        f"<memory unit='GiB'>{1 + number % 8}</memory><vcpu>{1 + number % 4}</vcpu>"
        "<os><type>hvm</type></os><devices>"
        f"<disk type='file'><source file='/images/{number}.qcow2'/><target dev='vda'/></disk>"
        "<interface type='network'><source network='default'/></interface></devices>"
        f"<test:runstate>{state}</test:runstate></domain>"
    )
