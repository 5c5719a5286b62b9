"""The portal's own certificate: right names, private, made once."""

from __future__ import annotations

import datetime
import socket
import ssl
import stat

import time_machine
from cryptography import x509

from kvmweb.management import certificate


def test_names_cover_every_way_to_this_machine(tmp_path):
    made, _ = certificate.ensure(tmp_path / "tls")
    loaded = x509.load_pem_x509_certificate(made.read_bytes())
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", socket.gethostname()} <= set(names.get_values_for_type(x509.DNSName))
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1"}


def test_files_are_for_the_owner_only(tmp_path):
    for path in certificate.ensure(tmp_path / "tls"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_second_start_keeps_it(tmp_path):
    made, _ = certificate.ensure(tmp_path)
    before = made.read_bytes()
    certificate.ensure(tmp_path)
    assert made.read_bytes() == before


def test_ours_is_renewed_before_it_expires(tmp_path):
    made, _ = certificate.ensure(tmp_path)
    before = made.read_bytes()
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=800)
    with time_machine.travel(later):
        certificate.ensure(tmp_path)
    assert made.read_bytes() != before


def test_tls_accepts_it(tmp_path):
    made, key = certificate.ensure(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
