"""What the first bytes of an image say: its format, its claims, and what else it would open.

Headers only, never the data behind them; the bytes are a stranger's, so every length is checked.
Sources: QEMU docs/interop/qcow2.rst and block/{vdi,vhdx,vmdk,qed,parallels}.c, ECMA-119.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Disc:
    """The ids of an ISO 9660 volume. size: bytes of the volume as it says itself."""

    volume_id: str
    system_id: str = ""
    publisher_id: str = ""
    application_id: str = ""
    size: int = 0
