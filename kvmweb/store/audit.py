"""Who did what: append-only."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    """One act. Names are kept as they were, so that the entry outlives person and object.

    outcome: begun, then once ok, denied or a problem's code; begun for ever means that the
    portal died in between.
    """

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    person_name = models.CharField(max_length=100)
    address = models.CharField(max_length=64, blank=True)
    verb = models.CharField(max_length=64, db_index=True)
    ref = models.CharField(max_length=120, blank=True, db_index=True)
    ref_name = models.CharField(max_length=255, blank=True)
    detail = models.JSONField(default=dict)
    outcome = models.CharField(max_length=32, default="begun", db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.person_name} {self.verb} {self.ref_name}: {self.outcome}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new entry. Raises RuntimeError for one that is written already."""
        if self.pk is not None:
            raise RuntimeError("audit entries are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Never: raises RuntimeError."""
        raise RuntimeError("audit entries are append-only")
