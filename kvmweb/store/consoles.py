"""Console tickets and who sits at which console (DESIGN 7)."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """One right to open one console once, for 30 s. Only the SHA-256 of its secret is stored.

    session: hash of the session it was issued to. mode: watch or drive. device: serial alias.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(max_length=64)
    guest = models.CharField(max_length=120)
    kind = models.CharField(max_length=10)
    device = models.CharField(max_length=64, blank=True)
    mode = models.CharField(max_length=10)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} ticket for {self.guest}"


class Seat(models.Model):
    """One viewer of one console. At most one seat a console drives.

    seen_at: refreshed by the process that holds the socket; older than 15 s means it died.
    """

    guest = models.CharField(max_length=120, db_index=True)
    kind = models.CharField(max_length=10)
    device = models.CharField(max_length=64, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(max_length=64)
    may_drive = models.BooleanField(default=False)
    is_driving = models.BooleanField(default=False)
    asks_to_drive = models.BooleanField(default=False)
    opened_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["guest", "kind", "device"],
                condition=models.Q(is_driving=True),
                name="one_driver_a_console",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.kind} of {self.guest}"
