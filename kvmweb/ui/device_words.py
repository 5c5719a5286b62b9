"""When a change of a device is so: at once, at the next start, or when the guest lets go."""

from __future__ import annotations

from django.utils.translation import gettext as _


def saved(when: str) -> str:
    """Of something that was changed."""
    if when == "next":
        return _("Saved. All of it is so after the next shut-down and start.")
    if when == "same":
        return _("Nothing was different.")
    return _("Saved. It is so already.")


def no_slot() -> str:
    """Of something that could be added to the stored definition only."""
    return _(
        "The running guest has no free slot for another device. It is stored, and there after the"
        " next shut-down and start."
    )


def gone(when: str) -> str:
    """Of something that was to be taken away; empty when it is."""
    if when == "asked":
        return _(
            "The guest was asked to let go of it and has not done so. It is not used from the next"
            " start on; until then the guest keeps it."
        )
    if when == "next":
        return _("The running guest keeps it. It is gone after the next shut-down and start.")
    return ""
