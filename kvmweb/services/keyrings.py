"""Keys and certificates with which the portal shows hosts who it is; made when first needed.

RSA for certificates: libvirt 9.0 does not start with a server key on elliptic curves (measured).
"""

from __future__ import annotations

import datetime as dt
import io
import ipaddress
import socket
import tarfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.db import transaction
from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.hub import keyrings
from kvmweb.services import addresses, audit
from kvmweb.services.guard import guarded_portal, internal, open_to_all
from kvmweb.store.models import KeyPair

BITS = 3072
DAYS = 3650
SHOWN = "kvmweb"


@open_to_all("a public key is public")
def public_key() -> str:
    """The line for authorized_keys."""
    return _pair("ssh").public


@open_to_all("a pure function")
def authorize_line(public: str) -> str:
    """What to run on the host, as the user that the portal signs in as."""
    return (
        "umask 077; mkdir -p ~/.ssh; "
        f"grep -qxF '{public}' ~/.ssh/authorized_keys 2>/dev/null || "
        f"echo '{public}' >> ~/.ssh/authorized_keys"
    )


@guarded_portal("host.add")
def bundle(actor: Actor, machine: str) -> bytes:
    """Certificate and key for a host, as a tar of the files where libvirt looks for them.

    Its key is kept nowhere: whoever lost it makes another bundle. Raises Invalid.
    """
    machine = machine.strip()
    addresses.uri(addresses.Address(addresses.Transport.TLS, machine))
    audit.tell(act="bundle", machine=machine)
    key = rsa.generate_private_key(65537, BITS)
    try:
        name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(machine))
    except ValueError:
        name = x509.DNSName(machine)
    certificate = _signed(machine, key, ExtendedKeyUsageOID.SERVER_AUTH, [name])
    return _tar(
        {
            "etc/pki/CA/cacert.pem": (_pair("ca").public, 0o644),
            "etc/pki/libvirt/servercert.pem": (_pem(certificate), 0o644),
            "etc/pki/libvirt/private/serverkey.pem": (_pem_of_key(key), 0o600),
        }
    )


@internal("the service of hosts has judged")
def ensure(transport: addresses.Transport) -> None:
    """The portal's own keys for this transport are there."""
    if transport is addresses.Transport.SSH:
        _pair("ssh")
    elif transport is addresses.Transport.TLS:
        _pair("client")


@internal("the service of hosts has judged")
def checked(ca: str, certificate: str, key: str) -> None:
    """That these belong together. Raises Invalid with the fields that are wrong."""
    wrong = {}
    loaded = None
    for field, text in (("tls_ca", ca), ("tls_certificate", certificate)):
        try:
            loaded = x509.load_pem_x509_certificate(text.encode())
        except ValueError:
            wrong[field] = _("This is not a certificate in PEM form.")
    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        wrong["tls_key"] = _("This is not a private key in PEM form without a password.")
    else:
        if not wrong and loaded and _bytes(private.public_key()) != _bytes(loaded.public_key()):
            wrong["tls_key"] = _("This key does not belong to the certificate.")
    if wrong:
        raise Invalid(fields=wrong)


def _bytes(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, form))  # type: ignore[attr-defined]


def _pair(name: str) -> KeyPair:
    found = KeyPair.objects.filter(name=name).first()
    if found:
        return found
    private, public = {"ssh": _make_ssh, "ca": _make_ca, "client": _make_client}[name]()
    with transaction.atomic():  # of two that make it at once, the first stays
        kept, _is_new = KeyPair.objects.get_or_create(
            name=name, defaults={"sealed": keyrings.seal(private), "public": public}
        )
    return kept


def _make_ssh() -> tuple[str, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private.decode(), f"{public.decode()} {SHOWN}@{socket.gethostname()}"


def _make_ca() -> tuple[str, str]:
    key = rsa.generate_private_key(65537, BITS)
    name = _name(f"{SHOWN} CA {socket.gethostname()}"[:64])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    built = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem_of_key(key), _pem(built)


def _make_client() -> tuple[str, str]:
    key = rsa.generate_private_key(65537, BITS)
    return _pem_of_key(key), _pem(_signed(SHOWN, key, ExtendedKeyUsageOID.CLIENT_AUTH, []))


def _signed(
    name: str, key: rsa.RSAPrivateKey, use: x509.ObjectIdentifier, names: list[x509.GeneralName]
) -> x509.Certificate:
    """A certificate of our CA."""
    ca = _pair("ca")
    signer = serialization.load_pem_private_key(keyrings.unseal(ca.sealed).encode(), None)
    issuer = x509.load_pem_x509_certificate(ca.public.encode())
    builder = _builder(_name(name[:64]), issuer.subject, key)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    usage = x509.KeyUsage(
        digital_signature=True, key_encipherment=True, key_cert_sign=False, crl_sign=False,
        content_commitment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .sign(signer, hashes.SHA256())  # type: ignore[arg-type] # ours is RSA
    )


def _builder(name: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=DAYS))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_of_key(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _tar(files: dict[str, tuple[str, int]]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for path, (text, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), mode
            entry.mtime = int(dt.datetime.now(dt.UTC).timestamp())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()
