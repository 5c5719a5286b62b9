"""Roles: what each may do, and roles of one's own."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.access import judge
from kvmweb.access.roles import ROLES
from kvmweb.access.verbs import VERBS
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.services import audit, rights
from kvmweb.services.guard import guarded_portal, internal
from kvmweb.store.models import CustomRole, Grant

_LABELS = {
    "viewer": gettext_lazy("Viewer"),
    "console": gettext_lazy("Console user"),
    "operator": gettext_lazy("Operator"),
    "editor": gettext_lazy("Editor"),
    "creator": gettext_lazy("Creator"),
    "storage-admin": gettext_lazy("Storage admin"),
    "network-admin": gettext_lazy("Network admin"),
    "host-admin": gettext_lazy("Host admin"),
    "auditor": gettext_lazy("Auditor"),
    "project-owner": gettext_lazy("Project owner"),
    "administrator": gettext_lazy("Administrator"),
}


@dataclass(frozen=True, slots=True)
class RoleRow:
    """One role. verbs: in the order in which verbs are always listed."""

    key: str
    label: str
    verbs: tuple[str, ...]
    is_custom: bool
    grants: int


@guarded_portal("people.view")
def list_(actor: Actor) -> list[RoleRow]:
    """Built-in roles from the least to the most, then one's own."""
    named = labels()
    custom = {role.key for role in CustomRole.objects.all()}
    return [
        RoleRow(
            key=key,
            label=label,
            verbs=tuple(verb for verb in VERBS if verb in judge.verbs_of(key)),
            is_custom=key in custom,
            grants=Grant.objects.filter(role=key).count(),
        )
        for key, label in named.items()
    ]


@guarded_portal("people.view")
def all_verbs(actor: Actor) -> tuple[str, ...]:
    """Everything that a role can hold."""
    return tuple(VERBS)


@guarded_portal("people.grant")
def save(actor: Actor, label: str, verbs: list[str], *, key: str = "") -> str:
    """Make a role, or change one of one's own (key). Raises Invalid, Denied, NotFound."""
    audit.tell(f"role:{key}", label, act="save-role", verbs=sorted(verbs))
    label = label.strip()
    problems = {}
    if not label or len(label) > 64:
        problems["label"] = _("Give it a name of at most 64 characters.")
    if not verbs or set(verbs) - set(VERBS):
        problems["verbs"] = _("Choose at least one right.")
    found = CustomRole.objects.filter(key=key).first() if key else None
    if key and found is None:
        raise NotFound(ref=f"role:{key}")
    role = found or CustomRole(key=_free_key(label))
    if label.casefold() in {
        name.casefold() for other, name in labels().items() if other != role.key
    }:
        problems["label"] = _("There is a role of this name already.")
    if problems:
        raise Invalid(fields=problems)
    _require_all(actor, set(verbs) | set(role.verbs))
    with rights.changing():
        role.label, role.verbs = label, sorted(verbs)
        role.save()
    return role.key


@guarded_portal("people.grant")
def remove(actor: Actor, key: str) -> None:
    """Take a role of one's own away, and every grant of it."""
    role = CustomRole.objects.filter(key=key).first()
    if role is None:
        raise NotFound(ref=f"role:{key}")
    audit.tell(f"role:{key}", role.label, act="remove-role")
    _require_all(actor, set(role.verbs))
    with rights.changing():
        Grant.objects.filter(role=key).delete()
        role.delete()


@internal("names of roles for other services")
def labels() -> dict[str, str]:
    """Every role's key and what it is called."""
    built_in = {key: str(_LABELS[key]) for key in ROLES}
    return {**built_in, **dict(CustomRole.objects.order_by("label").values_list("key", "label"))}


def _require_all(actor: Actor, verbs: set[str]) -> None:
    """A role may be granted anywhere by others: who shapes it holds its verbs everywhere."""
    for verb in verbs & set(VERBS):
        if not judge.can(actor, verb):
            raise Denied("more than you hold yourself", verb=verb)


def _free_key(label: str) -> str:
    stem = slugify(label)[:30] or "role"
    taken = set(ROLES) | set(CustomRole.objects.values_list("key", flat=True))
    numbered = (f"{stem}-{number}" for number in range(2, 10_000))
    return stem if stem not in taken else next(key for key in numbered if key not in taken)
