"""The page of a new guest: what is asked for, what would be made, and asking for it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kvmweb.core import refs
from kvmweb.core.creation import Ground
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.wishes import OF_GUESTS, WITHOUT_MACHINE, GuestWish, Source
from kvmweb.services import copies, fetches, raw_guests, systems, uploads
from kvmweb.services import creation as desk
from kvmweb.services.creation_devices import DISKS_MAX
from kvmweb.ui import creation as face
from kvmweb.ui import fetches as fetch_face
from kvmweb.ui import uploads as upload_face
from kvmweb.ui import xml_text
from kvmweb.web import creation_copies, creation_discs, creation_trees, creation_xml, respond
from kvmweb.web.creation_form import CARDS_MAX, ROW, Choices, CreateForm

DISK = {"what": "new", "size": "20 GiB", "format": "qcow2"}
START: dict[str, Any] = {
    "source": Source.ISO,
    "vcpus": 2,
    "memory": "2 GiB",
    "firmware": "bios",
    "graphics": "vnc",
    "arguments": "console=ttyS0",
    "is_started": True,
}
SYSTEMS_MAX = 60
_SWITCHES = ("is_started", "has_autostart", "has_tpm", "has_cloud")


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """GET: the page, filled with what the address says. POST: ask for the guest."""
    data = _sent(request) if request.method == "POST" else None
    choices = _choices(request, data or request.GET)
    if data is None:
        form = _fresh(request, choices)
        return respond.page(request, "guests/create.html", _context(request, form, choices))
    form = CreateForm(data, choices=choices)
    if form.is_valid():
        try:
            return HttpResponseRedirect(_made(request, choices.ground, form.wish()))
        except Invalid as invalid:
            form.add_invalid(invalid)
    context = _context(request, form, choices)
    form.add_further(context["plan"].faults)
    return respond.page(request, "guests/create.html", context, status=422)


def _sent(request: HttpRequest) -> QueryDict:
    """By which of the two buttons: to be edited first, a guest is not started."""
    data = request.POST.copy()
    if data.pop("edit_first", None):
        data.pop("is_started", None)
    return data


def _made(request: HttpRequest, ground: Ground, wish: GuestWish) -> str:
    """Ask for it; where it is seen to be made. Raises Invalid."""
    actor, ref = request.actor, refs.host(ground.host)  # type: ignore[attr-defined]
    if wish.source is Source.XML:
        return creation_xml.made(request, ref, wish)
    create = copies.create if wish.source in OF_GUESTS else desk.create
    return reverse("job", args=[create(actor, ref, wish)])


@require_POST
def draft(request: HttpRequest) -> HttpResponse:
    """The form as it stands, one disk or card more or less, and what would be made of it."""
    data = request.POST.copy()
    act = str((data.pop("act", None) or [""])[-1])
    choices = _choices(request, data)
    if act in ("source", "host"):
        data["original"] = ""
    if act in ("source", "original"):
        creation_copies.fill(request, data, choices.ground, is_new_source=act == "source")
    if act in ("source", "host", "original"):
        creation_copies.propose_way(request, data, choices.ground, is_new_source=act == "source")
    looked = creation_trees.fill(request, data, choices.ground, act)
    form = _redrawn(request, data, act, choices)
    context = {**_context(request, form, choices), **looked, "is_push": True}
    part = "summary" if request.GET.get("part") == "summary" else "form"
    if not request.htmx:  # type: ignore[attr-defined]
        part = ""
    return respond.page(request, "guests/create.html", context, part=part)


@require_safe
def find_systems(request: HttpRequest) -> HttpResponse:
    """Operating systems whose name holds these words, as choices for the field, by support."""
    found = systems.search(request.GET.get("system", "")[:80], even_ended=True)
    context = {"found": face.systems(found, SYSTEMS_MAX)}
    return respond.page(request, "guests/create_systems.html", context)


def _choices(request: HttpRequest, given: QueryDict) -> Choices:
    """The hosts to choose from, and what the chosen one has. Raises Denied, NotFound."""
    actor = request.actor  # type: ignore[attr-defined]
    places = desk.places(actor)
    if not places:
        raise Denied(verb=desk.VERB)
    hosts = [(place.key, place.name) for place in places]
    wanted = str(given.get("host", ""))
    key = wanted if wanted in dict(hosts) else places[0].key
    if wanted and key != wanted:
        raise NotFound()
    ground = desk.ground(actor, refs.host(key))
    originals = creation_copies.originals(request, ground, str(given.get("source", "")))
    return Choices(hosts, ground, originals, raw_guests.may(actor, key))


def _fresh(request: HttpRequest, choices: Choices) -> CreateForm:
    """As the address says, with what suits for the rest."""
    ground = choices.ground
    query = request.GET.copy()
    creation_copies.fill(request, query, ground, is_new_source=True)
    creation_copies.propose_way(request, query, ground, is_new_source=True)
    given: dict[str, Any] = {
        name: value for name, value in query.items() if name in CreateForm.base_fields
    }
    initial = {**START, **given, "host": ground.host}
    for name in _SWITCHES:
        initial[name] = initial.get(name) in (True, "on", "1", "true")
    pool, image = request.GET.get("pool", ""), initial.get("image", "")
    if pool and image and "/" not in image:
        initial["image"] = f"{pool}/{image}"
    initial["project"] = face.project(ground, str(initial.get("project", "")))
    source = str(initial["source"])
    found = creation_discs.holding(request, ground, source, str(initial.get("image", "")))
    creation_discs.propose(initial, found)
    if "name" not in given:
        actor = request.actor  # type: ignore[attr-defined]
        initial["name"] = desk.free_name(actor, ground.host, "guest")
    disks = 0 if initial["source"] == Source.IMPORT else 1
    initial.update({f"disk-0-{name}": value for name, value in _disk(ground, pool).items()})
    initial.update({f"card-0-{name}": value for name, value in _card(ground).items()})
    rows = {"disk": disks, "card": 1 if ground.networks else 0}
    return CreateForm(None, choices=choices, rows=rows, initial=initial)


def _disk(ground: Ground, pool: str = "") -> dict[str, str]:
    named = {record.name: uuid for uuid, record in ground.pools.items()}
    chosen = pool if pool in ground.pools else named.get("default") or next(iter(ground.pools), "")
    return {**DISK, "pool": chosen}


def _card(ground: Ground) -> dict[str, str]:
    named = {record.name: uuid for uuid, record in ground.networks.items()}
    return {"network": named.get("default") or next(iter(ground.networks), "")}


def _redrawn(request: HttpRequest, data: QueryDict, act: str, choices: Choices) -> CreateForm:
    """The same values, not judged yet; rows numbered anew."""
    ground = choices.ground
    suits = {name: START[name] for name in ("vcpus", "memory", "firmware", "graphics")}
    said = {name: it for name, it in data.items() if not ROW.fullmatch(name)}
    initial: dict[str, Any] = {**suits, **said}
    for name in _SWITCHES:
        initial[name] = bool(data.get(name))
    initial["project"] = face.project(ground, str(initial.get("project", "")))
    source, image = (str(initial.get(name, "")) for name in ("source", "image"))
    found = creation_discs.holding(request, ground, source, image)
    if source != Source.TREE:
        creation_discs.propose(initial, found, is_asked=act == "detected")
    kept = {kind: _kept(data, kind, act) for kind in ("disk", "card")}
    if act == "source" and initial.get("source") == Source.IMPORT and len(kept["disk"]) == 1:
        kept["disk"] = []
    elif act == "add-disk" or (act == "source" and not kept["disk"]):
        kept["disk"] = [*kept["disk"], _disk(ground)][:DISKS_MAX]
    if act == "add-card" or (act == "source" and not kept["card"] and ground.networks):
        kept["card"] = [*kept["card"], _card(ground)][:CARDS_MAX]
    for kind, rows in kept.items():
        for number, typed in enumerate(rows):
            values = {**(_disk(ground) if kind == "disk" else {}), **typed}
            initial.update({f"{kind}-{number}-{name}": it for name, it in values.items()})
    counts = {kind: len(rows) for kind, rows in kept.items()}
    return CreateForm(None, choices=choices, rows=counts, initial=initial)


def _kept(data: QueryDict, kind: str, act: str) -> list[dict[str, str]]:
    """The rows of this kind in their order, without the one that is to go."""
    found: dict[int, dict[str, str]] = {}
    for name, value in data.items():
        row = ROW.fullmatch(name)
        if row and row[1] == kind and act != f"remove-{kind}-{row[2]}":
            found.setdefault(int(row[2]), {})[name.rpartition("-")[2]] = str(value)
    return [found[number] for number in sorted(found)]


def _context(request: HttpRequest, form: CreateForm, choices: Choices) -> dict[str, Any]:
    """The form beside what would be made of it."""
    ground = choices.ground
    judged = form if form.is_bound else form.judged()
    judged.is_valid()
    wish = judged.wish()
    actor = request.actor  # type: ignore[attr-defined]
    if wish.source in WITHOUT_MACHINE:
        beside = creation_xml if wish.source is Source.XML else creation_copies
        other = beside.context(request, wish, ground)
        faults = {**other["plan"].faults, **_wrong(judged)}
        shared = {"form": form, "ground": ground, "wish": wish, "source": wish.source}
        shared["is_other"] = True
        return {**shared, **other, "missing": _missing(form, faults)}
    seen = desk.preview(actor, refs.host(ground.host), wish, ground)
    image = f"{wish.image_pool}/{wish.image_volume}"
    found = creation_discs.holding(request, ground, wish.source, image)
    return {
        **creation_discs.context(found, wish.source, wish.system),
        **creation_trees.kept(judged, wish),
        **_upload(request, ground, wish.source),
        "form": form,
        "ground": ground,
        "wish": wish,
        "source": wish.source,
        "plan": seen.plan,
        "missing": _missing(form, {**seen.plan.faults, **_wrong(judged)}),
        "pieces": xml_text.pieces(seen.xml),
        "xml": seen.xml,
        "command": face.command(wish, seen.plan, ground.uri),
        "boot_order": face.boot_order(seen.plan.spec),
    }


def _wrong(form: CreateForm) -> dict[str, str]:
    return {name: str(errors[0]) for name, errors in form.errors.items()}


def _upload(request: HttpRequest, ground: Ground, source: Source) -> dict[str, Any]:
    """What an image can be uploaded or fetched into, and those that are being fetched."""
    if source not in (Source.ISO, Source.CLOUD, Source.IMPORT):
        return {}
    active = [refs.pool(ground.host, uuid) for uuid, it in ground.pools.items() if it.is_active]
    names = {ref.id: ground.pools[ref.id].name for ref in active}
    pools = [
        {
            "name": names[ref.id],
            "url": reverse("uploads", args=[ref.host, ref.id]),
            "fetch_url": reverse("fetch", args=[ref.host, ref.id]) + "?for=guest",
        }
        for ref in uploads.among(request.actor, active)  # type: ignore[attr-defined]
    ]
    pools.sort(key=lambda pool: (pool["name"] != "default", pool["name"]))
    found = {"upload_pools": pools, "words": upload_face.words(), "icons": upload_face.ICONS}
    moving = fetches.mine(request.actor)  # type: ignore[attr-defined]
    return {**found, **fetch_face.listing(moving)}


def _missing(form: CreateForm, faults: dict[str, str]) -> list[dict[str, str]]:
    """What is still wanted, in the order of the page, each with the way to its field."""
    names = [*(name for name in form.fields if name in faults), *faults]
    return [
        {"field": name, "label": str(form[name].label), "why": faults[name]}
        if name in form.fields
        else {"field": "", "label": "", "why": faults[name]}
        for name in dict.fromkeys(names)
    ]
