"""Every definition that was seen of a guest."""

from __future__ import annotations

from django.db import models

from kvmweb.core import refs


class GuestVersion(models.Model):
    """What a guest's next start would have brought from then on. Written by the hub.

    xml: without passwords. digest: `GuestRecord.definition_hash`. is_newest: one of each guest.
    gone_at: of the newest, since when its guest is missed; null while it is there.
    """

    host = models.CharField(max_length=31)
    uuid = models.CharField(max_length=36)
    name = models.CharField(max_length=255)
    seen_at = models.DateTimeField()
    digest = models.CharField(max_length=64)
    xml = models.TextField()
    is_first = models.BooleanField(default=False)
    is_newest = models.BooleanField(default=True)
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["host", "uuid", "-id"], name="version_of_guest"),
            models.Index(
                fields=["host", "uuid"],
                condition=models.Q(is_newest=True),
                name="version_newest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.seen_at:%F %T}"

    @property
    def ref(self) -> refs.Ref:
        """The guest."""
        return refs.guest(self.host, self.uuid)
