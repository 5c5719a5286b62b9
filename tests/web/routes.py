"""Every address of the portal and who gets what there, written by hand: the words of the design."""

from __future__ import annotations

from dataclasses import dataclass, field

from kvmweb.core import refs
from kvmweb.definitions import hardware
from tests.hub import plain

GUEST = f"/guests/east/{plain.uuid(1)}/"
JOB = f"/activity/jobs/{plain.uuid(5)}/"
POOL = f"/storage/east/{plain.uuid(21)}/"
VOLUME = f"{POOL}volumes/{refs.volume_id(plain.uuid(21), 'disk')}/"
IN_POOL = VOLUME.removeprefix(POOL)
NETWORK = f"/networks/east/{plain.uuid(3)}/"
FILTER = f"/networks/filters/east/{plain.uuid(4)}/"
RNG_XML = (
    "<domain><devices><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    "</devices></domain>"
)
RNG = hardware.parse(RNG_XML)[0].key
NO_GUEST = f"/guests/east/{plain.uuid(99)}/"

SUBJECTS = (
    "anonymous", "half", "nobody", "viewer", "console", "operator", "auditor", "admin", "foreign",
)  # fmt: skip
"""half: password given, code owed. foreign: operator of another host. The others: of host east,
but auditor and admin: of everything."""
SIGNED_IN = frozenset({"nobody", "viewer", "console", "operator", "auditor", "admin", "foreign"})
WITH_RIGHTS = SIGNED_IN - {"nobody"}
SEE_GUEST = frozenset({"viewer", "console", "operator", "auditor", "admin"})
SEE_HOST = SEE_GUEST - {"console"}
AUDIT = frozenset({"auditor", "admin"})
ADMIN = frozenset({"admin"})
EVERYBODY = frozenset(SUBJECTS)
SECRET = f"/hosts/east/secrets/{plain.uuid(7)}/"
NO_SECRET = (WITH_RIGHTS - SEE_HOST) | ADMIN
"""There is none of that name: who may see secrets is told so, who may not is refused."""


@dataclass(frozen=True)
class Route:
    """allowed: who is let in. hidden: for whom the object does not exist (404); the rest of those
    with rights are refused (403)."""

    name: str
    path: str
    allowed: frozenset[str]
    method: str = "get"
    hidden: frozenset[str] = frozenset()
    data: dict[str, str] = field(default_factory=dict)


def open_(name: str, path: str, method: str = "get", /, **data: str) -> Route:
    return Route(name, path, EVERYBODY, method, data=data)


def own(name: str, path: str, method: str = "get", /, **data: str) -> Route:
    return Route(name, path, SIGNED_IN, method, data=data)


def listed(name: str, path: str) -> Route:
    """A collection: everybody with any right gets it, filtered."""
    return Route(name, path, WITH_RIGHTS)


def portal(
    name: str, path: str, allowed: frozenset[str], method: str = "get", /, **data: str
) -> Route:
    return Route(name, path, allowed, method, data=data)


def guest(
    name: str, path: str, allowed: frozenset[str], method: str = "get", /, **data: str
) -> Route:
    return Route(name, GUEST + path, allowed, method, WITH_RIGHTS - SEE_GUEST, data)


def binned(name: str, path: str, method: str, /, **data: str) -> Route:
    place = f"/bin/east/{plain.uuid(9)}/{path}"
    return Route(name, place, ADMIN, method, WITH_RIGHTS - SEE_HOST, data)


def pool(
    name: str, path: str, allowed: frozenset[str], method: str = "get", /, **data: str
) -> Route:
    return Route(name, POOL + path, allowed, method, WITH_RIGHTS - SEE_HOST, data)


def host(
    name: str, path: str, allowed: frozenset[str], method: str = "get", /, **data: str
) -> Route:
    return Route(name, f"/hosts/east/{path}", allowed, method, WITH_RIGHTS - SEE_HOST, data)


def console(
    name: str, path: str, allowed: frozenset[str], method: str = "get", /, **data: str
) -> Route:
    place = GUEST.replace("/guests/", "/consoles/") + path
    return Route(name, place, allowed, method, WITH_RIGHTS - SEE_GUEST, data)


def network(
    name: str, path: str, allowed: frozenset[str], method: str = "get", /, **data: str
) -> Route:
    return Route(name, NETWORK + path, allowed, method, WITH_RIGHTS - SEE_HOST, data)


