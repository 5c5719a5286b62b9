"""The face: words, tones, icons and fragments."""

from __future__ import annotations

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Makes the template tags known."""

    name = "kvmweb.ui"
    label = "ui"
