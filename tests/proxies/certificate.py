"""A certificate for `localhost` that nobody trusts but who is told to."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """`both` has the certificate and its key, as HAProxy wants them."""

    certificate: Path
    key: Path
    both: Path

    def context(self) -> ssl.SSLContext:
        """For clients that trust it."""
        return ssl.create_default_context(cafile=self.certificate)


def self_signed(folder: Path) -> Certificate:
    """A new one, good for two days."""
    made = Certificate(folder / "events.pem", folder / "events.key", folder / "both.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:0.0.0.0"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-keyout", str(made.key), "-out", str(made.certificate)),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    made.both.write_text(made.certificate.read_text() + made.key.read_text())
    return made
