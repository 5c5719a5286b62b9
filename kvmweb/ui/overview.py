"""The overview's tiles: which states are shown, and in which order."""

from __future__ import annotations

from typing import Any

from kvmweb.core.records import GuestState
from kvmweb.ui import words

_ALWAYS = (GuestState.RUNNING, GuestState.PAUSED, GuestState.SHUT_OFF)
_WHEN_ANY = (GuestState.SHUTTING_DOWN, GuestState.SUSPENDED, GuestState.CRASHED)


def states(numbers: dict[str, int]) -> dict[str, Any]:
    """Context: state, how it is shown, and how many guests are in it. Blocked counts as running."""
    counted = dict(numbers)
    counted["running"] = counted.get("running", 0) + counted.pop("blocked", 0)
    shown = [*_ALWAYS, *(state for state in _WHEN_ANY if counted.get(state))]
    return {
        "states": [
            (state.value, words.guest_state(state), counted.get(state, 0)) for state in shown
        ]
    }
