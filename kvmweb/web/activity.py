"""What is going on: jobs, and the way to the audit for those who may."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from kvmweb.services import jobs, rights
from kvmweb.ui import jobs as face
from kvmweb.web import respond


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """The newest jobs: one's own, or everybody's for who may see them."""
    actor = request.actor  # type: ignore[attr-defined]
    context = {
        "jobs": [face.card(job) for job in jobs.list_(actor)],
        "may_audit": rights.held(actor, "audit.view"),
        "tab": "jobs",
    }
    return respond.page(request, "audit/jobs.html", context)


urlpatterns = [path("", list_, name="activity")]
