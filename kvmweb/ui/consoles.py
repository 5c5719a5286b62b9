"""The console card: what it shows, where its parts live, and every sentence its scripts may say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core.details import ConsoleFacts, Sitter
from kvmweb.core.errors import Problem
from kvmweb.core.refs import Ref
from kvmweb.ui import controls, links, messages, words

_SENTENCES: dict[str, words.Text] = {
    "connecting": gettext_lazy("Connecting…"),
    "connected": gettext_lazy("Connected"),
    "drives": gettext_lazy("You have the keyboard"),
    "watches": gettext_lazy("You are watching"),
    "reconnecting": gettext_lazy("The connection was lost. Reconnecting by itself."),
    "offline": gettext_lazy("The portal is not reachable. Reconnecting by itself."),
    "shut-off": gettext_lazy("The guest is shut off."),
    "crashed": gettext_lazy("The guest has crashed."),
    "no-state": gettext_lazy("The guest is not running."),
    "shutting-down": gettext_lazy("The guest is shutting down."),
    "suspended": gettext_lazy("The guest is asleep."),
    "broken": gettext_lazy("A part of this page did not load. Reload the page."),
    "silent": gettext_lazy("Nothing was printed lately. Press Enter for a prompt."),
    "interrupted": gettext_lazy("The guest is restarting."),
    "host-down": gettext_lazy("The host is not reachable. The console comes back by itself."),
    "gone": gettext_lazy("The guest is gone."),
    "signed-out": gettext_lazy("You were signed out."),
    "revoked": gettext_lazy("Your right to this console was taken away."),
    "not-found": gettext_lazy("There is nothing here, or you have no access to it."),
    "denied": gettext_lazy("You do not have the right to watch this console."),
    "stalled": gettext_lazy("This browser did not keep up. Reconnecting."),
    "seat-lost": gettext_lazy("The connection was interrupted. Reconnecting."),
    "protocol": gettext_lazy("The screen sent something that cannot be shown."),
    "too-often": gettext_lazy("That was too often. Wait a moment."),
    "quota": gettext_lazy("There are too many viewers already."),
    "not-supported": gettext_lazy("This guest has no such console."),
    "fault": gettext_lazy("Something went wrong in the portal. Reconnecting."),
    "paused": gettext_lazy("The guest is paused."),
    "again": gettext_lazy("Connect again"),
    "you": gettext_lazy("%name% (you)"),
    "other-window": gettext_lazy("%name% (your other window)"),
    "took-over": gettext_lazy("%name% took over."),
    "handed-over": gettext_lazy("You have the keyboard now."),
    "asks": gettext_lazy("%name% asks for the keyboard."),
    "somebody-drives": gettext_lazy("%name% has the keyboard."),
    "nobody-drives": gettext_lazy("Nobody has the keyboard."),
    "hand-over": gettext_lazy("Hand over to %name%"),
    "moved": gettext_lazy("You went on in another window."),
    "drives-elsewhere": gettext_lazy("In your other window"),
    "take-here": gettext_lazy("Use the keyboard here"),
    "needs-open": gettext_lazy("Possible once the console is connected."),
    "needs-drive": gettext_lazy("Possible for whoever has the keyboard."),
    "needs-copied": gettext_lazy("The guest has copied nothing yet."),
    "take": gettext_lazy("Take the keyboard"),
    "ask": gettext_lazy("Ask for the keyboard"),
    "ask-no-more": gettext_lazy("Stop asking"),
    "take-over": gettext_lazy("Take over"),
    "seat-drives": gettext_lazy("has the keyboard"),
    "seat-watches": gettext_lazy("is watching"),
    "typing": gettext_lazy("Typing… %at% of %count%"),
    "typed": gettext_lazy("Typed."),
    "guest-copied": gettext_lazy("The guest copied a text. The menu gives it to you."),
    "given": gettext_lazy("The guest has it on its clipboard, if it has an agent for that."),
    "way-out": gettext_lazy("Keys go to the guest. Ctrl+Alt+Shift lets go of them."),
    "way-in": gettext_lazy("Click to type."),
    # xgettext:no-python-format
    "lines-title": gettext_lazy("Type %count% lines?"),
    "too-long": gettext_lazy("At most 64 KiB can be typed or pasted."),
    "copied": gettext_lazy("Copied."),
    "not-copied": gettext_lazy("The browser refused access to the clipboard."),
    "nothing-found": gettext_lazy("Not found"),
    "lost-text": gettext_lazy("— connection lost %time% —"),
    "back-text": gettext_lazy("— connected again %time% —"),
}


@dataclass(frozen=True, slots=True)
class Port:
    """One console that can be chosen."""

    kind: str
    device: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """Context of `consoles/console.html`. data: what the scripts need, as JSON."""

    ref: Ref
    name: str
    guest_url: str
    ports: tuple[Port, ...]
    watch: bool
    drive: bool
    take_over: bool
    state: words.State
    start: controls.Control | None
    chords: tuple[tuple[str, str], ...]
    is_window: bool
    data: dict[str, Any]

    @property
    def hardware_url(self) -> str:
        """Where a console is added."""
        return f"{self.guest_url}#{self.ref.dom_id}-hardware"

    @property
    def json(self) -> str:
        """The data as the card carries it."""
        return json.dumps(self.data, ensure_ascii=False)


def card(facts: ConsoleFacts, *, kind: str = "", device: str = "") -> Card:
    """The card, or with a kind the window of one console."""
    ref = facts.ref
    ports = _ports(facts)
    chosen = next(
        (port for port in ports if port.kind == kind and device in ("", port.device)), None
    )
    return Card(
        ref=ref,
        name=facts.name,
        guest_url=links.of(ref),
        ports=ports,
        watch=facts.watch,
        drive=facts.drive,
        take_over=facts.take_over,
        state=words.guest_state(facts.state),
        start=controls.of(facts.start, ref) if facts.start else None,
        chords=chords(),
        is_window=bool(kind),
        data=_data(facts, ports, chosen),
    )


def _data(facts: ConsoleFacts, ports: tuple[Port, ...], chosen: Port | None) -> dict[str, Any]:
    ref, kinds = facts.ref, ("screen", "serial")
    return {
        "name": facts.name,
        "drive": facts.drive,
        "takeOver": facts.take_over,
        "chosen": chosen and {"kind": chosen.kind, "device": chosen.device},
        "ports": [{"kind": port.kind, "device": port.device} for port in ports],
        "ticketUrls": {name: _url("console_ticket", ref, name) for name in kinds},
        "socketUrls": {name: _socket(ref, name) for name in kinds},
        "stateUrl": f"{_url('console_card', ref)}?part=state",
        "keysUrl": _url("console_keys", ref),
        "thumbnailUrl": _url("console_thumbnail", ref),
        "modules": modules(),
        "icons": static("icons/sprite.svg"),
        "words": sentences(),
    }


def refusal(problem: Problem) -> dict[str, str]:
    """Why there is no console, in words; state lets the page know when to look again."""
    said = messages.problem(problem)
    found = {"problem": problem.code, "sentence": said.sentence, "step": said.step}
    state = problem.context.get("state")
    if state:
        found |= {"state": state, "sentence": str(_SENTENCES.get(state, said.sentence))}
        found["step"] = _("The console opens by itself when it runs.")
    missing = problem.context.get("missing")
    if missing:
        found |= {"missing": missing}
    return found


def modules() -> dict[str, str]:
    """Where the vendor's modules are: an import map would need an inline script."""
    vendor = settings.KVMWEB_VENDOR
    return {
        "rfb": static(f"{vendor['@novnc/novnc']}/core/rfb.js"),
        "keysym": static(f"{vendor['@novnc/novnc']}/core/input/keysym.js"),
        "keysymdef": static(f"{vendor['@novnc/novnc']}/core/input/keysymdef.js"),
        "terminal": static(f"{vendor['@xterm/xterm']}/lib/xterm.mjs"),
        "fit": static(f"{vendor['@xterm/addon-fit']}/lib/addon-fit.mjs"),
        "search": static(f"{vendor['@xterm/addon-search']}/lib/addon-search.mjs"),
    }


