"""Templates: guests that do not run, which new guests are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemplateMark:
    """What a template carries in its own definition. Source: our element in <metadata>.

    at: seconds since the epoch; by: who made it one. The rest: what cloud-init tells a new guest
    unless somebody says otherwise; never a password, for whoever sees the definition reads it.
    """

    at: float
    by: str = ""
    user: str = ""
    keys: str = ""
    packages: str = ""
    text: str = ""
