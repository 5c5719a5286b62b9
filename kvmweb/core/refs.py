"""Names of things: what every floor passes around instead of strings.

Identity is (host, UUID), never the name: a rename keeps grants, history and consoles (DESIGN 3).
"""

from __future__ import annotations

import re
import uuid as uuids
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

HOST_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
"""A host's key: what stands in URLs, topics and socket names. Fixed when the host is added."""

IDENTITY = re.compile(r"[0-9a-f-]{0,36}")
"""A UUID as libvirt prints it, or nothing."""


class Kind(StrEnum):
    """The nouns that can be named by a `Ref`."""

    HOST = "host"
    GUEST = "guest"
    POOL = "pool"
    NETWORK = "network"
    VOLUME = "volume"
    """A volume: its id is made of pool and name, its rights are those of its pool."""
    INTERFACE = "interface"
    FILTER = "nwfilter"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One object on one host.

    host: the host's key. id: the object's UUID as libvirt prints it; empty for the host itself.
    """

    kind: Kind
    host: str
    id: str = ""

    def __str__(self) -> str:
        """`guest:local:5c1e…`, `host:local`: stable, used in grants, audit and element ids."""
        return ":".join(part for part in (self.kind, self.host, self.id) if part)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read back what `str()` wrote. Raises ValueError."""
        kind, _, rest = text.partition(":")
        host, _, identity = rest.partition(":")
        if not HOST_KEY.fullmatch(host) or not IDENTITY.fullmatch(identity):
            raise ValueError(f"not a ref: {text!r}")
        return cls(Kind(kind), host, identity)

    @property
    def dom_id(self) -> str:
        """The element id of this object on any page: letters, digits and dashes only."""
        return "-".join(part for part in (self.kind, self.host, self.id) if part)

    @property
    def on_host(self) -> Ref:
        """The host that this object lives on."""
        return Ref(Kind.HOST, self.host)


def host(key: str) -> Ref:
    """The host with this key."""
    return Ref(Kind.HOST, key)


def guest(host_key: str, uuid: str) -> Ref:
    """The guest with this UUID on this host."""
    return Ref(Kind.GUEST, host_key, uuid)


def pool(host_key: str, uuid: str) -> Ref:
    """The storage pool with this UUID on this host."""
    return Ref(Kind.POOL, host_key, uuid)


def network(host_key: str, uuid: str) -> Ref:
    """The virtual network with this UUID on this host."""
    return Ref(Kind.NETWORK, host_key, uuid)


def volume(host_key: str, pool_uuid: str, name: str) -> Ref:
    """The volume of this name in this pool."""
    return Ref(Kind.VOLUME, host_key, volume_id(pool_uuid, name))


def volume_id(pool_uuid: str, name: str) -> str:
    """What names a volume in URLs, rows and notices: as good as a UUID, and always the same.

    libvirt knows a volume by pool and name alone, and a name may hold slashes, line breaks or 255
    bytes of anything. A renamed or moved volume is another one, for libvirt as well.
    """
    return str(uuids.uuid5(uuids.UUID(pool_uuid), name))


def interface(host_key: str, uuid: str) -> Ref:
    """The host's own network interface with this UUID, which is made of its name."""
    return Ref(Kind.INTERFACE, host_key, uuid)


def filter_(host_key: str, uuid: str) -> Ref:
    """The network filter with this UUID on this host."""
    return Ref(Kind.FILTER, host_key, uuid)
