"""The library of images as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.refs import Ref
from kvmweb.core.systems import Support, System


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image that a guest can be installed or made from.

    ref: of the volume; pool: of its pool. is_disc: an ISO, else a disk image. is_sure: its ids told
    which system it holds, not merely its name. size: what a guest sees.
    """

    ref: Ref
    pool: Ref
    pool_name: str
    host_name: str
    name: str
    is_disc: bool
    size: int
    system: System | None
    support: Support
    is_sure: bool