def chords() -> tuple[tuple[str, str], ...]:
    """The send-key menu: what is posted, and what it is called."""
    return (
        ("ctrl-alt-delete", "Ctrl+Alt+Del"),
        ("ctrl-alt-backspace", "Ctrl+Alt+Backspace"),
        *((f"ctrl-alt-f{number}", f"Ctrl+Alt+F{number}") for number in range(1, 13)),
        ("print", _("Print screen")),
    )


def sentences() -> dict[str, str]:
    """All that the scripts say, in the reader's language; %name% is put in by them."""
    return {code: str(sentence) for code, sentence in _SENTENCES.items()}


def seating(mine: Sitter, sitters: list[Sitter]) -> dict[str, Any]:
    """As the page is told: everybody at the same console."""
    beside = [one for one in sitters if (one.kind, one.device) == (mine.kind, mine.device)]
    return {
        "type": "seats",
        "me": mine.id,
        "drives": mine.drives,
        "may_drive": mine.may_drive,
        "seats": [
            {
                "id": one.id,
                "name": one.name,
                "own": one.person == mine.person,
                "drives": one.drives,
                "may_drive": one.may_drive,
                "asks": one.asks,
            }
            for one in beside
        ],
    }


def _ports(facts: ConsoleFacts) -> tuple[Port, ...]:
    window = _url("console_window", facts.ref, "serial")
    several = len(facts.serials) > 1
    serials = tuple(
        Port(
            "serial",
            alias,
            _("Serial (%(port)s)") % {"port": alias} if several else _("Serial"),
            f"{window}?device={alias}",
        )
        for alias in facts.serials
    )
    screen = Port("screen", "", _("Screen"), _url("console_window", facts.ref, "screen"))
    return ((screen,) if facts.has_screen else ()) + serials


def _socket(ref: Ref, kind: str) -> str:
    """At the gateway, where one is set up: the same path on another server."""
    return f"{settings.KVMWEB_CONSOLE_GATEWAY}{_url('console_window', ref, kind)}socket/"


def _url(name: str, ref: Ref, *more: str) -> str:
    return reverse(name, args=[ref.host, ref.id, *more])
