"""One network with everything that its page shows, and what surrounds it on its host."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.details import HostLine
from kvmweb.core.networks import HostInterface
from kvmweb.core.offers import Offer
from kvmweb.core.records import GuestState, InterfaceRecord, NetworkRecord
from kvmweb.core.refs import Ref


@dataclass(frozen=True, slots=True)
class Attached:
    """An interface of a guest on a network. ref: of the guest."""

    ref: Ref
    name: str
    state: GuestState
    card: InterfaceRecord
    may_filter: bool = False
    """The reader may choose the network filter that it passes."""

    @property
    def is_active(self) -> bool:
        """The guest runs, so that the interface exists on the host."""
        return self.state.is_active


@dataclass(frozen=True, slots=True)
class NetworkDetails:
    """One network, whole. rev: of the mirror before it was read.

    attached: interfaces of the guests that the reader may see. is_partial: there may be others.
    """

    ref: Ref
    host: HostLine
    record: NetworkRecord
    attached: tuple[Attached, ...]
    is_partial: bool
    offers: tuple[Offer, ...]
    may_read_definition: bool
    rev: int

    @property
    def unplugged(self) -> tuple[Attached, ...]:
        """Those that were left without a link when the network was stopped."""
        return tuple(it for it in self.attached if it.is_active and it.card.is_unplugged)

    @property
    def running(self) -> tuple[Attached, ...]:
        """Those that lose their link when the network stops."""
        return tuple(it for it in self.attached if it.is_active)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another network of the same host. name: empty when the reader may not see it."""

    uuid: str
    name: str
    bridge: str
    subnets: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a network must agree with on its host. interfaces: empty where libvirt lists none."""

    neighbours: tuple[Neighbour, ...] = ()
    interfaces: tuple[HostInterface, ...] = ()
