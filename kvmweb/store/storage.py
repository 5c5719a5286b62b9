"""Folders and devices of hosts that an administrator allowed: for pools, or for guests to share."""

from __future__ import annotations

from django.db import models


class StorageRoot(models.Model):
    """A place that may be used. host: the host's key; empty for every host.

    purpose: pools, or shares for folders that guests are given.
    """

    purpose = models.CharField(max_length=15, default="pools")
    host = models.CharField(max_length=31, blank=True)
    path = models.CharField(max_length=500)

    class Meta:
        ordering = ["path", "host"]
        constraints = [
            models.UniqueConstraint(fields=["purpose", "host", "path"], name="storage_root_of")
        ]

    def __str__(self) -> str:
        return self.path
