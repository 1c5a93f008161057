"""A certificate for 127.0.0.1, made anew for every run."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# The last is how containers call this machine.
_NAMES = ("localhost", "host.docker.internal")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The two PEM files of a self-signed certificate."""

    certificate: Path
    private_key: Path


def create_certificate(directory: Path) -> Certificate:
    """Write a certificate for 127.0.0.1 and localhost, valid for a day, into the directory."""
    key = ec.generate_private_key(ec.SECP256R1())
    files = Certificate(directory / "certificate.pem", directory / "private-key.pem")
    files.certificate.write_bytes(_sign(key).public_bytes(serialization.Encoding.PEM))
    files.private_key.touch(mode=0o600)
    files.private_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _sign(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local stack")])
    now = datetime.datetime.now(datetime.UTC)
    # An hour back: clocks of virtual machines step.
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension, critical in _extensions(key.public_key()):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def _extensions(key: ec.EllipticCurvePublicKey) -> list[tuple[x509.ExtensionType, bool]]:
    """What OpenSSL's strict checks, Python's default from 3.13 on, want of a trusted leaf."""
    address = ipaddress.ip_address("127.0.0.1")
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([x509.IPAddress(address), *map(x509.DNSName, _NAMES)]), False),
    ]
