"""Names of local files, on many systems any bytes, and which names are imported."""

from __future__ import annotations

from payments.command.problem import CommandFailed

_IMPORTED = (".xml", ".XML", ".Xml")  # as the template's rule has them


def as_text(name: str) -> str:
    """Return a name that can be printed and stored; what is no text in it is escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def key_of(bucket: str, prefix: str, name: str) -> str:
    """Return the key of a file that somebody looks for: `name` is a part of it, or its address.

    Raises CommandFailed for one that is in no bucket, or in another.
    """
    if as_text(name) != name:
        raise CommandFailed(f"{as_text(name)} is no name for a file in a bucket: it is not UTF-8.")
    if name.startswith("s3://") and not name.startswith(f"s3://{bucket}/{prefix}"):
        raise CommandFailed(f"{name} is not in the folder of the stack, s3://{bucket}/{prefix}.")
    return prefix + name.removeprefix(f"s3://{bucket}/").lstrip("/").removeprefix(prefix)


def unfit_name(key: str) -> tuple[str, str] | None:
    """Return why nothing imports an incoming file of that name and what to do, None if it can be.

    A Mac leaves a file with its own notes beside each that it copies, `._` before its name.
    """
    name = key.rpartition("/")[2]
    if name.startswith("._"):
        return "A Mac's own notes about a file, not the file.", "Delete it."
    if name.lower().endswith(".csv"):
        made = "`payments convert` makes XML of it: upload that."
        return "A table (CSV), and only XML is imported.", made
    if not name.endswith(_IMPORTED):
        told = "Upload it under such a name (`import --key`) if it is an XML file of payments."
        return "Only names that end with .xml are imported.", told
    return None
