"""Secrets that travel once, and how they are named where they must not be read."""

from __future__ import annotations

import hashlib
import secrets


def fresh() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What is stored of a secret and may be logged: its SHA-256. Empty stays empty."""
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""
