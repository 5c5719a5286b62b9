"""Who is signed in, from where, since when."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from kvmweb.core import tokens
from kvmweb.store.people import Person


class SessionSet(models.QuerySet["Session"]):
    """Sessions."""

    def living(self) -> Self:
        """Neither idle nor old, and of people who may sign in."""
        now = timezone.now()
        return self.filter(
            person__is_active=True,
            active_at__gt=now - dt.timedelta(seconds=settings.KVMWEB_IDLE_S),
            opened_at__gt=now - dt.timedelta(seconds=settings.KVMWEB_ABSOLUTE_S),
        )


class Session(models.Model):
    """One sign-in in one browser; without its row, Django's session signs nobody in.

    key_hash: of the session key, which only the browser and Django's own table hold.
    active_at: when the person last did something, within a few seconds.
    confirmed_at: when the password was last given.
    """

    key_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="sessions")
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(default=timezone.now)

    objects = SessionSet.as_manager()

    class Meta:
        ordering = ["-active_at"]

    def __str__(self) -> str:
        return f"{self.person} from {self.address}"


def open_row(request: HttpRequest, user: Person, **_rest: Any) -> None:
    """Whoever Django signs in, by whatever way, gets a row (receiver of `user_logged_in`)."""
    key = request.session.session_key
    if key is None:
        request.session.create()
        key = request.session.session_key
    Session.objects.update_or_create(
        key_hash=tokens.fingerprint(key or ""),
        defaults={
            "person": user,
            "address": request.META.get("REMOTE_ADDR", "")[:64],
            "agent": request.META.get("HTTP_USER_AGENT", "")[:300],
        },
    )
