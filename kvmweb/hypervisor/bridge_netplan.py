"""Bridges by netplan: Ubuntu Server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from kvmweb.core import bridges, errors
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Plan, Wish

key = "netplan"
FOLDER = "/etc/netplan"
_MOVES = frozenset(
    {"dhcp4", "dhcp6", "dhcp-identifier", "dhcp4-overrides", "dhcp6-overrides", "addresses",
     "gateway4", "gateway6", "nameservers", "routes", "routing-policy", "accept-ra", "link-local",
     "ipv6-privacy", "ipv6-address-generation"}
)  # fmt: skip
"""What an interface has of addresses. Source: netplan's reference, properties of all devices."""
_OFF = {"dhcp4": False, "dhcp6": False}
_APPLY = ("netplan generate", "netplan apply")

Files = dict[str, dict[str, Any]]
"""Path to what is in it."""


def is_there(place: Place) -> bool:
    """Whether it is installed and has files to go by."""
    return place.has("netplan") and bool(_paths(place))


def held(place: Place) -> set[str]:
    """Interfaces and bridges that its files name. Raises Fault for a file that is no YAML."""
    return {name for _path, _id, name, _it in _entries(_files(place), "ethernets", "bridges")}


def plan(place: Place, wish: Wish) -> Plan:
    """The device's settings move to the bridge, or back; comments of changed files are lost."""
    before, after = _files(place), _files(place)
    ends = (f"ip link delete dev {wish.bridge} type bridge 2>/dev/null || true",)
    if wish.act == bridges.CREATE:
        _create(after, wish, place.text(f"/sys/class/net/{wish.device}/address").strip())
        return Plan(key, _changed(before, after), after=_APPLY, back_before=ends,
                    back_after=("netplan apply",))  # fmt: skip
    _path, _id, _name, bridge = _entry(after, wish.bridge, "bridges")
    inside = list(bridge.get("interfaces") or [])
    if wish.act == bridges.ATTACH:
        taken = _take(after, wish.device)
        bridge["interfaces"] = [*inside, taken[0]]
        return Plan(key, _changed(before, after), after=_APPLY, back_after=("netplan apply",),
                    lost=wish.addresses)  # fmt: skip
    if wish.act == bridges.DETACH:
        gone = _id_of(after, wish.device)
        bridge["interfaces"] = [it for it in inside if it != gone]
        leave = (f"ip link set dev {wish.device} nomaster",)
        return Plan(key, _changed(before, after), after=(*_APPLY, *leave),
                    back_after=("netplan apply",))  # fmt: skip
    _delete(after, wish.bridge)
    return Plan(key, _changed(before, after), before=ends, after=_APPLY,
                back_after=("netplan apply",))  # fmt: skip


def _create(files: Files, wish: Wish, mac: str) -> None:
    identity, settings = _take(files, wish.device)
    bridge: dict[str, Any] = {"interfaces": [identity], **settings}
    bridge["parameters"] = {"stp": False, "forward-delay": 0}
    if mac:
        bridge["macaddress"] = mac
    path = f"{FOLDER}/90-kvmweb-{wish.bridge}.yaml"
    network = files.setdefault(path, {}).setdefault("network", {})
    network["version"] = 2
    network.setdefault("bridges", {})[wish.bridge] = bridge
    if identity not in {it for _p, it, _n, _e in _entries(files, "ethernets")}:
        network.setdefault("ethernets", {})[identity] = dict(_OFF)


def _take(files: Files, device: str) -> tuple[str, dict[str, Any]]:
    """The device's identity in the files, and the settings that it has no more."""
    taken: dict[str, Any] = {}
    identity = device
    for _path, found, name, entry in _entries(files, "ethernets"):
        if name == device:
            identity = found
            for word in _MOVES & entry.keys():
                taken[word] = entry.pop(word)
            entry.update(_OFF)
    return identity, taken


def _delete(files: Files, name: str) -> None:
    """Its settings go to its first interface."""
    path, identity, _name, bridge = _entry(files, name, "bridges")
    inside = bridge.get("interfaces") or []
    settings = {word: bridge[word] for word in _MOVES & bridge.keys()}
    network = files[path]["network"]
    del network["bridges"][identity]
    if inside and settings:
        for _path, found, _n, entry in _entries(files, "ethernets"):
            if found == inside[0]:
                for word in _OFF:
                    entry.pop(word, None)
                entry.update(settings)
    if not network["bridges"]:
        del network["bridges"]
    if set(network) <= {"version", "renderer"}:
        files[path] = {}


def _entries(files: Files, *kinds: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Path, identity, name of the interface, and settings of each."""
    for path, content in files.items():
        network = content.get("network") or {}
        for kind in kinds:
            for identity, entry in (network.get(kind) or {}).items():
                if isinstance(entry, dict):
                    yield path, str(identity), str(entry.get("set-name", identity)), entry


def _entry(files: Files, name: str, kind: str) -> tuple[str, str, str, dict[str, Any]]:
    for found in _entries(files, kind):
        if found[2] == name:
            return found
    raise errors.NotFound(f"no {name} in {FOLDER}")


def _id_of(files: Files, device: str) -> str:
    return next((it for _p, it, name, _e in _entries(files, "ethernets") if name == device), device)


def _changed(before: Files, after: Files) -> dict[str, str | None]:
    return {
        path: yaml.safe_dump(content, sort_keys=False, default_flow_style=False)
        if content
        else None
        for path, content in after.items()
        if before.get(path) != content
    }


def _paths(place: Place) -> list[str]:
    folder = place.path(FOLDER)
    return sorted(f"{FOLDER}/{it.name}" for it in folder.glob("*.yaml") if it.is_file())


def _files(place: Place) -> Files:
    found: Files = {}
    for path in _paths(place):
        try:
            content = yaml.safe_load(place.text(path)) or {}
        except yaml.YAMLError as error:
            raise errors.Fault(f"{path}: {error}") from error
        found[path] = content if isinstance(content, dict) else {}
    return found
