"""How a guest is set up beside its devices: what its host can give it, and changing one part."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.errors import Invalid
from kvmweb.core.hardware import PASS
from kvmweb.core.hosts import HardwareRecord
from kvmweb.core.hosts import Part as HostPart
from kvmweb.core.records import GuestRecord, HostRecord
from kvmweb.core.refs import Ref
from kvmweb.core.tuning import PARTS, FirmwareChoice, Part
from kvmweb.core.tuning_choices import TuningChoices
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, parts, present, tuning_rules
from kvmweb.services.guard import guarded

FIRMWARE_S = 30.0
"""What the old firmware was told is deleted from a pool."""
_NAMES = {kind: name for name, kind in PARTS.items()}


@guarded("guest.view")
def ask(actor: Actor, ref: Ref) -> TuningChoices:
    """What the guest's host can give it. Raises NotFound."""
    return _choices(actor, ref, present.record(present.guest(ref)))


@guarded("guest.edit")
def edit(
    actor: Actor, ref: Ref, wanted: Part, *, definition_hash: str = "", is_sure: bool = False
) -> str:
    """Store this part, and do at once what a running guest takes: `now`, `next` or `same`.

    is_sure: another firmware may leave what is installed without a way to start.

    Raises: Invalid (fields), Conflict, WrongState, HostDown, and what libvirt says.
    """
    record = present.record(present.reachable(ref))
    name = _NAMES[type(wanted)]
    before = getattr(record.next_tuning, name)
    wrong = tuning_rules.faults(wanted, before, record, _choices(actor, ref, record))
    if isinstance(wanted, FirmwareChoice) and wanted != before and not is_sure:
        wrong["is_sure"] = _("Say that you mean it.")
    if wrong:
        raise Invalid(fields=wrong)
    plain = wire.to_plain(wanted)
    old = wire.to_plain(before)
    audit.running().detail.update(
        part=name,
        before={field: old[field] for field in plain if plain[field] != old[field]},
        after={field: plain[field] for field in plain if plain[field] != old[field]},
    )
    said = {"uuid": ref.id, "wanted": plain, "definition_hash": definition_hash}
    if isinstance(wanted, FirmwareChoice):
        return str(client.call(ref.host, "guest.tune_firmware", deadline_s=FIRMWARE_S, **said))
    return str(client.call(ref.host, "guest.tune", part=name, **said))


def _choices(actor: Actor, ref: Ref, record: GuestRecord) -> TuningChoices:
    host = ref.host
    row = mirror.HostMirror.objects.filter(host=host).first()
    domains = wire.from_plain(HostRecord, row.record).domains if row and row.record else ()
    own = next((facts for facts in domains if facts.virt_type == record.virt_type), None)
    found = parts.read(host, HostPart.HARDWARE, HardwareRecord)
    hardware = found.record if found else None
    return TuningChoices(
        cpu_modes=own.cpu_modes if own else (),
        models=own.cpu_models if own else (),
        cells=hardware.cells if hardware else (),
        huge_pages=hardware.huge_pages if hardware else (),
        firmwares=_firmwares(own),
        may_lock=judge.can(actor, PASS, ref),
    )


def _firmwares(facts: DomainFacts | None) -> tuple[str, ...]:
    found = ["bios"]
    found += ["efi"] if facts and facts.has_efi else []
    return (*found, *(["secure"] if facts and facts.has_secure_boot else []))