def host_network(
    name: str, path: str, method: str = "get", allowed: frozenset[str] = ADMIN, /, **data: str
) -> Route:
    place = f"/networks/bridges/east/{path}"
    return Route(name, place, allowed, method, WITH_RIGHTS - SEE_HOST, data)


OPERATE = frozenset({"operator", "admin"})
SIT = frozenset({"console", "operator", "admin"})
ROUTES = [
    open_("alive", "/healthz"),
    open_("ready", "/readyz"),
    open_("language", "/preferences/language/", "post", language="en"),
    open_("theme", "/preferences/theme/", "post", theme="dark"),
    open_("account_login", "/sign-in/"),
    open_("account_code", "/sign-in/code/"),
    open_("setup", "/setup/some-token/"),
    open_("setup_form", "/setup/"),
    open_("account_reset", "/reset/some-token/"),
    open_("account_reset_form", "/reset/"),
    own("session_left", "/session/"),
    own("session_stay", "/session/stay/", "post"),
    own("me", "/me/"),
    own("me_prefer", "/me/preferences/", "post", language="en", theme="dark"),
    own("me_password", "/me/password/"),
    own("me_confirm", "/me/confirm/"),
    own("me_factor_on", "/me/second-factor/"),
    own("me_factor_off", "/me/second-factor/off/"),
    own("me_codes", "/me/second-factor/codes/"),
    own("me_end_others", "/me/sessions/end-others/", "post"),
    Route("me_end_session", "/me/sessions/999/end/", frozenset(), "post", SIGNED_IN),
    listed("overview", "/"),
    listed("search", "/search/?q=guest"),
    listed("guests", "/guests/"),
    listed("hosts", "/hosts/"),
    listed("storage", "/storage/"),
    listed("images", "/storage/images/"),
    pool("pool", "", SEE_HOST),
    portal("pool_create", "/storage/create/", ADMIN),
    Route("pool_default", "/storage/create/east/default/", ADMIN, "post", WITH_RIGHTS - SEE_HOST),
    Route(
        "pool_found", "/storage/create/east/found/?type=logical", ADMIN,
        hidden=WITH_RIGHTS - SEE_HOST,
    ),
    portal("storage_roots", "/storage/places/", ADMIN),
    Route("storage_root_remove", "/storage/places/999/remove/", frozenset(), "post", ADMIN),
    pool("pool_edit", "edit/", ADMIN, "post", target="/x", autostart="on"),
    pool("pool_act", "start/", ADMIN, "post"),
    pool("pool_act", "stop/", SEE_HOST),
    pool("pool_autostart", "autostart/", ADMIN, "post", enabled="on"),
    pool("pool_build", "build/", ADMIN, "post"),
    pool("pool_delete", "delete/", ADMIN, "post"),
    pool("volume_create", "create/", ADMIN, "post", name="a", capacity="1G"),
    pool("upload_dialog", "upload/", ADMIN),
    pool("fetch", "fetch/", ADMIN),
    pool("uploads", "uploads/", ADMIN),
    pool("uploads", "uploads/", ADMIN, "post", name="x", size="1"),
    Route("upload", f"{POOL}uploads/{plain.uuid(5)}/", frozenset(),
          hidden=WITH_RIGHTS - SEE_HOST | ADMIN),
    Route("upload_cancel", f"{POOL}uploads/{plain.uuid(5)}/cancel/", frozenset(), "post",
          hidden=WITH_RIGHTS - SEE_HOST | ADMIN),
    pool("volume_download", f"{IN_POOL}download/", ADMIN),
    pool("volume_download_ticket", f"{IN_POOL}download/ticket/", ADMIN, "post"),
    pool("volume_inside", f"{IN_POOL}inside/", ADMIN),
    pool("volume_inside_begin", f"{IN_POOL}inside/begin/", ADMIN, "post"),
    pool("volume_inside_end", f"{IN_POOL}inside/end/", ADMIN, "post"),
    pool("volume_inside_file", f"{IN_POOL}inside/file/?fs=/dev/sda1&path=/etc/shadow", ADMIN),
    pool("volume", IN_POOL, SEE_HOST),
    pool("volume_actions", f"{IN_POOL}actions/", SEE_HOST),
    pool("volume_attach", f"{IN_POOL}attach/", ADMIN, "post", guest=plain.uuid(1)),
    pool("volume_resize", f"{IN_POOL}resize/", ADMIN, "post", capacity="2G"),
    pool("volume_clone", f"{IN_POOL}clone/", ADMIN, "post", name="b", into=plain.uuid(21)),
    pool("volume_wipe", f"{IN_POOL}wipe/", ADMIN, "post", algorithm="zero", typed="disk"),
    pool("volume_delete", f"{IN_POOL}delete/", ADMIN, "post", typed="disk"),
    pool("volumes_delete", "volumes/delete/", ADMIN, "post", volume=plain.uuid(1)),
    Route(
        "volume_found", f"/storage/volumes/east/{VOLUME.split('/')[-2]}/", SEE_HOST,
        hidden=WITH_RIGHTS - SEE_HOST,
    ),
    listed("networks", "/networks/"),
    listed("topology", "/networks/topology/"),
    listed("bridges", "/networks/bridges/"),
    host_network("bridge_change", "create/"),
    host_network("bridge_settle", "settle/keep/", "post", trial="0"),
    listed("nwfilters", "/networks/filters/"),
    Route("nwfilter", FILTER, AUDIT, hidden=WITH_RIGHTS - AUDIT),
    Route("nwfilter_edit", f"{FILTER}edit/", ADMIN, hidden=WITH_RIGHTS - AUDIT),
    Route("nwfilter_delete", f"{FILTER}delete/", ADMIN, hidden=WITH_RIGHTS - AUDIT),
    portal("nwfilter_create", "/networks/filters/create/", ADMIN),
    guest("guest_filter", "filter/?mac=52:54:00:00:00:01", ADMIN),
    portal("network_create", "/networks/create/", ADMIN),
    network("network", "", SEE_HOST),
    network("network_definition", "definition/", AUDIT),
    network("network_edit", "edit/", ADMIN),
    network("network_duplicate", "duplicate/", ADMIN),
    network("network_reserve", "reserve/", ADMIN, "post", who="52:54:00:00:00:09", ip="10.9.0.9"),
    network("network_release", "release/", ADMIN, "post", key="52:54:00:00:00:09"),
    network("network_act", "stop/", ADMIN, "post"),
    network("network_act", "delete/", ADMIN, "post"),
    network("network_act", "autostart/", ADMIN, "post", enabled="on"),
    listed("activity", "/activity/"),
    Route("guests_bulk", "/guests/bulk/", WITH_RIGHTS, "post"),
    portal("guest_create", "/guests/create/", ADMIN),
    listed("guest_create_systems", "/guests/create/systems/?system=debian"),
    portal("guest_create_draft", "/guests/create/draft/", ADMIN, "post", source="empty"),
    guest("guest", "", SEE_GUEST),
    guest("guest_definition", "definition/", AUDIT),
    guest("guest_size", "size/", SEE_GUEST),
    guest("guest_definition_edit", "definition/edit/", ADMIN),
    guest("guest_history", "definition/history/", AUDIT),
    guest("guest_clone", "clone/", ADMIN),
    guest("guest_rename", "rename/", ADMIN, "post", name="other"),
    guest("guest_delete", "delete/", ADMIN),
    guest("guest_template", "template/", ADMIN),
    guest("guest_untemplate", "untemplate/", ADMIN, "post"),
    listed("bin", "/bin/"),
    portal("bin_days", "/bin/days/", ADMIN, "post", days="9"),
    binned("bin_back", "back/", "get"),
    binned("bin_back", "back/", "post", name="other"),
    binned("bin_purge", "purge/", "get"),
    binned("bin_purge", "purge/", "post", name="guest9"),
    guest("guest_snapshot", "snapshot/", SEE_GUEST),
    guest("guest_snapshot", "snapshot/", ADMIN, "post", name="x"),
    guest("guest_revert", "snapshots/first/revert/", SEE_GUEST),
    guest("guest_revert", "snapshots/first/revert/", ADMIN, "post"),
    guest("snapshot_delete", "snapshots/first/delete/", SEE_GUEST),
    guest("snapshot_delete", "snapshots/first/delete/", ADMIN, "post"),
    Route("snapshot_picture", f"{GUEST}snapshots/first/picture.png", frozenset(), hidden=WITH_RIGHTS
          - {"viewer", "auditor"}),
    guest("guest_project", "project/", ADMIN),
    guest("guest_describe", "describe/", ADMIN, "post", title="", definition_hash="x"),
    guest("guest_confirm", "confirm/destroy/", SEE_GUEST),
    guest("guest_media", "disks/sda/media/", SEE_GUEST),
    guest("guest_agent_channel", "agent/channel/", SEE_GUEST),
    guest("guest_agent_password", "agent/password/", SEE_GUEST),
    guest("guest_agent_password", "agent/password/", ADMIN, "post", user="root", password="x"),
    guest("guest_agent_keys", "agent/keys/", SEE_GUEST),
    guest("guest_agent_keys", "agent/keys/?user=root", ADMIN),
    guest("guest_agent_freeze", "agent/freeze/", ADMIN, "post"),
    guest("guest_agent_thaw", "agent/thaw/", OPERATE, "post"),
    guest("guest_agent_trim", "agent/trim/", OPERATE, "post"),
    guest("guest_agent_time", "agent/time/", OPERATE, "post"),
    guest("guest_card_add", "interfaces/add/", SEE_GUEST),
    guest("guest_card", "interfaces/52:54:00:00:00:01/", SEE_GUEST),
    guest("guest_card_link", "interfaces/52:54:00:00:00:01/link/", ADMIN, "post"),
    guest("guest_card_remove", "interfaces/52:54:00:00:00:01/remove/", ADMIN, "post"),
    guest("guest_hardware_add", "hardware/add/", SEE_GUEST),
    guest("guest_hardware_kind", "hardware/add/rng/", SEE_GUEST),
    guest("guest_hardware_kind", "hardware/add/pci-device/", ADMIN),
    guest("guest_hardware_kind", "hardware/add/rng/", ADMIN, "post", source="/dev/urandom"),
    guest("guest_spice", "hardware/spice/", SEE_GUEST),
    guest("guest_spice", "hardware/spice/", ADMIN, "post"),
    guest("guest_hardware", f"hardware/{RNG}/", SEE_GUEST),
    guest("guest_hardware_remove", f"hardware/{RNG}/remove/", ADMIN, "post"),
    guest("guest_disk_add", "disks/add/", SEE_GUEST),
    guest("guest_disk", "disks/sda/", SEE_GUEST),
    guest("guest_disk_limits", "disks/sda/limits/", SEE_GUEST),
    guest("guest_disk_limits", "disks/sda/limits/", ADMIN, "post", total_iops="5"),
    guest("guest_disk_move", "disks/sda/move/", SEE_GUEST),
    guest("guest_disk_detach", "disks/sda/detach/", ADMIN, "post"),
    guest("disk_inside", "disks/vda/inside/", ADMIN),
    guest("disk_inside_begin", "disks/vda/inside/begin/", ADMIN, "post"),
    guest("disk_inside_end", "disks/vda/inside/end/", ADMIN, "post"),
    guest("disk_inside_file", "disks/vda/inside/file/?fs=/dev/sda1&path=/etc/shadow", ADMIN),
    guest("guest_disk_size", "disks/sda/size/", SEE_GUEST),
    guest("guest_boot", "boot/", SEE_GUEST),
    guest("guest_tuning", "set-up/clock/", SEE_GUEST),
    guest("guest_tuning", "set-up/backing/", ADMIN, "post", page_size="0"),
    guest("guest_cycle", "cycle/", OPERATE, "post"),
    guest("guest_eject", "disks/sda/eject/", ADMIN, "post"),
    guest("guest_actions", "actions/", SEE_GUEST),
    guest("guest_act", "start/", OPERATE, "post"),
    guest("guest_act", "destroy/", OPERATE, "post"),
    guest("guest_act", "autostart/", ADMIN, "post", enabled="on"),
    console("console_ticket", "serial/ticket/", SIT, "post", mode="watch"),
    console("console_keys", "keys/", SIT, "post", keys="ctrl-alt-delete"),
    console("console_thumbnail", "thumbnail.png", SIT),
    console("console_card", "card/", SEE_GUEST),
    console("console_window", "serial/", SEE_GUEST),
    Route("host", "/hosts/east/", SEE_HOST, hidden=WITH_RIGHTS - SEE_HOST),
    Route("host-check", "/hosts/east/check/", SEE_HOST, "post", WITH_RIGHTS - SEE_HOST),
    portal("host-certificates", "/hosts/certificates/", ADMIN, "post", machine="-x"),
    host("host-edit", "edit/", ADMIN),
    host("host-retest", "test/", ADMIN, "post"),
    host("host-enable", "enable/", ADMIN, "post"),
    host("host-disable", "disable/", ADMIN, "post"),
    host("host-maintain", "maintenance/", ADMIN, "post", reason="x"),
    host("host-maintain-end", "maintenance/end/", ADMIN, "post"),
    host("host-devices", "devices/", SEE_HOST),
    host("host-devices-look", "devices/look/", SEE_HOST, "post"),
    host("host-secrets", "secrets/", ADMIN),
    host("host-secret-add", "secrets/add/", ADMIN, "post", usage="ceph"),
    Route("host-secret-value", f"{SECRET}value/", frozenset(), "post", NO_SECRET),
    Route("host-secret-delete", f"{SECRET}delete/", frozenset(), "post", NO_SECRET),
    portal("host-add", "/hosts/add/", ADMIN),
    portal("host-test", "/hosts/test/", ADMIN, "post", name="x", transport="demo"),
    Route(
        "host-remove", "/hosts/east/remove/", ADMIN, "post", hidden=WITH_RIGHTS - SEE_HOST
    ),
    Route("job", JOB, frozenset(), hidden=WITH_RIGHTS),
    Route("job_cancel", f"{JOB}cancel/", frozenset(), "post", WITH_RIGHTS),
    portal("audit", "/activity/audit/", AUDIT),
    portal("audit_export", "/activity/audit/export/", AUDIT),
    portal("people", "/people/", AUDIT),
    portal("people_add", "/people/add/", ADMIN),
    portal("person", "/people/{victim}/", AUDIT),
    portal("person_edit", "/people/{victim}/edit/", ADMIN, "post", display_name="V", email=""),
    portal("person_password", "/people/{victim}/password/", ADMIN, "post", password="short"),
    portal("person_reset_link", "/people/{victim}/reset-link/", ADMIN, "post"),
    portal("person_enable", "/people/{victim}/enable/", ADMIN, "post"),
    portal("person_disable", "/people/{victim}/disable/", ADMIN, "post"),
    portal("person_end_sessions", "/people/{victim}/end-sessions/", ADMIN, "post"),
    portal("person_reset_factor", "/people/{victim}/reset-second-factor/", ADMIN, "post"),
    portal("teams", "/people/teams/", AUDIT),
    portal("teams_add", "/people/teams/add/", ADMIN, "post", name="Fresh"),
    portal("team", "/people/teams/{team}/", AUDIT),
    portal("team_rename", "/people/teams/{team}/rename/", ADMIN, "post", name="Other"),
    portal("team_remove", "/people/teams/{team}/remove/", ADMIN, "post"),
    portal("team_add_member", "/people/teams/{team}/add-member/", ADMIN, "post", person="{victim}"),
    portal(
        "team_remove_member", "/people/teams/{team}/remove-member/", ADMIN, "post",
        person="{victim}",
    ),
    portal("projects", "/people/projects/", AUDIT),
    portal("projects_add", "/people/projects/add/", ADMIN, "post", name="Fresh"),
    portal("project", "/people/projects/{project}/", AUDIT),
    portal("project_change", "/people/projects/{project}/change/", ADMIN, "post", name="Other"),
    portal("project_remove", "/people/projects/{project}/remove/", ADMIN, "post"),
    portal("project_put_in", "/people/projects/{project}/put-in/", ADMIN, "post", guest="x"),
    portal(
        "project_take_out", "/people/projects/{project}/take-out/", ADMIN, "post", what="{part}"
    ),
    portal("grants", "/people/grants/", AUDIT),
    portal("grant_give", "/people/grants/give/", ADMIN),
    portal("grant_guests", "/people/grants/guests/", WITH_RIGHTS),
    portal("grant_revoke", "/people/grants/{grant}/revoke/", ADMIN),
    portal("grant_revoke", "/people/grants/{grant}/revoke/", ADMIN, "post"),
    portal("roles", "/people/roles/", AUDIT),
    portal("role_add", "/people/roles/add/", ADMIN),
    portal("role_edit", "/people/roles/own/edit/", ADMIN),
    portal("role_remove", "/people/roles/own/remove/", ADMIN, "post"),
    own("account_logout", "/sign-out/", "post"),
]  # fmt: skip
