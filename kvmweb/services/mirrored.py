"""What lists of pools and networks share: rows of the mirror with their host's name and state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from kvmweb.access import judge
from kvmweb.access.verbs import VIEW
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.records import NetworkRecord, PoolRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import sight
from kvmweb.services.marks import internal
from kvmweb.store.models import Host

R = TypeVar("R", PoolRecord, NetworkRecord)

Found = mirror.Pool | mirror.Network


@dataclass(frozen=True, slots=True)
class Row(Generic[R]):
    """An object as its list shows it. is_away: its host is, and this is how it was last."""

    ref: Ref
    host_name: str
    record: R
    is_away: bool
    rev: int

    @property
    def name(self) -> str:
        """What it is called."""
        return self.record.name

    @property
    def dom_id(self) -> str:
        """Its row's element id."""
        return self.ref.dom_id

    @property
    def is_active(self) -> bool:
        """Whether libvirt has it started."""
        return self.record.is_active


@dataclass(frozen=True, slots=True)
class Shelf(Generic[R]):
    """One kind of objects. words: what the search looks at beside name and host."""

    kind: Kind
    model: type[Found]
    record: type[R]
    words: Callable[[R], tuple[str, ...]]

    @internal("the noun's own service carries the mark")
    def list_(self, actor: Actor, *, search: str, host: str) -> list[Row[R]]:
        """Those that this actor sees, by name."""
        found = self.model._default_manager.filter(sight.of_kind(actor, self.kind))
        if host:
            found = found.filter(host=host)
        rows = self._rows(list(found.order_by("name_fold", "host", "uuid")))
        word = search.strip().casefold()
        return [row for row in rows if word in self._text(row)] if word else rows

    @internal("the noun's own service carries the mark")
    def get(self, ref: Ref) -> Row[R]:
        """One of them. Raises NotFound."""
        found = self.model._default_manager.filter(host=ref.host, uuid=ref.id, is_gone=False)
        rows = self._rows(list(found))
        if not rows:
            raise NotFound(ref=str(ref))
        return rows[0]

    @internal("the noun's own service carries the mark")
    def is_blind(self, actor: Actor) -> bool:
        """The actor sees none anywhere, whatever exists: the page says so."""
        return judge.reach(actor, VIEW[self.kind]).is_nowhere

    def _rows(self, found: list[Found]) -> list[Row[R]]:
        names = dict(Host.objects.values_list("key", "name"))
        away = set(mirror.HostMirror.objects.exclude(state="up").values_list("host", flat=True))
        return [
            Row(
                ref=it.ref,
                host_name=names.get(it.host, it.host),
                record=wire.from_plain(self.record, it.record),
                is_away=it.host in away,
                rev=it.rev,
            )
            for it in found
        ]

    def _text(self, row: Row[R]) -> str:
        return " ".join((row.name, row.host_name, *self.words(row.record))).casefold()
