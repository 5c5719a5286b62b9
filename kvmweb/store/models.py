"""Where Django looks for models; each noun has its own file."""

from kvmweb.store.audit import AuditEntry
from kvmweb.store.connections import KeyPair
from kvmweb.store.consoles import Seat, Ticket
from kvmweb.store.freezes import GuestFreeze
from kvmweb.store.hosts import Host
from kvmweb.store.jobs import Job, JobWorker
from kvmweb.store.people import CustomRole, Grant, Person, ResetLink, RightsEpoch, SetupLink, Team
from kvmweb.store.projects import Belonging, Project
from kvmweb.store.sessions import Session
from kvmweb.store.settings import Setting
from kvmweb.store.snapshots import SnapshotPicture
from kvmweb.store.storage import StorageRoot
from kvmweb.store.uploads import Image, TransferTicket, Upload, UploadPart
from kvmweb.store.versions import GuestVersion

__all__ = [
    "AuditEntry",
    "Belonging",
    "CustomRole",
    "Grant",
    "GuestFreeze",
    "GuestVersion",
    "Host",
    "Image",
    "Job",
    "JobWorker",
    "KeyPair",
    "Person",
    "Project",
    "ResetLink",
    "RightsEpoch",
    "Seat",
    "Session",
    "Setting",
    "SetupLink",
    "SnapshotPicture",
    "StorageRoot",
    "Team",
    "Ticket",
    "TransferTicket",
    "Upload",
    "UploadPart",
]
