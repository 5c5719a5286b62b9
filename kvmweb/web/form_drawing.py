"""Draws the form controls that pages have most of without a template: a list of two thousand
volumes took four hundred milliseconds through one template for every option."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

WIDGETS = "django/forms/widgets"
Widget = Mapping[str, Any]
"""What Django's own templates are given as `widget`."""


class Renderer(DjangoTemplates):
    """Django's own, and the same markup faster."""

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> str:
        """context: with the widget, as Django's templates are given it."""
        draw = DRAWN.get(template_name)
        if draw is None:
            return super().render(template_name, context, request)
        return mark_safe(draw(context["widget"]))  # noqa: S308 - escaped part by part


def _attributes(widget: Widget) -> str:
    parts = []
    for name, value in widget["attrs"].items():
        if value is True:
            parts.append(f" {escape(name)}")
        elif value is not False:
            parts.append(f' {escape(name)}="{_text(value)}"')
    return "".join(parts)


def _text(value: object) -> str:
    return escape(value if isinstance(value, SafeString) else str(value))


def _input(widget: Widget) -> str:
    value = widget["value"]
    said = "" if value is None else f' value="{_text(value)}"'
    name = escape(widget["name"])
    return f'<input type="{escape(widget["type"])}" name="{name}"{said}{_attributes(widget)}>'


def _select(widget: Widget) -> str:
    parts = [f'<select name="{escape(widget["name"])}"{_attributes(widget)}>']
    for group, options, _index in widget["optgroups"]:
        drawn = (
            f'<option value="{_text(it["value"])}"{_attributes(it)}>{escape(it["label"])}</option>'
            for it in options
        )
        text = "".join(drawn)
        parts.append(f'<optgroup label="{escape(group)}">{text}</optgroup>' if group else text)
    return "".join([*parts, "</select>"])


DRAWN: dict[str, Callable[[Widget], str]] = {
    f"{WIDGETS}/select.html": _select,
    **{
        f"{WIDGETS}/{kind}.html": _input
        for kind in ("text", "number", "email", "url", "password", "hidden", "checkbox")
    },
}
