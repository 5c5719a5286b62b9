"""Images on their way from a URL, in words: what is done now, how far, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from kvmweb.core.uploads import Fetch, UploadState
from kvmweb.ui import jobs, uploads
from kvmweb.ui.uploads import UploadLine
from kvmweb.ui.words import Text


@dataclass(frozen=True, slots=True)
class FetchLine:
    """One of them. doing: what its job does now; percent: how far that is, while it is known."""

    upload: UploadLine
    doing: Text
    percent: float | None

    @property
    def act_url(self) -> str:
        """What `cancel/` below it ends: the job, or the line that says why it was refused."""
        job = self.upload.record.job
        if self.upload.is_over or job is None:
            return self.upload.record_url
        return reverse("job", args=[job])


def listing(found: Iterable[Fetch]) -> dict[str, Any]:
    """What the list shows, in the language that is active now: all but those that are done.

    fetched: where those are, as the choice of an image names them, for the script.
    """
    known = list(found)
    done = [it.upload for it in known if it.upload.state is UploadState.DONE]
    return {
        "fetches": [_line(it) for it in known if it.upload not in done],
        "fetched": " ".join(f"{it.pool.id}/{it.name}" for it in done),
    }


def _line(it: Fetch) -> FetchLine:
    doing = jobs.STEPS.get(it.step.word, "") if it.step else ""
    percent = it.step.percent if it.step else None
    return FetchLine(uploads.line(it.upload), doing, percent)
