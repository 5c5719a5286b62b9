"""Bridges by ifupdown: Debian without a desktop."""

from __future__ import annotations

import re
import shlex

from kvmweb.core import bridges
from kvmweb.hypervisor import ifupdown_files as text
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Plan, Wish

key = "ifupdown"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""Names that `source-directory` reads. Source: interfaces(5)."""


def is_there(place: Place) -> bool:
    """Whether it is installed and has a file to go by."""
    return place.has("ifup") and place.path(text.MAIN).is_file()


def held(place: Place) -> set[str]:
    """What its files name."""
    return text.names(files(place))


def files(place: Place) -> text.Files:
    """The main file and what it includes, one level deep, as ifupdown does."""
    main = place.text(text.MAIN)
    found = {text.MAIN: main}
    for line in main.splitlines():
        words = line.split()
        if len(words) != 2 or words[0] not in ("source", "source-directory"):
            continue
        pattern = words[1] if words[1].startswith("/") else f"/etc/network/{words[1]}"
        is_folder = words[0] == "source-directory" or place.path(pattern).is_dir()
        for path in _matching(place, f"{pattern}/*" if is_folder else pattern):
            if not is_folder or _PLAIN.fullmatch(path.rpartition("/")[2]):
                found[path] = place.text(path)
    return found


def plan(place: Place, wish: Wish) -> Plan:
    """The device's settings move to the bridge, or back."""
    before = files(place)
    is_set_up = wish.device in text.names(before)
    down, up = f"ifdown --force {wish.device} || true", f"ifup --force {wish.device}"
    if wish.act == bridges.CREATE:
        return Plan(
            key,
            _changed(before, text.created(before, wish.bridge, wish.device)),
            before=(down,) if is_set_up else (),
            after=(f"ifup {wish.bridge}",),
            back_before=_end(wish.bridge),
            back_after=(up,) if is_set_up else (),
        )
    if wish.act == bridges.ATTACH:
        return Plan(
            key,
            _changed(before, text.attached(before, wish.bridge, wish.device)),
            before=(down,) if is_set_up else (),
            after=(f"ip link set dev {wish.device} master {wish.bridge} up",),
            back_before=(f"ip link set dev {wish.device} nomaster",),
            back_after=(up,) if is_set_up else (),
            lost=wish.addresses,
        )
    if wish.act == bridges.DETACH:
        return Plan(
            key,
            _changed(before, text.detached(before, wish.bridge, wish.device)),
            after=(f"ip link set dev {wish.device} nomaster",),
            back_after=(f"ip link set dev {wish.device} master {wish.bridge} up",),
        )
    return _deletion(wish, before)


def _deletion(wish: Wish, before: text.Files) -> Plan:
    after = text.deleted(before, wish.bridge)
    first = wish.ports[0] if wish.ports else ""
    gets = bool(first) and first in text.names(after)
    return Plan(
        key,
        _changed(before, after),
        before=_end(wish.bridge),
        after=(f"ifup --force {shlex.quote(first)}",) if gets else (),
        back_before=(f"ifdown --force {shlex.quote(first)}",) if gets else (),
        back_after=(f"ifup --force {wish.bridge}",),
    )


def _end(bridge: str) -> tuple[str, ...]:
    return (
        f"ifdown --force {bridge} || true",
        f"ip link delete dev {bridge} type bridge 2>/dev/null || true",
    )


def _changed(before: text.Files, after: text.Files) -> dict[str, str | None]:
    return {path: it for path, it in after.items() if before.get(path) != it}


def _matching(place: Place, pattern: str) -> list[str]:
    root = place.root
    found = sorted(it for it in root.glob(pattern.lstrip("/")) if it.is_file())
    return [f"/{it.relative_to(root)}" for it in found]
