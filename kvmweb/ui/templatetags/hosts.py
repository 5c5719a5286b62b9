"""Template filters of the pages about hosts."""

from __future__ import annotations

from django import template

from kvmweb.core.devices import SecretUsage
from kvmweb.ui import secrets
from kvmweb.ui.words import Text

register = template.Library()


@register.filter
def secret_usage(kind: SecretUsage) -> Text:
    """What a secret is for."""
    return secrets.usage(kind)
