"""Forms that refuse what they do not know and keep what was typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.http import HttpRequest

from kvmweb.core.errors import Invalid

ALWAYS = {"csrfmiddlewaretoken", "next", "back"}


class Strict(forms.Form):
    """A form that answers 400 to a field it does not have, and to the same field twice."""

    required_css_class = "is-required"

    def __init__(self, data: Any = None, **rest: Any) -> None:
        rest.setdefault("label_suffix", "")
        super().__init__(data, **rest)
        if data is None:
            return
        names = {self.add_prefix(name) for name in self.fields}
        strange = set(data) - names - ALWAYS
        twice = {
            name
            for name in set(data) & names
            if hasattr(data, "getlist")
            and len(data.getlist(name)) > 1
            and not isinstance(self.fields[name], forms.MultipleChoiceField)
        }
        if strange or twice:
            raise BadRequest(f"unknown or repeated fields: {sorted(strange | twice)[:5]}")

    def add_invalid(self, invalid: Invalid) -> None:
        """Show the problems that the service found beside their fields."""
        for name, sentence in invalid.fields.items():
            self.add_error(name if name in self.fields else None, sentence)

    def add_further(self, faults: Mapping[str, str]) -> None:
        """Show what else the service would find, beside fields that are right as far as they go."""
        self.add_invalid(
            Invalid(fields={name: why for name, why in faults.items() if name not in self.errors})
        )


def posted(request: HttpRequest, kind: Callable[..., Strict], **rest: Any) -> Any:
    """The form bound to what was posted, or empty for a page that is only looked at."""
    data: Mapping[str, Any] | None = request.POST if request.method == "POST" else None
    return kind(data, **rest)


def attempt(
    form: Strict,
    act: Callable[[], Any],
    faults: Callable[..., Mapping[str, str]] | None = None,
) -> Any:
    """What the service answered, or True where it answers nothing; None when the form stays open.

    act: called with a right form only; what it objects to stands beside the fields. faults: called
    with what is right of a wrong one, so that everything is said at once.
    """
    if not form.is_valid():
        if form.is_bound and faults:
            form.add_further(faults(**form.cleaned_data))
        return None
    try:
        made = act()
    except Invalid as invalid:
        form.add_invalid(invalid)
        return None
    return True if made is None else made
