"""Alive and ready, as JSON."""

from __future__ import annotations

import dataclasses

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kvmweb.services import health
from kvmweb.web.respond import open_door


@open_door("monitoring has no session; nothing in the answer is secret")
@never_cache
@require_safe
def alive(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "alive" if health.is_alive() else "ending"})


@open_door("monitoring has no session; nothing in the answer is secret")
@never_cache
@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """503 while requests cannot be served."""
    found = health.readiness()
    answer = {"status": "ready" if found.is_ready else "not-ready", **dataclasses.asdict(found)}
    return JsonResponse(answer, status=200 if found.is_ready else 503)
