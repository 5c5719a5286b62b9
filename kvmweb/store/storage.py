"""Where pools may be: folders and devices of hosts that an administrator allowed."""

from __future__ import annotations

from django.db import models


class StorageRoot(models.Model):
    """A place below which pools may be. host: the host's key; empty for every host."""

    host = models.CharField(max_length=31, blank=True)
    path = models.CharField(max_length=500)

    class Meta:
        ordering = ["path", "host"]
        constraints = [models.UniqueConstraint(fields=["host", "path"], name="storage_root")]

    def __str__(self) -> str:
        return self.path
