"""Long work and its results."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Job(models.Model):
    """One piece of long work. steps: list of `{"ref", "name", "state", "problem"}` in order.

    state: waiting, running, done, failed, cancelled, interrupted.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    verb = models.CharField(max_length=64)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=16, default="waiting", db_index=True)
    steps = models.JSONField(default=list)
    is_cancel_asked = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    """Refreshed while it runs; a running job without a recent beat lost its worker."""
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.verb} ({self.state})"
