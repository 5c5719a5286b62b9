"""MAC addresses that are chosen here, not by libvirt."""

from __future__ import annotations

import hashlib
import itertools
import secrets

from kvmweb.services import networks
from kvmweb.services.marks import internal


@internal("a part of acts that make network cards")
def free(host: str, stem: str = "") -> str:
    """One of QEMU's own range that no guest of the host has.

    stem: the same words give the same address as long as it is free; without, it is random.
    """
    taken = {it.card.mac for it in networks.cards(host)}
    begin = stem or secrets.token_hex(16)
    tries = (hashlib.sha256(f"{begin} {n}".encode()).digest() for n in itertools.count())
    found = ("52:54:00:" + ":".join(f"{byte:02x}" for byte in it[:3]) for it in tries)
    return next(mac for mac in found if mac not in taken)
