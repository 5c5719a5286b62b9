"""People, teams, roles and grants."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import connection, models
from django.db.models import F, Q


class PersonManager(BaseUserManager["Person"]):
    """Makes people; what they may do comes from grants alone."""

    def create_user(self, username: str, password: str | None = None, **fields: object) -> Person:
        """A person with a hashed password, or with none that works when it is None."""
        person = self.model(username=username, **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Person(AbstractBaseUser):
    """Somebody who can sign in."""

    username = models.CharField(max_length=64, unique=True, validators=[UnicodeUsernameValidator()])
    display_name = models.CharField(max_length=100, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=10, blank=True)
    theme = models.CharField(max_length=10, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[PersonManager] = PersonManager()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.display_name or self.username


class Team(models.Model):
    """A group of people that can be given grants."""

    name = models.CharField(max_length=64, unique=True)
    members = models.ManyToManyField(Person, related_name="teams", blank=True)

    def __str__(self) -> str:
        return self.name


class CustomRole(models.Model):
    """A set of verbs beyond the built-in roles. key never equals a built-in role's."""

    key = models.SlugField(max_length=40, unique=True)
    label = models.CharField(max_length=64)
    verbs = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.label


class Grant(models.Model):
    """(person or team) x role x scope.

    scope: "everything", `str(Ref)` of a host or an object, or the scope of a project.
    """

    EVERYTHING = "everything"

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, null=True, blank=True, related_name="grants"
    )
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, null=True, blank=True, related_name="grants"
    )
    role = models.CharField(max_length=40)
    scope = models.CharField(max_length=120, db_index=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=True) ^ Q(team__isnull=True), name="grant_person_or_team"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person or self.team}: {self.role} on {self.scope}"


class RightsEpoch(models.Model):
    """One row whose value rises with every change to what anybody may do.

    Every process polls it once a second beside listening for notices, so that a revocation made
    by a command or missed by the layer still closes consoles within two seconds.
    """

    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def current(cls) -> int:
        """The value now; 0 before the first change."""
        with connection.cursor() as cursor:  # asked on every page: the ORM takes ten times as long
            cursor.execute(f"SELECT value FROM {cls._meta.db_table} WHERE id = 1")  # noqa: S608
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    @classmethod
    def advance(cls) -> None:
        """Something changed; call inside the same transaction."""
        if not cls.objects.filter(pk=1).update(value=F("value") + 1):
            cls.objects.get_or_create(pk=1, defaults={"value": 1})


class SetupLink(models.Model):
    """The one-time link that makes the first administrator. Only the token's SHA-256 is stored."""

    HOURS = 24

    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"set-up link of {self.created_at}"


class ResetLink(models.Model):
    """A one-time link with which a person chooses a password. Only the SHA-256 is stored."""

    HOURS = 24

    person = models.OneToOneField(Person, on_delete=models.CASCADE, related_name="reset_link")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"reset link of {self.person}"
