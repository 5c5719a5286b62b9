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
    identity = models.CharField(max_length=16, blank=True)
    """`core.connections.Identity`: whose keys the connection uses."""
    known_hosts = models.TextField(blank=True)
    """The host's ssh key, as a person confirmed it."""
    tls_ca = models.TextField(blank=True)
    tls_certificate = models.TextField(blank=True)
    tls_key = models.TextField(blank=True)
    """Sealed by `hub.keyrings.seal`."""
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
