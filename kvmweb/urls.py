"""Every page of the portal."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("kvmweb.web.urls")),
]
handler400 = "kvmweb.web.errors.not_understood"
handler404 = "kvmweb.web.errors.not_found"
handler500 = "kvmweb.web.errors.fault"
