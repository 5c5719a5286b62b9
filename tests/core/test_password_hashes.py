"""SHA-512 crypt against the specification's own vectors and against OpenSSL."""

from __future__ import annotations

import subprocess

import pytest

from kvmweb.core import password_hashes


@pytest.mark.parametrize("password", ["x", "correct horse", "密码" * 30, "y" * 200])
@pytest.mark.parametrize("salt", ["a", "0123456789abcdef"])
def test_it_is_what_openssl_makes_of_it(password: str, salt: str) -> None:
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "-stdin"],
        input=f"{password}\n".encode(), capture_output=True, check=True,
    )  # fmt: skip
    assert password_hashes.sha512(password, salt=salt, rounds=5000) == done.stdout.decode().strip()


def test_rounds_are_said_as_the_specification_wants() -> None:
    """Drepper's vector for 10,000 rounds; its salt is cut to 16 letters by the caller."""
    assert password_hashes.sha512("Hello world!", salt="saltstringsaltst", rounds=10_000) == (
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/"
        "UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
    )


def test_two_hashes_of_one_password_differ() -> None:
    first, second = (password_hashes.sha512("x", rounds=1000) for _ in range(2))
    assert first != second
    assert first.startswith("$6$rounds=1000$")
