"""The HTTP door's addresses, a noun a line."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from kvmweb.web import (
    consoles,
    devices,
    creation,
    guest_page,
    guests,
    health,
    host_page,
    hosts,
    jobs,
    maintenance,
    networks,
    overview,
    pools,
    power,
    preferences,
    search,
    secrets,
    volumes,
)

HOST = "hosts/<slug:host>/"
POOL = "storage/<slug:host>/<uuid:uuid>/"
VOLUME = f"{POOL}volumes/<uuid:volume>/"
GUEST = "guests/<slug:host>/<uuid:uuid>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("", overview.show, name="overview"),
    path("search/", search.find, name="search"),
    path("preferences/language/", preferences.language, name="language"),
    path("preferences/theme/", preferences.theme, name="theme"),
    path("guests/", guests.list_, name="guests"),
    path("guests/bulk/", jobs.bulk, name="guests_bulk"),
    path("guests/create/", creation.create, name="guest_create"),
    path("guests/create/systems/", creation.find_systems, name="guest_create_systems"),
    path("guests/create/draft/", creation.draft, name="guest_create_draft"),
    path(GUEST, guest_page.detail, name="guest"),
    path(f"{GUEST}actions/", guest_page.actions, name="guest_actions"),
    path(f"{GUEST}definition/", guest_page.definition, name="guest_definition"),
    path(f"{GUEST}describe/", guest_page.describe, name="guest_describe"),
    path(f"{GUEST}confirm/<slug:path>/", power.confirm, name="guest_confirm"),
    # Last of the guests: every other word is a verb.
    path(f"{GUEST}<slug:path>/", power.act, name="guest_act"),
    path("hosts/", hosts.list_, name="hosts"),
    path("hosts/add/", hosts.add, name="host-add"),
    path("hosts/test/", hosts.test, name="host-test"),
    path(HOST, host_page.show, name="host"),
    path(f"{HOST}check/", host_page.check, name="host-check"),
    path(f"{HOST}maintenance/", maintenance.enter, name="host-maintain"),
    path(f"{HOST}maintenance/end/", maintenance.leave, name="host-maintain-end"),
    path(f"{HOST}devices/", devices.list_, name="host-devices"),
    path(f"{HOST}devices/look/", devices.look, name="host-devices-look"),
    path(f"{HOST}secrets/", secrets.list_, name="host-secrets"),
    path(f"{HOST}secrets/add/", secrets.add, name="host-secret-add"),
    path(f"{HOST}secrets/<uuid:uuid>/value/", secrets.value, name="host-secret-value"),
    path(f"{HOST}secrets/<uuid:uuid>/delete/", secrets.delete, name="host-secret-delete"),
    path(f"{HOST}remove/", hosts.remove, name="host-remove"),
    path("storage/", pools.list_, name="storage"),
    path("storage/volumes/<slug:host>/<uuid:volume>/", volumes.find, name="volume_found"),
    path(POOL, pools.detail, name="pool"),
    path(VOLUME, volumes.detail, name="volume"),
    path("networks/", networks.list_, name="networks"),
    path("activity/jobs/<uuid:job>/", jobs.show, name="job"),
    path("activity/jobs/<uuid:job>/cancel/", jobs.cancel, name="job_cancel"),
    path("activity/", include("kvmweb.web.activity")),
    path("activity/audit/", include("kvmweb.web.audit")),
    path("me/", include("kvmweb.web.me")),
    path("people/", include("kvmweb.web.people")),
    path("people/teams/", include("kvmweb.web.teams")),
    path("people/grants/", include("kvmweb.web.grants")),
    path("people/roles/", include("kvmweb.web.roles")),
    path("", include("kvmweb.web.accounts")),
    *consoles.urlpatterns,
]
