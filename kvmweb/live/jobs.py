"""Jobs as regions: the card of one, on its page and in a dialog, and the list of the newest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.topics import Notice
from kvmweb.live.regions import UNVERSIONED, Cards, Part, Picture, Region, part, shows
from kvmweb.services import jobs
from kvmweb.ui import jobs as face

LIST_ID = "rows"
SUBJECTS = frozenset({topics.GUESTS})
"""A guest that was deleted is in the recycle bin a moment after its job has ended."""


@shows(r"/activity/jobs/(?P<job>[0-9a-f-]{36})/")
def _job(found: re.Match[str], _query: QueryDict) -> list[Region]:
    job = UUID(found["job"])

    def gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
        try:
            it = face.card(jobs.show(actor, job))
        except NotFound:
            html = render_to_string("jobs/gone.html", {"dom_id": face.dom_id(job)})
            return UNVERSIONED, {face.dom_id(job): html.strip()}
        html = render_to_string("jobs/detail.html#card", {"it": it})
        return UNVERSIONED, {it.dom_id: html.strip()}

    return [Cards(frozenset({topics.job(job)}) | SUBJECTS, gather)]


@dataclass(frozen=True, slots=True)
class JobList:
    """The newest jobs that this reader may see."""

    topics: frozenset[str] = frozenset({topics.JOBS}) | SUBJECTS
    list_id: str = LIST_ID

    def look(self, actor: Actor) -> Picture:
        """Rows, and what stands there while there is none."""
        found = [face.card(job) for job in jobs.list_(actor)]
        empty = render_to_string("audit/jobs.html#empty", {"jobs": found}).strip()
        rows = {f"row-{it.dom_id}": part(_row(it)) for it in found}
        return Picture(UNVERSIONED, {"list-empty": part(empty)}, LIST_ID, rows)

    def glance(self, _actor: Actor, _notices: Sequence[Notice]) -> Mapping[str, Part]:
        """Statistics change nothing here."""
        return {}


@shows(r"/activity/")
def _jobs(_found: re.Match[str], _query: QueryDict) -> list[Region]:
    return [JobList()]


def _row(it: face.JobCard) -> str:
    return render_to_string("audit/jobs.html#row", {"it": it}).strip()
