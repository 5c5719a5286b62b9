"""What goes when a guest is deleted: for the page that asks, and for the job that does it."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.refs import Ref
from kvmweb.core.volumes import is_seed


@dataclass(frozen=True, slots=True)
class DiskChoice:
    """A disk of the guest, or the memory of its snapshot, with that one's name as target.

    volume: its id where it is one of a pool that is started, else empty.
    users: what else needs it, by name; hidden: how many more that the reader may not see.
    """

    target: str
    source: str
    device: str
    volume: str = ""
    pool: str = ""
    pool_name: str = ""
    name: str = ""
    capacity: int = 0
    users: tuple[str, ...] = ()
    hidden: int = 0
    is_readonly: bool = False
    may_delete: bool = False

    @property
    def is_shared(self) -> bool:
        """Something else would miss it."""
        return bool(self.users or self.hidden)

    @property
    def is_possible(self) -> bool:
        """It can be deleted together with the guest."""
        return bool(self.volume) and self.may_delete and not self.is_shared

    @property
    def is_proposed(self) -> bool:
        """Ticked at first: the guest's own, and nothing that came from elsewhere."""
        is_own = self.device in ("disk", "memory") and not self.is_readonly
        return self.is_possible and (is_own or is_seed(self.name))


@dataclass(frozen=True, slots=True)
class Deletion:
    """What stands to be deleted, as the mirror knows it."""

    ref: Ref
    name: str
    host_name: str
    is_active: bool
    may_force_off: bool
    has_saved_state: bool
    snapshots: int
    firmware: str
    disks: tuple[DiskChoice, ...]
    days: int = 0
    """For how long the recycle bin keeps it."""
