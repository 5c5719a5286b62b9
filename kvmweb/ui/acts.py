"""What was done, and how it went, in the words of the audit."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from kvmweb.ui import words
from kvmweb.ui.words import State, Text

_ACTS: dict[str, Text] = {
    "sign-in": _("Sign in"),
    "sign-out": _("Sign out"),
    "set-up": _("Set up the portal"),
    "me.password": _("Change one's own password"),
    "me.second-factor": _("Change one's own second factor"),
    "me.end-session": _("End one's own session"),
    "me.confirm": _("Confirm by password"),
    "audit.export": _("Export the audit"),
    "console.open": _("Open a console"),
    "console.close": _("Close a console"),
}

_DETAILS: dict[str, Text] = {
    "add": _("added"),
    "edit": _("changed"),
    "enable": _("enabled"),
    "disable": _("disabled"),
    "password": _("password set"),
    "reset-link": _("password link made"),
    "end-sessions": _("sessions ended"),
    "reset-second-factor": _("second factor reset"),
    "add-team": _("team added"),
    "rename-team": _("team renamed"),
    "remove-team": _("team removed"),
    "add-member": _("member added"),
    "remove-member": _("member removed"),
    "test": _("connection tested"),
    "bundle": _("certificates for a host made"),
    "maintenance-on": _("maintenance began"),
    "maintenance-off": _("maintenance ended"),
    "bridge-create": _("bridge made, on trial"),
    "bridge-attach": _("interface put into a bridge, on trial"),
    "bridge-detach": _("interface taken out of a bridge, on trial"),
    "bridge-delete": _("bridge deleted, on trial"),
    "network-keep": _("change of the network kept"),
    "network-return": _("former network brought back"),
    "define-secret": _("secret made"),
    "set-secret": _("value of a secret set"),
    "delete-secret": _("secret deleted"),
    "held-frozen": _("copied while it ran, its file systems held still by the agent"),
    "held-paused": _("copied while it ran, paused for a moment"),
    "held-still": _("copied while it was paused"),
    "untemplate": _("made a guest again"),
    "bring-back": _("brought back from the recycle bin"),
    "purge": _("deleted for good"),
    "days-over": _("its days in the recycle bin are over"),
    "bin-days": _("days of the recycle bin set"),
    "osinfo": _("database of operating systems renewed"),
    "give": _("grant given"),
    "move": _("disk moved"),
    "revoke": _("grant taken back"),
    "download": _("file downloaded"),
    "end": _("closed"),
    "save-role": _("role changed"),
    "remove-role": _("role removed"),
}

_OUTCOMES: dict[str, State] = {
    "ok": State(_("Done"), "good", "good"),
    "begun": State(_("Begun"), "busy", "warn"),
    "denied": State(_("Refused"), "lock", "bad"),
    "out-of-bounds": State(_("Refused"), "lock", "bad"),
    "not-found": State(_("Not found"), "search", "warn"),
    "wrong-state": State(_("Wrong state"), "warn", "warn"),
    "exists": State(_("Exists already"), "warn", "warn"),
    "busy": State(_("Busy"), "clock", "warn"),
    "conflict": State(_("Conflict"), "warn", "warn"),
    "invalid": State(_("Invalid input"), "warn", "warn"),
    "overlap": State(_("Already in use"), "warn", "warn"),
    "not-supported": State(_("Not supported"), "warn", "warn"),
    "agent-silent": State(_("Agent silent"), "warn", "warn"),
    "quota": State(_("Over a limit"), "warn", "warn"),
    "cancelled": State(_("Cancelled"), "off", "calm"),
    "maintenance": State(_("Host in maintenance"), "wrench", "warn"),
    "host-down": State(_("Host away"), "unlink", "bad"),
    "unready": State(_("Database busy"), "clock", "bad"),
    "fault": State(_("Failed"), "bad", "bad"),
}


OUTCOMES = tuple(_OUTCOMES)
"""All that can be looked for."""


def label(verb: str) -> Text:
    """What this act is called."""
    return _ACTS.get(verb) or words.verb(verb).label


def detail(act: str) -> Text:
    """What a change of people was exactly."""
    return _DETAILS.get(act, act)


def shown(outcome: str) -> State:
    """How it went: word, icon and tone."""
    return _OUTCOMES.get(outcome) or State(outcome, "info", "calm")


def outcome(code: str) -> Text:
    """How it went, as a word."""
    return shown(code).label
