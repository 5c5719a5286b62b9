"""Media as choices: by their pool, with their size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.core.media import Medium
from kvmweb.ui.templatetags.kvmweb import size


def choices(found: Mapping[str, Iterable[Medium]]) -> list[Any]:
    """For a select, nothing chosen."""
    groups = [
        (pool, [(it.id, f"{it.name}, {size(it.capacity)}") for it in media])
        for pool, media in found.items()
    ]
    return [("", _("Choose…")), *groups]
