"""Where notices go. A notice carries identity and revision, never content (DESIGN 5.2).

A topic is a channel-layer group name: ASCII letters, digits, dots and dashes, under 100 characters.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.refs import Ref

GUESTS = "guests"
POOLS = "pools"
NETWORKS = "networks"
INTERFACES = "interfaces"
"""Of the hosts themselves."""
FILTERS = "nwfilters"
HOSTS = "hosts"
PEOPLE = "people"
"""Anything that can change what somebody may do: grants, teams, sessions, switched-off people."""
VOLUMES = "volumes"
"""Those of any pool, and what is known of the images in them."""
JOBS = "jobs"
AUDIT = "audit"
USE = "use"
"""One notice per host and round of statistics."""


def of(ref: Ref) -> str:
    """The topic of one object."""
    return ".".join(part for part in (ref.kind, ref.host, ref.id) if part)


def volumes_of(pool: Ref) -> str:
    """The volumes of one pool."""
    return f"volumes.{pool.host}.{pool.id}"


def looks_of(host: Ref) -> str:
    """Looks into disks of this host: how far they are, and that they ended."""
    return f"looks.{host.host}"


def look(volume: Ref) -> str:
    """Looks into this volume alone."""
    return f"look.{volume.host}.{volume.id}"


def uploads_of(pool: Ref) -> str:
    """The uploads into one pool: that one began, moved on or ended."""
    return f"uploads.{pool.host}.{pool.id}"


def console(guest: Ref) -> str:
    """Who sits at the consoles of this guest."""
    return f"console.{guest.host}.{guest.id}"


def agent(guest: Ref) -> str:
    """What the agent in this guest said last."""
    return f"agent.{guest.host}.{guest.id}"


def job(job_id: object) -> str:
    """The steps of one job; that it began or ended is told on JOBS as well."""
    return f"job.{job_id}"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something changed: look again. ref: `str(Ref)`, or another identity for people and jobs."""

    topic: str
    ref: str
    rev: int = 0

    def message(self) -> dict[str, object]:
        """As the channel layer carries it; consumers receive it in `notice()`."""
        return {"type": "notice", "topic": self.topic, "ref": self.ref, "rev": self.rev}
