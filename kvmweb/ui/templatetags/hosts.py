"""Template filters of the pages about hosts."""

from __future__ import annotations

from django import template

from kvmweb.core.connections import Identity
from kvmweb.core.devices import SecretUsage
from kvmweb.ui import reach, secrets
from kvmweb.ui.words import Text

register = template.Library()


@register.filter
def secret_usage(kind: SecretUsage) -> Text:
    """What a secret is for."""
    return secrets.usage(kind)


@register.filter
def identity(found: Identity) -> Text:
    """Whose keys a connection uses."""
    return reach.IDENTITIES[found]


@register.filter
def transport(word: str) -> Text:
    """How a connection travels."""
    return reach.TRANSPORTS.get(word, reach.TRANSPORTS[""])
