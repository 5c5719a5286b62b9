"""What Django answers by itself, in our words."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from kvmweb.core.errors import Fault, NotFound
from kvmweb.web import respond


@respond.open_door("says only that nothing is there")
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """No such address: the same page as for an object that does not exist for this person."""
    return respond.problem(request, NotFound())


@respond.open_door("says only that something broke")
def fault(request: HttpRequest) -> HttpResponse:
    """Something broke; Django has logged it with its trace."""
    return respond.problem(request, Fault())
