"""What a password of a person must be."""

from __future__ import annotations

from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
)
from django.utils.translation import gettext, ngettext


class LongEnough(MinimumLengthValidator):
    """Django's own in words of ours: Django 5.2 has its sentence in English only."""

    def get_error_message(self) -> str:
        """Shown beside the field."""
        return ngettext(
            "It must contain at least %(count)d character.",
            "It must contain at least %(count)d characters.",
            self.min_length,
        ) % {"count": self.min_length}


class UnlikeThePerson(UserAttributeSimilarityValidator):
    """Django's own, which would name the column of the table."""

    def __init__(self) -> None:
        super().__init__(user_attributes=("username", "display_name", "email"))

    def get_error_message(self) -> str:
        """Shown beside the field."""
        return gettext("It is too much like the name or the e-mail address.")
