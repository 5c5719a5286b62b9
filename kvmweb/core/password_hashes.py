"""SHA-512 crypt, `$6$…`: how Linux keeps a password. Python's own `crypt` is gone from 3.13 on.

Source: Ulrich Drepper, Unix crypt using SHA-256 and SHA-512, https://akkadia.org/drepper/SHA-crypt.txt.
"""

from __future__ import annotations

import hashlib
import secrets

ROUNDS = 100_000
"""Twenty times the default: 0.3 s here, once for each guest."""
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DEFAULT_ROUNDS = 5000


def sha512(password: str, *, salt: str = "", rounds: int = ROUNDS) -> str:
    """The hash to store; with a fresh salt where none is given."""
    salt = salt or "".join(secrets.choice(_ALPHABET) for _ in range(16))
    digest = _digest(password.encode(), salt.encode(), rounds)
    given = "" if rounds == _DEFAULT_ROUNDS else f"rounds={rounds}$"
    return f"$6${given}{salt}${_encode(digest)}"


def _digest(password: bytes, salt: bytes, rounds: int) -> bytes:
    """Steps 1 to 21 of the specification."""
    other = hashlib.sha512(password + salt + password).digest()
    first = hashlib.sha512(password + salt + _stretched(other, len(password)))
    length = len(password)
    while length:
        first.update(other if length & 1 else password)
        length >>= 1
    digest = first.digest()
    long_password = _stretched(hashlib.sha512(password * len(password)).digest(), len(password))
    long_salt = _stretched(hashlib.sha512(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(rounds):
        turn = hashlib.sha512(long_password if number & 1 else digest)
        if number % 3:
            turn.update(long_salt)
        if number % 7:
            turn.update(long_password)
        turn.update(digest if number & 1 else long_password)
        digest = turn.digest()
    return digest


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encode(digest: bytes) -> str:
    """Step 22: three bytes a time, from all over the digest, six bits a letter."""
    places = [(0, 21, 42)]
    while len(places) < 21:
        a, b, c = places[-1]
        places.append((b + 1, c + 1, a + 1))
    letters = [_letters(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in places]
    return "".join([*letters, _letters(digest[63], 2)])


def _letters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 0x3F] for place in range(count))
