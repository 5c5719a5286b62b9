"""The card of a guest's agent: what state it is in, what it said, what it can be asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from kvmweb.core.agent import AgentCard, AgentFacts, AgentState
from kvmweb.core.details import GuestDetails
from kvmweb.core.offers import Offer
from kvmweb.ui import commands, controls, messages
from kvmweb.ui.controls import Control
from kvmweb.ui.templatetags import kvmweb as tags
from kvmweb.ui.words import State, Text

PACKAGES: tuple[tuple[Text, str], ...] = (
    ("Debian, Ubuntu", "apt install qemu-guest-agent"),
    ("Fedora, RHEL, openEuler", "dnf install qemu-guest-agent"),
    ("Alpine", "apk add qemu-guest-agent && rc-update add qemu-guest-agent"),
    ("Windows", "virtio-win: guest-agent\\qemu-ga-x86_64.msi"),
)
"""What brings the agent into a guest."""
_STATES: dict[AgentState, State] = {
    AgentState.NO_RIGHT: State(gettext_lazy("No right"), "lock", "calm"),
    AgentState.NO_CHANNEL: State(gettext_lazy("No channel"), "unlink", "calm"),
    AgentState.WAITS: State(gettext_lazy("At the next start"), "clock", "warn"),
    AgentState.OFF: State(gettext_lazy("Guest not running"), "off", "calm"),
    AgentState.NOT_CONNECTED: State(gettext_lazy("Not connected"), "unlink", "calm"),
    AgentState.READING: State(gettext_lazy("Asking…"), "busy", "busy"),
    AgentState.ANSWERING: State(gettext_lazy("Answering"), "good", "good"),
    AgentState.FROZEN: State(pgettext_lazy("file systems", "Frozen"), "asleep", "warn"),
    AgentState.SILENT: State(gettext_lazy("Does not answer"), "clock", "warn"),
    AgentState.AWAY: State(gettext_lazy("Host not answering"), "unlink", "calm"),
}
_MISSING: dict[str, Text] = {
    "system": gettext_lazy("operating system"),
    "hostname": gettext_lazy("host name"),
    "timezone": gettext_lazy("time zone"),
    "file_systems": gettext_lazy("file systems"),
    "users": gettext_lazy("users"),
    "links": gettext_lazy("interfaces"),
}


@dataclass(frozen=True, slots=True)
class AgentFace:
    """Context of `guests/agent_card.html`."""

    card: AgentCard
    dom_id: str
    shown: State
    acts: tuple[Control, ...]
    thaw: Control | None
    no_plug: str
    missing: str
    clock: str
    clock_tone: str
    guestinfo: str
    packages: tuple[tuple[Text, str], ...] = PACKAGES

    @property
    def facts(self) -> AgentFacts | None:
        """Shorter in templates."""
        return self.card.facts


def face(card: AgentCard, details: GuestDetails) -> AgentFace:
    """Everything ready for the template, in the language that is active now."""
    uri, record = details.host.uri, details.record
    found = controls.all_of(commands.with_commands(card.offers, uri, record), card.ref)
    is_frozen = card.state is AgentState.FROZEN
    missing = card.facts.missing if card.facts else ()
    hidden = "guest.freeze" if is_frozen else "guest.thaw"
    shown = [it for it in found if it.verb != hidden]
    return AgentFace(
        card=card,
        dom_id=f"{card.ref.dom_id}-agent",
        shown=_STATES[card.state],
        acts=tuple(shown),
        thaw=next((it for it in shown if it.verb == "guest.thaw"), None),
        no_plug=messages.obstacle(Offer("guest.edit", card.plug)),
        missing=", ".join(str(_MISSING.get(it, it)) for it in missing),
        clock=_clock(card.facts),
        clock_tone="" if card.facts is None or card.facts.is_in_step else "warn",
        guestinfo=commands.guest(uri, "guest.agent", record),
    )  # fmt: skip


def _clock(facts: AgentFacts | None) -> str:
    """How right it is; empty where it was not told."""
    if facts is None or facts.clock_off_s is None:
        return ""
    if facts.is_in_step:
        return pgettext("a clock", "right")
    words = _("%(time)s ahead") if facts.clock_off_s > 0 else _("%(time)s behind")
    return words % {"time": tags.period(round(abs(facts.clock_off_s)))}


def plugged(when: str) -> str:
    """What came of giving it a channel."""
    if when == "next":
        return _("The channel is stored. The guest has it at its next start.")
    return _("The channel is there. Install the agent in the guest if it has none.")


def frozen(count: int) -> str:
    """What came of a freeze."""
    if not count:
        return _("The guest has no file system that can be frozen.")
    return ngettext(
        "%(n)d file system is frozen.", "%(n)d file systems are frozen.", count
    ) % {"n": count}  # fmt: skip


def thawed(count: int) -> str:
    """What came of a thaw."""
    if not count:
        return _("No file system was frozen.")
    return ngettext(
        "%(n)d file system was thawed.", "%(n)d file systems were thawed.", count
    ) % {"n": count}  # fmt: skip


def short(key: str) -> tuple[str, str]:
    """A public key as people know it: its type and end, and its comment."""
    kind, _space, rest = key.partition(" ")
    blob, _space, comment = rest.partition(" ")
    return f"{kind} …{blob[-12:]}", comment


def attach(details: GuestDetails) -> str:
    """virt-xml's line: virsh takes a file."""
    words = ["virt-xml", *(["--connect", details.host.uri] if details.host.uri else [])]
    guest = commands.guest_word(details.record.name, details.record.uuid)
    live = ["--update"] if details.record.state.is_active else []
    channel = "unix,target.type=virtio,target.name=org.qemu.guest_agent.0"
    return shlex.join([*words, guest, "--add-device", "--channel", channel, *live])
