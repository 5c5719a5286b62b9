"""Bridges by libvirt's own interface driver, where it has one that changes anything (netcf).

Its transaction is the way back: begun before, committed when kept, rolled back when not.
"""

from __future__ import annotations

import shlex

from kvmweb.core import bridges, errors
from kvmweb.definitions import interfaces as xml
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Plan, Wish


class Driver:
    """Of one host."""

    key = "libvirt"

    def __init__(self, uri: str, *, is_offered: bool) -> None:
        self._virsh = ["virsh", "-c", uri]
        self._is_offered = is_offered

    def is_there(self, place: Place) -> bool:
        """Whether libvirt changes interfaces here; most only list them."""
        return self._is_offered and place.has("virsh")

    def held(self, place: Place) -> set[str]:
        """Interfaces that it has a definition of."""
        said = place.said(*self._virsh, "-q", "iface-list", "--all")
        return {line.split()[0] for line in said.splitlines() if line.split()}

    def plan(self, place: Place, wish: Wish) -> Plan:
        """virsh's own lines."""
        if wish.act == bridges.CREATE:
            words = ["iface-bridge", wish.device, wish.bridge, "--no-stp", "--delay", "0"]
            return self._plan(self._line(*words))
        if wish.act == bridges.DELETE:
            if not wish.ports:
                leave = self._line("iface-destroy", wish.bridge)
                return self._plan(leave, self._line("iface-undefine", wish.bridge))
            return self._plan(self._line("iface-unbridge", wish.bridge))
        text = place.said(*self._virsh, "iface-dumpxml", wish.bridge, "--inactive")
        if wish.act == bridges.ATTACH:
            text = xml.with_port(text, wish.device)
        elif wish.act == bridges.DETACH:
            text = xml.without_port(text, wish.device)
        else:
            raise errors.NotSupported(wish.act)
        define = f"printf %s {shlex.quote(text)} | {self._line('iface-define', '/dev/stdin')}"
        again = (self._line("iface-destroy", wish.bridge), self._line("iface-start", wish.bridge))
        lost = wish.addresses if wish.act == bridges.ATTACH else ()
        return self._plan(define, *again, lost=lost)

    def _plan(self, *lines: str, lost: tuple[str, ...] = ()) -> Plan:
        return Plan(
            self.key,
            before=(self._line("iface-begin"),),
            after=lines,
            back_before=(self._line("iface-rollback"),),
            kept=(self._line("iface-commit"),),
            lost=lost,
        )

    def _line(self, *words: str) -> str:
        return shlex.join([*self._virsh, *words])
