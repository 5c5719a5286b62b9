"""Sentences for people: one and a next step for every problem, one for every obstacle.

What the portal calls things stands in `ui.words`. A problem's context fills the sentence; where it
lacks a value the general sentence is used, so that no message ever shows a hole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kvmweb.core import errors, offers, records
from kvmweb.ui import words
from kvmweb.ui.words import Text


@dataclass(frozen=True, slots=True)
class Said:
    """What happened, and what to do next. detail: technical words, folded away."""

    sentence: str
    step: str
    tone: str = "bad"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Message:
    general: Text
    step: Text
    exact: Text = ""
    tone: str = "bad"


_PROBLEMS: dict[str, _Message] = {
    "fault": _Message(
        _("Something went wrong in the portal."),
        _("Try again. If it happens again, tell your administrator the time."),
    ),
    "not-found": _Message(
        _("There is nothing here."),
        _("It may have been deleted, or you have no access to it."),
    ),
    "denied": _Message(
        _("You do not have the right to do this."),
        _("Ask an administrator for a role that includes it."),
        _("You do not have the right “%(verb)s” here."),
    ),
    "out-of-bounds": _Message(
        _("The portal fetches nothing from this address."),
        _(
            "Inner addresses, and redirects from https to http, are refused. The operator can allow"
            " networks by the setting KVMWEB_FETCH_INNER."
        ),
        tone="warn",
    ),
    "wrong-state": _Message(
        _("This is not possible in the present state."),
        _("Look at the current state and choose again."),
        _("This is not possible in the state “%(state)s”."),
        "warn",
    ),
    "exists": _Message(
        _("A thing of this name is already there."),
        _("Choose another name."),
        _("“%(name)s” is already there."),
        "warn",
    ),
    "busy": _Message(
        _("Another operation is at work on it."),
        _("Wait a moment and try again."),
        _("It is in use by %(users)s."),
        "warn",
    ),
    "conflict": _Message(
        _("It was changed by someone else in the meantime. Nothing was written."),
        _("Reload the page, then make your change again."),
        tone="warn",
    ),
    "invalid": _Message(
        _("Something in the form is not right."),
        _("Correct the marked fields."),
        tone="warn",
    ),
    "overlap": _Message(
        _("Another network or interface of the host uses these addresses or this bridge."),
        _("Stop the other one, or choose a subnet and a bridge that are free."),
        tone="warn",
    ),
    "not-supported": _Message(
        _("This host or guest cannot do that."),
        _("The page of the host lists what it can do."),
        tone="warn",
    ),
    "maintenance": _Message(
        _("The host is in maintenance: no guest starts there."),
        _("Wait until the maintenance is over, or use another host."),
        _("Host %(host)s is in maintenance: no guest starts there."),
        "warn",
    ),
    "agent-silent": _Message(
        _("The guest agent did not answer."),
        _("Check that qemu-guest-agent runs in the guest, or use the ACPI way."),
        tone="warn",
    ),
    "quota": _Message(
        _("This would exceed a limit."),
        _("Free something first, or ask for a higher limit."),
        tone="warn",
    ),
    "cancelled": _Message(
        _("It was cancelled."),
        _("Nothing more will happen. Start it again if you want it."),
        tone="info",
    ),
    "host-down": _Message(
        _("The host is not answering."),
        _("What you see may be old. It is tried again by itself."),
        _("Host %(host)s is not answering."),
    ),
    "unready": _Message(
        _("The portal cannot use its database now: it is busy, full or away."),
        _("Wait a moment, then look whether it was done before you try again."),
    ),
}

OBSTACLES: dict[str, Text] = {
    offers.Obstacle.NONE: "",
    offers.Obstacle.NO_RIGHT: _("You do not have this right here. Ask an administrator for it."),
    offers.Obstacle.NOT_RUNNING: _("The guest is not running. Start it first."),
    offers.Obstacle.RUNNING: _("The guest is running. Shut it down first."),
    offers.Obstacle.NOT_OFF: _("The guest is not shut off. Shut it down first."),
    offers.Obstacle.SNAPSHOTS: _("It has snapshots, which know it by its name. Delete them first."),
    offers.Obstacle.PAUSED: _("The guest is paused. Resume it first."),
    offers.Obstacle.NOT_PAUSED: _("The guest is not paused."),
    offers.Obstacle.SHUTTING_DOWN: _("The guest is shutting down. Wait, or force it off."),
    offers.Obstacle.SUSPENDED: _("The guest sleeps. Resume it first."),
    offers.Obstacle.CRASHED: _("The guest has crashed. Reset it, or force it off."),
    offers.Obstacle.NOT_ANSWERING: _("QEMU does not answer. Wait, or force the guest off."),
    offers.Obstacle.TRANSIENT: _("The guest has no stored definition. It is gone when it stops."),
    offers.Obstacle.SAVED_STATE: _("A saved state is waiting. Start continues from it."),
    offers.Obstacle.NO_SAVED_STATE: _("There is no saved state."),
    offers.Obstacle.NO_AGENT: _("The guest agent is not connected."),
    offers.Obstacle.FROZEN: _("Its file systems are frozen. Thaw them first."),
    offers.Obstacle.NOT_FROZEN: _("Its file systems are not frozen."),
    offers.Obstacle.NO_SCREEN: _("The guest has no VNC screen."),
    offers.Obstacle.NO_SERIAL: _("The guest has no serial port."),
    offers.Obstacle.NOT_SUPPORTED: _("This host cannot do it."),
    offers.Obstacle.TEMPLATE: _("It is a template: new guests are made of it, it does not change."),
    offers.Obstacle.LIMITED: _(
        "It is limited, and taking it away would lift that. Ask an administrator."
    ),
    offers.Obstacle.LIMITED_BESIDE: _(
        "A device of this kind is limited already, and another without a limit would get around"
        " that. Ask an administrator."
    ),
    offers.Obstacle.NO_TEMPLATE: _("It is no template."),
    offers.Obstacle.HOST_AWAY: _("The host is not answering."),
    offers.Obstacle.MAINTENANCE: _("The host is in maintenance: no guest starts there."),
    offers.Obstacle.POOL_ACTIVE: _("The pool is active. Stop it first."),
    offers.Obstacle.POOL_STOPPED: _("The pool is stopped. Start it first."),
    offers.Obstacle.POOL_FIXED: _("libvirt cannot do this in a pool of this type."),
    offers.Obstacle.POOL_TRANSIENT: _(
        "The pool has no stored definition. It is gone when it stops."
    ),
    offers.Obstacle.VOLUME_USED: _("It is in use. Take it away from its users first."),
    offers.Obstacle.VOLUME_USED_NOW: _("A running guest has it. Shut the guest down first."),
    offers.Obstacle.INSIDE_FORMAT: _(
        "Only raw and qcow2 disks can be looked into. Clone it to one of these formats first."
    ),
    offers.Obstacle.INSIDE_ENCRYPTED: _(
        "The image is encrypted as a whole: nobody can look inside without its key."
    ),
    offers.Obstacle.INSIDE_CHAIN: _(
        "It builds on something that is in no active pool of this host: that is never opened."
    ),
    offers.Obstacle.VOLUME_RUNNING: _("A running guest writes to it. Shut the guest down first."),
    offers.Obstacle.NETWORK_ACTIVE: _("The network is started already."),
    offers.Obstacle.NETWORK_INACTIVE: _("The network is stopped. Start it first."),
    offers.Obstacle.NETWORK_TRANSIENT: _(
        "The network has no stored definition. It is gone when it stops."
    ),
    offers.Obstacle.NETWORK_WITHOUT_DHCP: _("The network gives out no addresses."),
    offers.Obstacle.NETWORK_ATTACHED: _("No guest has lost its link."),
    offers.Obstacle.SNAPSHOT_NO_DISK: _("The guest has no disk that could be kept."),
    offers.Obstacle.SNAPSHOT_DISKS: _("A disk of the guest is no image file that can be kept."),
    offers.Obstacle.SNAPSHOT_FORMAT: _(
        "Memory can only be kept where every disk is a qcow2 image. A disk here is not."
    ),
    offers.Obstacle.SNAPSHOT_UEFI: _(
        "The memory of a guest with UEFI firmware cannot be kept. Shut it down, or keep its disks."
    ),
    offers.Obstacle.SNAPSHOT_VCPUS: _(
        "Virtual CPUs were added since it started: QEMU could not load its memory again. "
        "Shut it down and start it first."
    ),
    offers.Obstacle.SNAPSHOT_DEVICES: _(
        "The memory of a guest with devices of the host cannot be kept."
    ),
    offers.Obstacle.SNAPSHOT_OFF: _("The guest is shut off: it has no memory to keep."),
    offers.Obstacle.SNAPSHOT_EXTERNAL: _(
        "The libvirt of this host cannot go back to an external snapshot. It needs 9.9 or newer."
    ),
    offers.Obstacle.SNAPSHOT_DEADLY: _(
        "Its memory was kept after virtual CPUs were added: QEMU cannot load it, and the guest "
        "would be lost."
    ),
    offers.Obstacle.SNAPSHOT_OTHER: _(
        "The guest had other disks, networks or devices then. Connect those again first."
    ),
    offers.Obstacle.SNAPSHOT_SAVED: _(
        "A saved state is waiting. Restore or discard it first: it does not fit older disks."
    ),
    offers.Obstacle.SNAPSHOT_SHARED: _(
        "Another guest or image uses one of its disks: going back would destroy what that reads."
    ),
    offers.Obstacle.SNAPSHOT_LIMITS: _(
        "Its disks or interfaces are limited now and were not so then. Ask an administrator."
    ),
}

_REASONS: dict[str, Text] = {
    "guest.suspend": _("The guest is already paused."),
    "guest.resume": _("The guest is not paused."),
}


def problem(found: errors.Problem, *, detail: str = "") -> Said:
    """The sentence, step and tone of this problem, in the language that is active now.

    detail: libvirt's own words, from `services.sight.told`: not everybody may read them.
    """
    message = _PROBLEMS.get(found.code, _PROBLEMS["fault"])
    sentence, step = str(message.general), str(message.step)
    if isinstance(found, errors.Invalid) and found.fields:
        sentence = " ".join(found.fields.values())
        step = step if any(found.fields) else ""  # no field to correct: the sentence says it all
    elif message.exact:
        values = _in_words(found.context)
        try:
            sentence = str(message.exact) % values
        except KeyError:
            sentence = str(message.general)
    return Said(sentence, step, message.tone, detail)


def obstacle(offer: offers.Offer) -> str:
    """Why this offer is not possible; empty when it is."""
    if offer.obstacle is offers.Obstacle.NO_RIGHT:
        return _now("You do not have the right “%(verb)s” here. Ask an administrator for it.") % {
            "verb": words.right(offer.verb).label
        }
    if offer.obstacle in (offers.Obstacle.PAUSED, offers.Obstacle.NOT_PAUSED):
        return str(_REASONS.get(offer.verb, OBSTACLES[offer.obstacle]))
    return str(OBSTACLES.get(offer.obstacle, OBSTACLES[offers.Obstacle.NOT_SUPPORTED]))


def _in_words(context: Mapping[str, str]) -> dict[str, str]:
    """The context with verbs and states said in the reader's language."""
    said = dict(context)
    if "verb" in said:
        said["verb"] = str(words.verb(said["verb"]).label)
    if said.get("state") in set(records.GuestState):
        said["state"] = str(words.guest_state(said["state"]).label)
    return said
