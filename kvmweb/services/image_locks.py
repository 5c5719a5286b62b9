"""Which volumes nobody may use: those still coming in, and those refused but not gone."""

from __future__ import annotations

from kvmweb.core.errors import Busy, Invalid
from kvmweb.core.refs import Ref
from kvmweb.services.marks import internal
from kvmweb.store.models import Image, Upload

FIT, REFUSED, INCOMING = "fit", "refused", "incoming"
_COMING = ("moving", "checking")


@internal("other services ask before they use a volume")
def unfit(ref: Ref) -> dict[str, str]:
    """Names of this pool's volumes that nobody may use, and why: incoming, or refused."""
    refused = Image.objects.filter(pool=str(ref), state=REFUSED).values_list("name", flat=True)
    coming = Upload.objects.filter(pool=str(ref), state__in=_COMING).values_list("name", flat=True)
    return dict.fromkeys(refused, REFUSED) | dict.fromkeys(coming, INCOMING)


@internal("other services ask before they use a volume")
def unfit_on(host: str) -> frozenset[tuple[str, str]]:
    """The same for all pools of a host, as (UUID of the pool, name)."""
    start = f"pool:{host}:"
    refused = Image.objects.filter(pool__startswith=start, state=REFUSED)
    coming = Upload.objects.filter(pool__startswith=start, state__in=_COMING)
    return frozenset(
        (pool.removeprefix(start), name)
        for rows in (refused, coming)
        for pool, name in rows.values_list("pool", "name")
    )


@internal("other services ask before they use a volume")
def let_in_on(host: str) -> frozenset[tuple[str, str, str]]:
    """Images of a host that were read when they came in, as (UUID of the pool, name, format)."""
    start = f"pool:{host}:"
    found = Image.objects.filter(pool__startswith=start, state=FIT)
    return frozenset(
        (pool.removeprefix(start), name, kind)
        for pool, name, kind in found.values_list("pool", "name", "format")
    )


@internal("other services ask before they use a volume")
def require_fit(ref: Ref, name: str) -> None:
    """Raises Busy for what is still coming in, Invalid for what was refused."""
    why = unfit(ref).get(name)
    if why == REFUSED:
        raise Invalid("the image was refused", name=name)
    if why:
        raise Busy("the image is still coming in", name=name)


@internal("a part of every list of volumes")
def looks(ref: Ref, names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Of these volumes: why nobody may use them, and the formats of images that were let in."""
    found = Image.objects.filter(pool=str(ref), state__in=(FIT, REFUSED), name__in=names)
    rows = list(found.values_list("name", "state", "format"))
    coming = Upload.objects.filter(pool=str(ref), state__in=_COMING).values_list("name", flat=True)
    locks = {name: REFUSED for name, state, _ in rows if state == REFUSED}
    fit = {name: kind for name, state, kind in rows if state == FIT}
    return locks | dict.fromkeys(coming, INCOMING), fit
