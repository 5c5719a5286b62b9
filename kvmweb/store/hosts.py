"""Hosts that were added, and how to reach them."""

from __future__ import annotations

from django.db import models

from kvmweb.core import refs


class Host(models.Model):
    """One libvirt host. key: see `core.refs.HOST_KEY`, fixed for ever. uri: built by us."""

    key = models.CharField(max_length=31, unique=True)
    name = models.CharField(max_length=64)
    uri = models.CharField(max_length=500)
    is_enabled = models.BooleanField(default=True)
    added_at = models.DateTimeField(auto_now_add=True)
    rests_since = models.DateTimeField(null=True, blank=True)
    """In maintenance since then: no guest starts or is made there."""
    rests_because = models.CharField(max_length=200, blank=True)
    rests_by = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> refs.Ref:
        """Its name on every floor."""
        return refs.host(self.key)
