"""The folders and devices that pools may be in, and those that may be shared with guests.

Everybody keeps to them; who may change settings says which there are. A pool elsewhere could hand
out any file of its host. Nothing is shared until somebody said what may be.
"""

from __future__ import annotations

import posixpath

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Exists, Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit
from kvmweb.services.guard import guarded, guarded_portal, internal, open_to_all, sifted
from kvmweb.store.models import Host, StorageRoot

STANDARD = "/var/lib/libvirt/images"
POOLS = "pools"
"""In the portal's own data folder: the one place there that pools may be in."""
FOR_POOLS, SHARES = "pools", "shares"
"""What a place is allowed for."""
PATH_MAX = 500
NEVER = (
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
)
"""Of the system itself: neither these nor anything below them, nor all there is."""


@guarded("pool.create", is_audited=False)
def allowed(actor: Actor, ref: Ref) -> tuple[str, ...]:
    """ref: a host. Where its pools may be."""
    return of_host(ref.host)


@sifted("settings.change")
def list_(actor: Actor) -> list[StorageRoot]:
    """Every place that was allowed, for who may change that."""
    return list(StorageRoot.objects.all()) if judge.can(actor, "settings.change") else []


@open_to_all("says only what this actor may do")
def may_change(actor: Actor) -> bool:
    """Whether this actor may allow further places."""
    return judge.can(actor, "settings.change")


@guarded_portal("settings.change")
def add(actor: Actor, path: str, host: str = "", *, purpose: str = FOR_POOLS) -> None:
    """Allow pools, or shares, below this path on one host or on all.

    Raises Invalid (fields), Exists.
    """
    if sentence := path_fault(path) or _root_fault(path):
        raise Invalid(fields={"path": sentence})
    if purpose not in (FOR_POOLS, SHARES):
        raise Invalid(fields={"purpose": _("Choose one of the list.")})
    if host and not Host.objects.filter(key=host).exists():
        raise NotFound(ref=str(refs.host(host)))
    if purpose == FOR_POOLS:
        _write_standard()
    if not StorageRoot.objects.get_or_create(host=host, path=path, purpose=purpose)[1]:
        raise Exists(name=path)
    audit.tell("storage", path, root=path, host=host, purpose=purpose)


@guarded_portal("settings.change")
def remove(actor: Actor, root: int) -> None:
    """Allow no further pools there; those that are there stay. Raises NotFound."""
    found = StorageRoot.objects.filter(pk=root).first()
    if found is None:
        raise NotFound(ref=str(root))
    audit.tell("storage", found.path, removed=found.path, host=found.host, purpose=found.purpose)
    found.delete()


@open_to_all("a pure function")
def path_fault(path: str) -> str:
    """What is wrong with a path as a path; empty for a good one."""
    if not path.startswith("/") or len(path) > PATH_MAX:
        return _("A path begins with a slash and has at most 500 characters.")
    if not path.isprintable() or posixpath.normpath(path) != path or path.startswith("//"):
        return _("A path has no “..”, no doubled slash and no slash at its end.")
    return ""


@internal("who makes a pool, or shares a folder, asks")
def of_host(host: str, purpose: str = FOR_POOLS) -> tuple[str, ...]:
    """For pools the standard places as long as nobody has said anything else; for shares none."""
    rows = StorageRoot.objects.filter(purpose=purpose)
    if purpose == FOR_POOLS and not rows.exists():
        return standard()
    return tuple(row.path for row in rows if row.host in ("", host))


@internal("who makes a pool, or shares a folder, asks")
def fault(host: str, path: str, purpose: str = FOR_POOLS) -> str:
    """Why no pool may be at this path of this host, or why it cannot be shared; empty where it may.

    The host's worker follows symbolic links where it sees the host's files; on a remote host only
    the words of the path can be judged.
    """
    if sentence := path_fault(path):
        return sentence
    roots = of_host(host, purpose)
    if not roots and purpose == SHARES:
        return _("No folder of this host may be shared yet: an administrator says which.")
    if not _is_below(path, roots):
        return _("Only below: %(roots)s") % {"roots": ", ".join(roots) or "–"}
    pools = _pool_places(host) if purpose == SHARES else ()
    real, *really = client.call(host, "pool.resolve", paths=[path, *roots, *pools])
    if not _is_below(real, tuple(really[: len(roots)])):
        return _("This path leads through a link to a place that is not allowed.")
    if _is_below(real, NEVER):
        return _("This belongs to the system itself.")
    if any(_is_below(real, (pool,)) or _is_below(pool, (real,)) for pool in really[len(roots) :]):
        return _("A storage pool is there: a guest would see the disks of others.")
    return _portal_fault(real)


def _pool_places(host: str) -> tuple[str, ...]:
    """Where pools are that have files in a folder."""
    rows = mirror.Pool.objects.filter(host=host, is_gone__in=[False])
    places = (str(row.record.get("path", "")) for row in rows)
    return tuple(place for place in places if place.startswith("/") and place != "/dev")


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def _root_fault(path: str) -> str:
    if path in ("/", "/dev") or _is_below(path, NEVER):
        return _("This belongs to the system itself.")
    return _portal_fault(path)


def _portal_fault(path: str) -> str:
    """The portal's own folder holds its keys and its database: no pool there, nor around it."""
    own = str(settings.KVMWEB_DATA_DIR)
    if _is_below(path, (f"{own}/{POOLS}",)):
        return ""
    if _is_below(path, (own,)) or _is_below(own, (path,)):
        return _("The portal keeps its own data there.")
    return ""


@open_to_all("two paths that everybody may know")
def standard() -> tuple[str, ...]:
    """What counts as long as nobody said otherwise."""
    return tuple(dict.fromkeys((STANDARD, f"{settings.KVMWEB_DATA_DIR}/{POOLS}")))


def _write_standard() -> None:
    """What counted without saying so is said before anything else is."""
    if not StorageRoot.objects.filter(purpose=FOR_POOLS).exists():
        StorageRoot.objects.bulk_create(StorageRoot(path=path) for path in standard())
