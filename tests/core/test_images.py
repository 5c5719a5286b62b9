"""Image headers against real images of qemu-img, and against crafted ones."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core import images
from kvmweb.core.images import Disc, Facts, Trouble

MIB = 1024 * 1024


def made(folder: Path, kind: str, size: str = "64M", *options: str) -> Path:
    path = folder / f"image.{kind}"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", kind, *options, str(path), size], check=True, cwd=folder
    )
    return path


def read(path: Path) -> Facts:
    with path.open("rb") as file:
        facts = images.inspect(file.read(images.FIRST), path.stat().st_size)
        if facts.wants:
            file.seek(0)
            facts = images.inspect(file.read(facts.wants), path.stat().st_size)
    return facts


@pytest.mark.parametrize("kind", ["raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc", "qed"])
def test_every_format_is_known_and_its_size_is_qemus(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)
    told = json.loads(
        subprocess.run(
            ["qemu-img", "info", "--output=json", "-f", kind, str(path)],
            check=True,
            capture_output=True,
        ).stdout
    )
    facts = read(path)
    assert (facts.format, facts.virtual_size) == (kind, told["virtual-size"])
    assert facts.troubles == ()


@pytest.mark.parametrize(
    "options",
    [("-o", "compat=0.10"), ("-o", "cluster_size=512"), ("-o", "extended_l2=on"),
     ("-o", "lazy_refcounts=on"), ("-o", "compression_type=zstd")],
)  # fmt: skip
def test_qcow2_in_all_its_forms_is_no_trouble(tmp_path: Path, options: tuple[str, ...]) -> None:
    facts = read(made(tmp_path, "qcow2", "64M", *options))
    assert (facts.format, facts.virtual_size, facts.troubles) == ("qcow2", 64 * MIB, ())


@pytest.mark.parametrize(
    "backing",
    ["/etc/shadow", 'json:{"driver":"file","filename":"/etc/shadow"}', "nbd://10.0.0.1/x", "b.img"],
)
@pytest.mark.parametrize("kind", ["qcow2", "qed", "qcow"])
def test_a_backing_file_is_seen_however_it_is_named(
    tmp_path: Path, kind: str, backing: str
) -> None:
    path = made(tmp_path, kind, "64M", "-u", "-b", backing, "-F", "raw")
    facts = read(path)
    assert (facts.backing, facts.troubles) == (backing, (Trouble.BACKING,))
    assert facts.format == kind


def test_a_data_file_is_seen_by_name_and_by_its_bit(tmp_path: Path) -> None:
    facts = read(made(tmp_path, "qcow2", "64M", "-o", "data_file=other.raw"))
    assert (facts.data_file, facts.troubles) == ("other.raw", (Trouble.DATA_FILE,))


def test_luks_in_qcow2_is_encrypted_and_no_trouble(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    path = tmp_path / "image.qcow2"
    command = [
        "qemu-img", "create", "-q", "-f", "qcow2", "--object", f"secret,id=s,file={secret}",
        "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", str(path), "8M",
    ]  # fmt: skip
    # On a busy machine qemu-img may find that it cannot measure its own speed.
    assert any(subprocess.run(command, check=False).returncode == 0 for _try in range(10))
    facts = read(path)
    assert (facts.is_encrypted, facts.troubles) == (True, ())


def test_vmdk_with_extents_elsewhere_opens_other_files(tmp_path: Path) -> None:
    path = made(tmp_path, "vmdk", "64M", "-o", "subformat=monolithicFlat")
    facts = read(path)
    assert (facts.troubles, facts.others) == ((Trouble.EXTERNAL,), ("image-flat.vmdk",))
    assert facts.virtual_size == 64 * MIB


def test_vmdk_on_a_parent_opens_it(tmp_path: Path) -> None:
    made(tmp_path, "vmdk").rename(tmp_path / "parent.vmdk")
    path = made(tmp_path, "vmdk", "64M", "-b", "parent.vmdk", "-F", "vmdk")
    facts = read(path)
    assert (facts.troubles, facts.others) == ((Trouble.EXTERNAL,), ("parent.vmdk",))
    stream = made(tmp_path, "vmdk", "64M", "-o", "subformat=streamOptimized")
    assert read(stream).troubles == ()


def test_differences_to_another_image_are_external(tmp_path: Path) -> None:
    vdi = bytearray(made(tmp_path, "vdi").read_bytes())
    vdi[76] = 4
    assert images.inspect(bytes(vdi), len(vdi)).troubles == (Trouble.EXTERNAL,)
    vdi[76], vdi[0x1A8] = 1, 7
    assert images.inspect(bytes(vdi), len(vdi)).troubles == (Trouble.EXTERNAL,)
    vpc = bytearray(made(tmp_path, "vpc").read_bytes())
    vpc[63] = 4
    assert images.inspect(bytes(vpc), len(vpc)).troubles == (Trouble.EXTERNAL,)


def test_vhdx_with_a_parent_is_external(tmp_path: Path) -> None:
    path = made(tmp_path, "vhdx")
    data = bytearray(path.read_bytes())
    at = data.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"))
    (place,) = struct.unpack_from("<I", data, at + 16)
    region = data.rindex(b"metadata", 0, at)
    data[region + place + 4] |= 2
    path.write_bytes(data)
    assert read(path).troubles == (Trouble.EXTERNAL,)


@pytest.mark.parametrize(
    ("field", "value", "trouble"),
    [
        (">60xI", 70_000, Trouble.SNAPSHOTS),
        (">36xI", 2**31, Trouble.BROKEN),
        (">20xI", 30, Trouble.BROKEN),
        (">72xQ", 2, Trouble.CORRUPT),
        (">72xQ", 1 << 40, Trouble.BROKEN),
        (">24xQ", 2**63 + 5, Trouble.BROKEN),
        (">100xI", 8, Trouble.BROKEN),
        (">32xI", 1, Trouble.OLD_ENCRYPTION),
        (">8xQ", 2**40, Trouble.BACKING),
    ],
)
def test_a_header_that_lies_is_told(
    tmp_path: Path, field: str, value: int, trouble: Trouble
) -> None:
    data = bytearray(made(tmp_path, "qcow2").read_bytes())
    skipped = struct.calcsize(field[:-1])
    struct.pack_into(">" + field[-1], data, skipped, value)
    assert trouble in images.inspect(bytes(data), len(data)).troubles


def test_a_claim_is_read_as_it_stands(tmp_path: Path) -> None:
    facts = read(made(tmp_path, "qcow2", "2P", "-o", "cluster_size=2M"))
    assert facts.virtual_size == 2 * 1024**5


def iso(volume: str, publisher: str = "", size: int = 50 * 2048) -> bytes:
    sector = bytearray(2048)
    sector[:7] = b"\x01CD001\x01"
    sector[8:40] = b"LINUX".ljust(32)
    sector[40:72] = volume.encode().ljust(32)
    struct.pack_into("<I", sector, 80, size // 2048)
    struct.pack_into("<H", sector, 128, 2048)
    sector[318:446] = publisher.encode().ljust(128)
    sector[574:702] = b"APP".ljust(128)
    return bytes(0x8000) + bytes(sector) + bytes(4096)


def test_the_ids_of_an_iso_are_read() -> None:
    facts = images.inspect(iso("Debian 12.5.0 amd64 n", "PUB"), 50 * 2048)
    assert facts.format == "iso"
    assert facts.disc == Disc("Debian 12.5.0 amd64 n", "LINUX", "PUB", "APP", 50 * 2048)


def test_a_disc_with_a_boot_record_starts_a_pc() -> None:
    data = bytearray(iso("TINY"))
    assert images.inspect(data, len(data)).disc == Disc("TINY", "LINUX", "", "APP", 50 * 2048)
    data[0x8800:0x8820] = b"\0CD001\x01EL TORITO SPECIFICATION\0\0"
    disc = images.inspect(data, len(data)).disc
    assert disc is not None
    assert disc.is_bootable


def test_the_ids_of_a_hostile_disc_are_short_and_plain() -> None:
    data = bytearray(iso("x"))
    data[0x8008:0x8800] = b"\xff" * 2040
    data[0x8028:0x8048] = "\x1b]0;\u202eevil\x07\n<b>\u2066".encode().ljust(32, b"\x01")
    disc = images.inspect(data, len(data)).disc
    assert disc is not None
    assert disc.volume_id == "]0;evil<b>"
    assert disc.system_id == "\ufffd" * 32
    assert len(disc.application_id) == 128
    assert disc.size == 0xFFFFFFFF * 0xFFFF


@pytest.mark.parametrize("length", [0, 0x8000, 0x8007, 0x8400, 0x87FF])
def test_what_ends_within_its_descriptor_is_no_disc(length: int) -> None:
    data = iso("Debian 12.5.0 amd64 n")[:length]
    assert images.inspect(data, length) == Facts("raw", virtual_size=length)


def udf(name: str, *, anchor: int = 32) -> bytearray:
    """As mkudffs lays it out: recognition from sector 16 on, an anchor in 256, descriptors."""
    data = bytearray(257 * 2048)
    for number, mark in enumerate((b"BEA01", b"NSR03", b"TEA01"), start=16):
        data[number * 2048 : number * 2048 + 7] = b"\0" + mark + b"\1"
    field = b"\x10" + name.encode("utf-16-be")
    field = field.ljust(31, b"\0") + bytes([len(field)])
    tagged(data, 256, 2, struct.pack("<II", 16 * 2048, anchor))
    tagged(data, 33, 1, bytes(8) + field)
    return data


def tagged(data: bytearray, sector: int, kind: int, body: bytes) -> None:
    tag = bytearray(struct.pack("<HHBBHHHI", kind, 3, 0, 0, 1, 0, 0, sector))
    tag[4] = sum(tag) % 256
    data[sector * 2048 : sector * 2048 + 16 + len(body)] = bytes(tag) + body


def test_a_disc_with_udf_alone_is_known_by_the_name_of_its_volume() -> None:
    facts = images.inspect(udf("CCCOMA_X64"), 10 * MIB)
    assert (facts.format, facts.disc) == ("iso", Disc("CCCOMA_X64"))
    assert len(udf("x")) <= images.DISC


def test_udf_whose_descriptors_are_not_where_they_should_be_has_no_name() -> None:
    lost = udf("x", anchor=2**31)
    broken = udf("x")
    broken[256 * 2048 + 4] ^= 1
    for data in (lost, broken, udf("x")[: 100 * 2048]):
        facts = images.inspect(data, len(data))
        assert (facts.format, facts.disc) == ("iso", Disc("")), len(data)


def test_a_raw_disk_is_known_by_nothing() -> None:
    assert images.inspect(b"", 0) == Facts("raw")
    table = bytes(510) + b"\x55\xaa" + bytes(1024)
    assert images.inspect(table, MIB) == Facts("raw", virtual_size=MIB, has_partitions=True)


@pytest.mark.parametrize(
    ("magic", "name"),
    [(b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\x00", "xz"), (b"PK\x03\x04", "zip")],
)
def test_what_is_packed_as_a_whole_is_said(magic: bytes, name: str) -> None:
    facts = images.inspect(magic + bytes(1000), 1000)
    assert (facts.format, facts.troubles) == (name, (Trouble.COMPRESSED,))


@pytest.mark.parametrize(
    "magic",
    [b"QFI\xfb", b"QED\0", b"KDMV", b"COWD", b"# Disk DescriptorFile", b"vhdxfile", b"conectix",
     bytes(64) + struct.pack("<I", 0xBEDA107F)],
)  # fmt: skip
@given(rest=st.binary(max_size=600))
def test_no_bytes_at_all_break_the_reading(magic: bytes, rest: bytes) -> None:
    facts = images.inspect(magic + rest, 10**6)
    assert 0 <= facts.virtual_size < 2**63
    assert facts.wants <= 16 * MIB
