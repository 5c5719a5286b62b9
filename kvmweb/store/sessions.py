"""Who is signed in, from where, since when."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

from django.conf import settings
from django.db import connection, models
from django.http import HttpRequest
from django.utils import timezone

from kvmweb.core import tokens
from kvmweb.store.people import Person


class SessionSet(models.QuerySet["Session"]):
    """Sessions."""

    def living(self) -> Self:
        """Neither idle nor old, and of people who may sign in."""
        idle, old = _limits()
        return self.filter(person__is_active=True, active_at__gt=idle, opened_at__gt=old)


IS_LIVING = """
    SELECT 1 FROM store_session JOIN store_person ON store_person.id = store_session.person_id
    WHERE store_session.key_hash = %s AND store_session.person_id = %s AND store_person.is_active
    AND store_session.active_at > %s AND store_session.opened_at > %s
"""


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

    @classmethod
    def is_living(cls, key_hash: str, person_id: int) -> bool:
        """Whether it is `living` and this person's. Asked on every page: so without the ORM."""
        given = (key_hash, person_id, *map(connection.ops.adapt_datetimefield_value, _limits()))
        with connection.cursor() as cursor:
            cursor.execute(IS_LIVING, given)
            return cursor.fetchone() is not None


def _limits() -> tuple[dt.datetime, dt.datetime]:
    """Active before the one: idle; opened before the other: old."""
    now = timezone.now()
    return (
        now - dt.timedelta(seconds=settings.KVMWEB_IDLE_S),
        now - dt.timedelta(seconds=settings.KVMWEB_ABSOLUTE_S),
    )


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
