"""The guest page: its facts, charts, controls and the one thing that needs attention."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kvmweb.core.details import Asked, GuestDetails
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import DiskRecord, GuestRecord, GuestState, InterfaceRecord
from kvmweb.ui import (
    charts,
    commands,
    controls,
    hardware,
    in_effect,
    messages,
    pending,
    snapshots,
    tuning,
    words,
)
from kvmweb.ui.charts import Chart
from kvmweb.ui.controls import Control
from kvmweb.ui.snapshots import SnapshotRow
from kvmweb.ui.words import Text

PATIENCE = timedelta(seconds=60)
"""A guest that still runs so long after it was asked to shut down may ignore the request."""
RECENT = timedelta(minutes=2)
"""How long a failure that came after the click stands on the page."""
_ASKED_OFF = ("guest.shutdown",)
_NO_MENU = ("guest.autostart", "guest.describe")
_GROUPS = (
    ("guest.start", "guest.start_paused", "guest.restore", "guest.start_fresh", "guest.discard"),
    ("guest.shutdown", "guest.shutdown_acpi", "guest.shutdown_agent", "guest.reboot",
     "guest.reboot_agent"),
    ("guest.suspend", "guest.resume", "guest.save"),
    ("guest.nmi", "guest.reset", "guest.destroy"),
    ("guest.snapshot", "guest.resize", "guest.clone", "guest.template", "guest.untemplate",
     "guest.rename", "guest.delete"),
)  # fmt: skip

VIRT_TYPES: dict[str, Text] = {
    "kvm": gettext_lazy("KVM (hardware acceleration)"),
    "qemu": gettext_lazy("QEMU (software emulation)"),
    "test": gettext_lazy("Test driver (nothing runs)"),
}
FIRMWARES: dict[str, Text] = {"bios": gettext_lazy("BIOS"), "efi": gettext_lazy("UEFI")}
REASONS: dict[str, Text] = {
    "booted": gettext_lazy("booted"),
    "restored": gettext_lazy("restored from a saved state"),
    "from-snapshot": gettext_lazy("from a snapshot"),
    "unpaused": gettext_lazy("resumed"),
    "wakeup": gettext_lazy("woken up"),
    "crashed": pgettext_lazy("reason", "crashed"),
    "user": gettext_lazy("by a person or a program"),
    "migration": gettext_lazy("while it migrates"),
    "migrated": gettext_lazy("migrated"),
    "save": gettext_lazy("while it is saved"),
    "saved": gettext_lazy("state saved"),
    "dump": gettext_lazy("while its memory is dumped"),
    "ioerror": gettext_lazy("because of a disk error, such as a full pool"),
    "watchdog": gettext_lazy("by its watchdog"),
    "starting-up": gettext_lazy("while it starts"),
    "shutdown": gettext_lazy("shut down from inside"),
    "destroyed": gettext_lazy("forced off"),
    "failed": gettext_lazy("could not start"),
    "daemon": gettext_lazy("by libvirt"),
    "snapshot": gettext_lazy("while a snapshot is taken"),
    "postcopy": gettext_lazy("while it migrates"),
}

_QUESTIONS: dict[str, Text] = {
    "guest.destroy": gettext_lazy("Force off %(name)s?"),
    "guest.reset": gettext_lazy("Reset %(name)s?"),
    "guest.nmi": gettext_lazy("Send a non-maskable interrupt to %(name)s?"),
    "guest.discard": gettext_lazy("Discard the saved state of %(name)s?"),
    "guest.start_fresh": gettext_lazy("Discard the saved state of %(name)s and start?"),
    "guest.shutdown": gettext_lazy("Shut down %(name)s?"),
    "guest.reboot": gettext_lazy("Reboot %(name)s?"),
    "guest.save": gettext_lazy("Save the state of %(name)s and power off?"),
}
_WARNINGS: dict[str, Text] = {
    "guest.destroy": gettext_lazy("This is like pulling the power plug. Unsaved data may be lost."),
    "guest.reset": gettext_lazy("This is like the reset button. Unsaved data may be lost."),
    "guest.nmi": gettext_lazy(
        "Many systems write a crash dump and stop when they receive one. Unsaved data may be lost."
    ),
    "guest.discard": gettext_lazy("What was in memory is lost. The next start boots from disk."),
    "guest.start_fresh": gettext_lazy("What was in memory is lost. The guest boots from disk."),
}


@dataclass(frozen=True, slots=True)
class Attention:
    """One sentence above the cards. again_s: look again after so many seconds; 0: never.

    control: the way out that is offered beside it.
    """

    sentence: str
    step: str = ""
    tone: str = "busy"
    detail: str = ""
    again_s: int = 0
    control: Control | None = None


@dataclass(frozen=True, slots=True)
class GuestPage:
    """Context of `guests/detail.html`, whole and in parts."""

    details: GuestDetails
    dom_id: str
    shown: words.State
    is_stale: bool
    main: tuple[Control, ...]
    menu: tuple[tuple[Control, ...], ...]
    by_verb: dict[str, Control]
    attention: Attention | None
    charts: tuple[Chart, ...]
    reason: Text
    virt_type: Text
    firmware: Text
    key: str
    """The same as long as the page shows the same: it makes twice the same click one act, and
    changes with what the act changed."""
    dumpxml: str
    snapshots: list[SnapshotRow]

    @property
    def record(self) -> GuestRecord:
        """Shorter in templates."""
        return self.details.record

    @property
    def autostart(self) -> Control:
        """The switch."""
        return self.by_verb["guest.autostart"]

    @property
    def describe(self) -> Control:
        """Title, description and tags."""
        return self.by_verb["guest.describe"]

    @property
    def snapshot(self) -> Control:
        """Take one."""
        return self.by_verb["guest.snapshot"]

    @property
    def no_disks(self) -> str:
        """Why its disks cannot be changed; empty when they can."""
        return messages.obstacle(Offer("guest.disks", self.details.disks))

    @property
    def no_limits(self) -> str:
        """Why its disks and interfaces cannot be limited; empty when they can."""
        return messages.obstacle(Offer("guest.limits", self.details.limits))

    @property
    def no_lift(self) -> str:
        """Why what is limited cannot be taken away; empty when it can."""
        is_denied = self.details.limits is Obstacle.NO_RIGHT
        return messages.obstacle(Offer("guest.limits", Obstacle.LIMITED)) if is_denied else ""

    @property
    def no_more_disks(self) -> str:
        """Why none can be added; empty when one can."""
        return self.no_disks or _beside(is_denied=self.details.no_disk_beside)

    @property
    def no_more_cards(self) -> str:
        """Why no interface can be added; empty when one can."""
        return self.no_edit or _beside(is_denied=self.details.no_card_beside)

    @property
    def no_inside(self) -> str:
        """Why nobody can look inside its disks now; empty when one can."""
        return messages.obstacle(Offer("guest.inspect", self.details.inside))

    @property
    def no_edit(self) -> str:
        """Why nothing else of it can be changed; empty when it can."""
        return self.by_verb["guest.resize"].reason if "guest.resize" in self.by_verb else ""

    @property
    def disks(self) -> list[in_effect.Row[DiskRecord]]:
        """Its disks and drives, with what is so now."""
        return in_effect.disks(self.record)

    @property
    def interfaces(self) -> list[in_effect.Row[InterfaceRecord]]:
        """Its network interfaces, with what is so now."""
        return in_effect.interfaces(self.record)

    @property
    def pending(self) -> list[pending.Line]:
        """What the next start brings."""
        return pending.lines(self.record.pending)

    @property
    def hardware(self) -> hardware.Card:
        """Its other devices."""
        return hardware.card(self.details.hardware)

    @property
    def tuning(self) -> list[tuning.Line]:
        """How it is set up beside its devices."""
        return tuning.lines(self.record)

    @property
    def boot(self) -> list[str]:
        """The devices that it boots from, in order."""
        return [key.partition(":")[2] for key in self.record.boot]

    @property
    def no_cycle(self) -> str:
        """Why it cannot be shut down and started; empty when it can."""
        found = (self.by_verb.get("guest.shutdown"), self.by_verb.get("guest.start_paused"))
        shutdown, start = (control.reason if control else "" for control in found)
        no_right = messages.obstacle(Offer("guest.start_paused", Obstacle.NO_RIGHT))
        return shutdown or (start if start == no_right else "")

    @property
    def started_at(self) -> float | None:
        """When its process began; None while it is off."""
        return self.record.started_at if self.record.state.is_active else None


def _beside(*, is_denied: bool) -> str:
    return messages.obstacle(Offer("guest.limits", Obstacle.LIMITED_BESIDE)) if is_denied else ""


def page(details: GuestDetails) -> GuestPage:
    """Everything ready for the templates, in the language that is active now."""
    record = details.record
    offers = commands.with_commands(details.offers, details.host.uri, record)
    found = {control.verb: control for control in controls.all_of(offers, details.ref)}
    return GuestPage(
        details=details,
        dom_id=details.ref.dom_id,
        shown=words.guest_state(record.state, is_answering=details.is_answering),
        is_stale=not details.host.is_up,
        main=_main(details, found),
        menu=_menu(found, is_template=record.template is not None),
        by_verb=found,
        attention=attention(details, found, timezone.now()),
        charts=charts.of(details.use),
        reason=REASONS.get(record.reason, record.reason.replace("-", " ")),
        virt_type=VIRT_TYPES.get(record.virt_type, record.virt_type),
        firmware=FIRMWARES.get(record.firmware, record.firmware),
        key=_key(details),
        dumpxml=commands.guest(details.host.uri, "guest.definition", record),
        snapshots=snapshots.rows(details.snapshots, details.ref),
    )


def _key(details: GuestDetails) -> str:
    asked = details.asked
    shown = (details.rev, asked and asked.at.isoformat(), asked and asked.outcome)
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:24]


def question(word: str, name: str) -> str:
    """What a dialog asks before this verb."""
    asked = _QUESTIONS.get(word)
    if asked:
        return str(asked) % {"name": name}
    return _("%(act)s: %(name)s") % {"act": words.verb(word).label, "name": name}


def warning(word: str) -> Text:
    """What may be lost; empty for the harmless verbs."""
    return _WARNINGS.get(word, "")


def _main(details: GuestDetails, found: dict[str, Control]) -> tuple[Control, ...]:
    """The one or two buttons of this state; the first is the primary one."""
    record = details.record
    if not details.is_answering:
        verbs: Sequence[str] = ("guest.destroy",)
    elif record.state is GuestState.PAUSED:
        verbs = ("guest.resume", "guest.destroy")
    elif record.state is GuestState.SUSPENDED:
        verbs = ("guest.resume",)
    elif record.state is GuestState.CRASHED:
        verbs = ("guest.reset", "guest.destroy")
    elif record.state.is_active:
        verbs = ("guest.shutdown", "guest.reboot")
    elif record.template:
        verbs = ()
    else:
        verbs = ("guest.restore",) if record.has_saved_state else ("guest.start",)
    return tuple(found[verb] for verb in verbs if verb in found)


def _menu(found: dict[str, Control], *, is_template: bool) -> tuple[tuple[Control, ...], ...]:
    """Every verb in groups; one that this page does not know yet stands at the end."""
    known = {verb for group in _GROUPS for verb in group} | set(_NO_MENU)
    groups = [tuple(found[verb] for verb in group if verb in found) for group in _GROUPS]
    groups.append(tuple(control for verb, control in found.items() if verb not in known))
    hidden = "guest.template" if is_template else "guest.untemplate"
    groups = [tuple(it for it in group if it.verb != hidden) for group in groups]
    return tuple(group for group in groups if group)


def attention(details: GuestDetails, found: dict[str, Control], now: datetime) -> Attention | None:
    """What the reader must know first: a silent QEMU, an act under way, one that did not work."""
    record, asked = details.record, details.asked
    force_off = found.get("guest.destroy")
    if not details.host.is_up:
        return None
    if not details.is_answering and record.state.is_active:
        return Attention(
            _("QEMU does not answer. The guest may be frozen, or its storage may hang."),
            _("Wait, or force it off."),
            "warn",
            control=force_off,
        )
    if asked is None:
        return None
    if asked.outcome == "begun":
        return Attention(_doing(asked), again_s=5)
    if asked.outcome != "ok":
        return _late_failure(asked, now)
    if asked.verb in _ASKED_OFF and record.state.is_active:
        return _shutting_down(record, asked, now, force_off)
    return None


def _doing(asked: Asked) -> str:
    return str(words.verb(asked.verb).doing or words.verb(asked.verb).label)


def _late_failure(asked: Asked, now: datetime) -> Attention | None:
    if now - asked.at > RECENT:
        return None
    return Attention(
        _("“%(verb)s” did not work.") % {"verb": words.verb(asked.verb).label},
        tone="bad",
        detail=asked.problem,
        again_s=60,
    )


def _shutting_down(
    record: GuestRecord, asked: Asked, now: datetime, force_off: Control | None
) -> Attention | None:
    if record.started_at and record.started_at > asked.at.timestamp():
        return None
    waited = now - asked.at
    if waited < PATIENCE:
        left_s = int((PATIENCE - waited).total_seconds()) + 1
        return Attention(_("Asked to shut down. The guest is still running."), again_s=left_s)
    return Attention(
        _("%(name)s did not shut down within 60 s. The guest may ignore the power button.")
        % {"name": record.name},
        _("Wait, or force it off."),
        "warn",
        control=force_off,
    )
