"""Long work and its results."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Job(models.Model):
    """One piece of long work, or a press on many guests. state: `core.jobs.JobState`.

    steps, in order: of a press `{"ref", "name", "state", "problem", "detail"}`; of a work
    `{"word", "name", "state", "problem", "detail", "done", "total"}`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    verb = models.CharField(max_length=64)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=16, default="waiting", db_index=True)
    steps = models.JSONField(default=list)
    undo = models.JSONField(default=list)
    """How what was made is taken back, newest last: `[{"act", "args"}, …]`; written beforehand."""
    result = models.CharField(max_length=120, blank=True)
    """The `Ref` of what came of it."""
    is_cancel_asked = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    """Refreshed while it runs; a running job without a recent beat lost its worker. Of one that
    has ended but left something to take back: when that was tried last."""
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.verb} ({self.state})"


class JobWorker(models.Model):
    """A process that carries jobs out. beat_at: refreshed while it lives."""

    name = models.CharField(max_length=120, unique=True)
    """Machine and process id."""
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
