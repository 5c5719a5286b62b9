"""Projects: what belongs together, so that rights can be given for all of it at once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from kvmweb.core.refs import Kind, Ref


class Project(models.Model):
    """The guests of a team, with the pools and networks that they may use."""

    SCOPE = "project:"
    """Before its key, as the scope of a grant."""

    name = models.CharField(max_length=64, unique=True)
    description = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> str:
        """`project:7`: what a grant on all of it names."""
        return f"{self.SCOPE}{self.pk}"


class Belonging(models.Model):
    """One object in a project. A guest is in one project, a pool or a network in any number."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="belongings")
    kind = models.CharField(max_length=10)
    host = models.CharField(max_length=31)
    identity = models.CharField(max_length=36)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "host", "identity"], name="belongs_once"
            ),
            models.UniqueConstraint(
                fields=["host", "identity"],
                condition=Q(kind=Kind.GUEST.value),
                name="guest_in_one_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ref} in {self.project_id}"

    @property
    def ref(self) -> Ref:
        """What it is that belongs."""
        return Ref(Kind(self.kind), self.host, self.identity)
