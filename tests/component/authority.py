"""Certificates as servers have them, right and wrong in every way, made anew for each test."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCALHOST = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost"))
_DAY = datetime.timedelta(days=1)
_CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is not as it should be with a certificate; days are counted from now."""

    from_day: int = -1
    until_day: int = 1
    names: tuple[x509.GeneralName, ...] = LOCALHOST
    without: tuple[type[x509.ExtensionType], ...] = ()
    basic_constraints_critical: bool = True


NOTHING = Wrong()


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with a certificate, and with the key to sign others."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def authority(name: str, issuer: Holder | None = None, wrong: Wrong = NOTHING) -> Holder:
    """Return a certificate authority: a root, or an intermediate one."""
    extensions = [
        (x509.BasicConstraints(ca=True, path_length=None), wrong.basic_constraints_critical)
    ]
    return _signed(name, issuer, wrong, [*extensions, (_CA_KEY_USAGE, True)])


def server(issuer: Holder | None, wrong: Wrong = NOTHING) -> Holder:
    """Return a server of this machine; without an issuer it signs for itself."""
    names = x509.SubjectAlternativeName(wrong.names)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    extensions = [(x509.BasicConstraints(ca=False, path_length=None), True)]
    return _signed("server", issuer, wrong, [*extensions, (purpose, False), (names, False)])


def tls_of(holder: Holder, folder: Path, chain: Sequence[Holder] = ()) -> ssl.SSLContext:
    """Return what a server needs that shows its certificate and those of `chain`."""
    certificates, key = folder / "chain.pem", folder / "key.pem"
    certificates.write_text("".join(each.pem for each in (holder, *chain)))
    key.write_bytes(
        holder.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates, key)
    return context


def _signed(
    name: str,
    issuer: Holder | None,
    wrong: Wrong,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> Holder:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer.certificate.subject if issuer else _named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + wrong.from_day * _DAY)
        .not_valid_after(now + wrong.until_day * _DAY)
    )
    identifiers: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    ]
    for extension, critical in (*extensions, *identifiers):
        if not isinstance(extension, wrong.without):
            builder = builder.add_extension(extension, critical)
    return Holder(builder.sign(signer, hashes.SHA256()), key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
