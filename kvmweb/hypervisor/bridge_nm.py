"""Bridges by NetworkManager: RHEL, Fedora, openEuler, desktops.

What is new is not brought up at boot, and what was there is, until the change is kept: so a host
that is switched off meanwhile comes back as it was.
"""

from __future__ import annotations

import shlex

from kvmweb.core import bridges, errors
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Plan, Wish

key = "nm"
WAIT_S = 30
_SETTINGS = tuple(
    f"ipv{version}.{name}"
    for version in (4, 6)
    for name in ("method", "addresses", "gateway", "dns", "dns-search", "routes", "never-default")
)
_NM = "nmcli"


def is_there(place: Place) -> bool:
    """Whether it is installed and runs."""
    if not place.has(_NM):
        return False
    try:
        return place.said(_NM, "-t", "-f", "RUNNING", "general").strip() == "running"
    except errors.Fault:
        return False


def held(place: Place) -> set[str]:
    """Devices that it manages."""
    found = _table(place, "device", "DEVICE,STATE")
    return {it[0] for it in found if len(it) > 1 and not it[1].startswith("unmanaged")}


def plan(place: Place, wish: Wish) -> Plan:
    """The settings of the device's connection move to one for the bridge, or back."""
    made = {
        bridges.CREATE: _creation,
        bridges.ATTACH: _attachment,
        bridges.DETACH: _detachment,
        bridges.DELETE: _deletion,
    }
    return made[wish.act](place, wish)


def _creation(place: Place, wish: Wish) -> Plan:
    old = _active(place, wish.device)
    bridge, port = _names(place, f"kvmweb-{wish.bridge}", f"kvmweb-{wish.bridge}-{wish.device}")
    add = ["type", "bridge", "con-name", bridge, "ifname", wish.bridge, "autoconnect", "no"]
    add += ["bridge.stp", "no", "connection.autoconnect-slaves", "1"]
    add += [*_mac(place, wish.device), *_settings(place, old)]
    return Plan(
        key,
        after=(
            _line("connection", "add", *add),
            _port_line(port, wish),
            _up(bridge),
            _up(port),
            _ready(wish.bridge),
        ),
        back_after=(_line("connection", "delete", port, bridge), *_again(old)),
        kept=(*_at_boot("yes", bridge, port), *_not_at_boot(old)),
    )


def _attachment(place: Place, wish: Wish) -> Plan:
    old = _active(place, wish.device)
    (port,) = _names(place, f"kvmweb-{wish.bridge}-{wish.device}")
    return Plan(
        key,
        after=(_port_line(port, wish), _up(port)),
        back_after=(_line("connection", "delete", port), *_again(old)),
        kept=(*_at_boot("yes", port), *_not_at_boot(old)),
        lost=wish.addresses,
    )


def _detachment(place: Place, wish: Wish) -> Plan:
    port = _active(place, wish.device)
    if not port:
        raise errors.WrongState(f"{wish.device} has no active connection", state="down")
    return Plan(
        key,
        after=(_line("connection", "down", port),),
        back_after=(_up(port),),
        kept=(_line("connection", "delete", port),),
    )


def _deletion(place: Place, wish: Wish) -> Plan:
    old = _active(place, wish.bridge)
    inside = [it for it in (_active(place, name) for name in wish.ports) if it]
    if not old:
        raise errors.WrongState(f"{wish.bridge} has no active connection", state="down")
    first = wish.ports[0] if wish.ports else ""
    kept = (_line("connection", "delete", old, *inside),)
    if not first:
        return Plan(
            key, after=(_line("connection", "down", old),), back_after=(_up(old),), kept=kept
        )
    (card,) = _names(place, f"kvmweb-{first}")
    add = ["type", "ethernet", "con-name", card, "ifname", first, "autoconnect", "no"]
    return Plan(
        key,
        after=(
            _line("connection", "add", *add, *_settings(place, old)),
            _line("connection", "down", old),
            _up(card),
        ),
        back_after=(_line("connection", "delete", card), _up(old), *map(_up, inside)),
        kept=(*_at_boot("yes", card), *kept),
    )


def _port_line(port: str, wish: Wish) -> str:
    add = ["type", "ethernet", "con-name", port, "ifname", wish.device, "autoconnect", "no"]
    return _line("connection", "add", *add, "master", wish.bridge, "slave-type", "bridge")


def _line(*words: str) -> str:
    return shlex.join([_NM, *words])


def _up(connection: str) -> str:
    return shlex.join([_NM, "--wait", str(WAIT_S), "connection", "up", connection])


def _ready(bridge: str) -> str:
    """The bridge first, then its port. Measured (1.42): a bridge that is brought up after its port
    lets go of it, and the former connection takes that at once.
    """
    state = f"nmcli -g GENERAL.STATE device show {bridge}"
    return f"timeout {WAIT_S} sh -c 'until {state} | grep -q ^100; do sleep 1; done'"


def _again(old: str) -> tuple[str, ...]:
    return (_up(old),) if old else ()


def _at_boot(word: str, *connections: str) -> tuple[str, ...]:
    return tuple(
        _line("connection", "modify", it, "connection.autoconnect", word) for it in connections
    )


def _not_at_boot(old: str) -> tuple[str, ...]:
    """One that NetworkManager only made up for what it found is gone by itself."""
    return tuple(f"{line} || true" for line in (_at_boot("no", old) if old else ()))


def _active(place: Place, device: str) -> str:
    """The UUID of the connection that this device has now; empty: none."""
    found = _table(place, "connection", "DEVICE,UUID", "show", "--active")
    return next((it[1] for it in found if it[0] == device), "")


def _settings(place: Place, connection: str) -> list[str]:
    """Addresses, routes and names of a connection, as words to add another with the same."""
    if not connection:
        return ["ipv4.method", "disabled", "ipv6.method", "disabled"]
    asked = ["-e", "no", "-t", "-f", ",".join(_SETTINGS), "connection", "show", connection]
    found = []
    for line in place.said(_NM, *asked).splitlines():
        name, _, value = line.partition(":")
        if name in _SETTINGS and value and value != "--":
            found += [name, value]
    return found


def _mac(place: Place, device: str) -> list[str]:
    address = place.text(f"/sys/class/net/{device}/address").strip()
    return ["bridge.mac-address", address] if address else []


def _names(place: Place, *wanted: str) -> tuple[str, ...]:
    """Names that no connection has yet."""
    taken = {it[0] for it in _table(place, "connection", "NAME", "show")}
    return tuple(
        next(it for it in (name, *(f"{name}-{n}" for n in range(2, 1000))) if it not in taken)
        for name in wanted
    )


def _table(place: Place, what: str, fields: str, *words: str) -> list[list[str]]:
    said = place.said(_NM, "-e", "no", "-t", "-f", fields, what, *words)
    count = fields.count(",")
    return [line.split(":", count) for line in said.splitlines() if line]
