"""Which guests' file systems are frozen, so that they are thawed whatever happens to a page."""

from __future__ import annotations

from django.db import models

from kvmweb.core import refs


class GuestFreeze(models.Model):
    """Written before the guest is asked, for an answer may be lost. until: then it is thawed."""

    host = models.CharField(max_length=31)
    uuid = models.CharField(max_length=36)
    person_name = models.CharField(max_length=100)
    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="one_freeze_a_guest")]

    def __str__(self) -> str:
        return f"{self.host}/{self.uuid} frozen until {self.until:%F %T}"

    @property
    def ref(self) -> refs.Ref:
        """The guest."""
        return refs.guest(self.host, self.uuid)
