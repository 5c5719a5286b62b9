"""What was on the screen when a snapshot was taken."""

from __future__ import annotations

from django.db import models

from kvmweb.core import refs


class SnapshotPicture(models.Model):
    """A small PNG. created_at: of the snapshot as libvirt tells it; null until it is there.

    A snapshot is known by its name alone: another of that name has another time.
    """

    host = models.CharField(max_length=31)
    uuid = models.CharField(max_length=36)
    name = models.CharField(max_length=64)
    created_at = models.BigIntegerField(null=True)
    taken_at = models.DateTimeField(db_index=True)
    image = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host", "uuid", "name"], name="one_picture_a_snapshot")
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.host}/{self.uuid}"

    @property
    def ref(self) -> refs.Ref:
        """The guest."""
        return refs.guest(self.host, self.uuid)
