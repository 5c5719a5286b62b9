"""What Django answers by itself, in our words."""

from __future__ import annotations

import sys

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from kvmweb.core.errors import Fault, NotFound, Unknown
from kvmweb.services import database
from kvmweb.web import respond


@respond.open_door("says only that the request was not understood")
def not_understood(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A field that does not exist, a broken address, far too many fields."""
    if isinstance(exception, TooManyFieldsSent):
        said = _("That is too much at once. Choose at most 1,000.")
        return respond.problem(request, Unknown(fields={"": said}))
    return respond.problem(request, Unknown())


@respond.open_door("says only that nothing is there")
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """No such address: the same page as for an object that does not exist for this person."""
    return respond.problem(request, NotFound())


@respond.open_door("says only that something broke")
def fault(request: HttpRequest) -> HttpResponse:
    """Something broke; Django has logged it with its trace."""
    error = sys.exc_info()[1]
    known = database.problem(error) if isinstance(error, Exception) else None
    return respond.problem(request, known or Fault())
