"""Who is acting: what the guard judges and the audit remembers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, or the portal itself.

    person_id: 0 for the portal (operator's commands, jobs on its own behalf).
    session: hash of the session key that this actor came with; empty off the web.
    address: the peer's address, from a trusted proxy's header where one is configured.
    """

    person_id: int
    name: str
    session: str = ""
    address: str = ""

    @property
    def is_portal(self) -> bool:
        """The operator at the command line, or the portal's own clockwork."""
        return self.person_id == 0


PORTAL = Actor(person_id=0, name="kvmweb")
