"""Parts of the frame that look the same on page after page: rendered once, then kept."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

KEPT = 512
"""Parts kept by a process: the largest has 8 KiB."""
_TOKEN = "kvmweb-token-of-this-page"  # noqa: S105 - where the token goes

_INDENTED = re.compile(r"\s*\n\s*")
"""Indentation is for who reads the template; it was a tenth of the frame."""


@register.simple_tag(takes_context=True)
def kept(context: template.Context, name: str, **given: Any) -> SafeString:
    """`{% kept "parts/masthead.html" theme=theme %}`: as `include … only`, for values that hash.

    Nothing but what is named here reaches the template, so the same names always look the same;
    the language goes with them, and the token of its forms is put in afterwards.
    """
    html = _rendered(name, translation.get_language(), get_script_prefix(), tuple(given.items()))
    if _TOKEN in html:
        html = html.replace(_TOKEN, str(context.get("csrf_token") or ""))
    return mark_safe(html)  # noqa: S308 - made by the template


@lru_cache(maxsize=KEPT)
def _rendered(
    name: str, _language: str | None, _prefix: str, given: tuple[tuple[str, Any], ...]
) -> str:
    html = render_to_string(name, {**dict(given), "csrf_token": _TOKEN})
    return _INDENTED.sub("\n", html.strip())
