"""Controls that are drawn without a template are what Django's own templates draw."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from kvmweb.web.form_drawing import DRAWN, Renderer

HOSTILE = "\"><img src=x onerror='alert(1)'>&amp;"


class Sight(HTMLParser):
    """Tags with their attributes, and texts, as a browser meets them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.seen.append(data.strip())


def sight(html: str) -> list[Any]:
    found = Sight()
    found.feed(html)
    return found.seen


class Everything(forms.Form):
    text = forms.CharField(widget=forms.TextInput(attrs={HOSTILE: HOSTILE, "spellcheck": False}))
    number = forms.IntegerField(min_value=0, max_value=9)
    email = forms.EmailField(help_text="hint")
    url = forms.URLField(assume_scheme="https")
    password = forms.CharField(widget=forms.PasswordInput(render_value=True))
    hidden = forms.CharField(widget=forms.HiddenInput)
    yes = forms.BooleanField()
    no = forms.BooleanField(required=False, disabled=True)
    plain = forms.ChoiceField(choices=[("", "–"), ("a", HOSTILE), (HOSTILE, "b"), (7, 8)])
    grouped = forms.ChoiceField(choices=[("x", "X"), (HOSTILE, [("y", "Y"), ("z", "Z")])])
    several = forms.MultipleChoiceField(choices=[("1", "one"), ("2", "two"), ("3", "three")])


VALUES = {
    "text": HOSTILE, "number": "0", "email": "", "url": "javascript:1", "password": "s3cret",
    "hidden": HOSTILE, "yes": "on", "plain": HOSTILE, "grouped": "z", "several": ["1", "3"],
}  # fmt: skip


@pytest.mark.parametrize("data", [None, VALUES, {}], ids=["fresh", "filled", "refused"])
@pytest.mark.parametrize("name", Everything.base_fields)
def test_a_control_is_drawn_as_django_draws_it(name: str, data: Any) -> None:
    ours, theirs = (
        Everything(data, renderer=Renderer()),
        Everything(data, renderer=DjangoTemplates()),
    )
    assert sight(str(ours[name])) == sight(str(theirs[name]))


def test_every_drawn_control_is_among_them() -> None:
    kinds = {field.widget.template_name for field in Everything.base_fields.values()}
    assert set(DRAWN) <= kinds | {"django/forms/widgets/select.html"}
