"""A press of a control, by the word of its offer: from a button, a bulk job or the API."""

from __future__ import annotations

from collections.abc import Callable

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.services import once, power
from kvmweb.services.guard import open_to_all
from kvmweb.services.power_line import Outcome

_ACTS: dict[str, Callable[[Actor, Ref], Outcome]] = {
    "guest.start": power.start,
    "guest.start_paused": lambda actor, ref: power.start(actor, ref, paused=True),
    "guest.restore": power.start,
    "guest.start_fresh": lambda actor, ref: power.start(actor, ref, reset_saved=True),
    "guest.shutdown": power.shutdown,
    "guest.shutdown_acpi": lambda actor, ref: power.shutdown(actor, ref, mode="acpi"),
    "guest.shutdown_agent": lambda actor, ref: power.shutdown(actor, ref, mode="agent"),
    "guest.reboot": power.reboot,
    "guest.reboot_agent": lambda actor, ref: power.reboot(actor, ref, mode="agent"),
    "guest.suspend": power.suspend,
    "guest.resume": power.resume,
    "guest.save": power.save,
    "guest.discard": power.discard,
    "guest.reset": power.reset,
    "guest.nmi": power.nmi,
    "guest.destroy": power.destroy,
    "guest.autostart_on": lambda actor, ref: power.autostart(actor, ref, enabled=True),
    "guest.autostart_off": lambda actor, ref: power.autostart(actor, ref, enabled=False),
}
WORDS = frozenset(_ACTS)
MODES = {
    ("guest.shutdown", "acpi"): "guest.shutdown_acpi",
    ("guest.shutdown", "agent"): "guest.shutdown_agent",
    ("guest.reboot", "agent"): "guest.reboot_agent",
    ("guest.autostart", "on"): "guest.autostart_on",
    ("guest.autostart", "off"): "guest.autostart_off",
}


@open_to_all("calls the one guarded function of this word")
def press(actor: Actor, ref: Ref, word: str, *, key: str = "") -> Outcome:
    """Do it, unless this very click was done already. Raises Invalid for an unknown word, and
    what the act raises.
    """
    act = _ACTS.get(word)
    if act is None:
        raise Invalid(f"no such act: {word[:40]}")
    with once.only(actor, ref, word, key) as is_first:
        return act(actor, ref) if is_first else Outcome.UNCHANGED
