"""The file format of an exported model: a manifest and plain tensors, in one zip.

`manifest.json` describes the model: system, networks with the hash of each, thresholds, scores,
data, versions, intended use. Each network is the state dict of its bundle, byte by byte, so that
its hash is the same as in the run. `SHA256SUMS` lists all members for `sha256sum --check`. Nothing
is compressed, extracted to a path that the file chooses, or executed. Needs no PyTorch.
"""

import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from nodules.base.files import FileDefect, atomic

SUFFIX = ".luna16"
FORMAT = 1
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
KIND = "luna16 model"
NEEDED = {
    **{"format": int, "kind": str, "name": str, "system": str, "settings": dict, "networks": list},
    **{"input": dict, "intended_use": str},
}
# Optional fields, by type.
TOLD = {"ensemble": str, "scores": list, "licence": str, "version": str, "data": dict, "froc": dict}
TOLD |= {"made_with": dict}
END = b"PK\x05\x06"  # starts the last 22 bytes of a zip without a comment
MEMBER = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.pt")
MOST_MANIFEST_BYTES = 16 << 20
WHEN = (1980, 1, 1, 0, 0, 0)  # a zip's earliest date: equal models make equal files
# Exceptions that zipfile and json raise for a damaged file.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(LookupError, ValueError, OverflowError, RuntimeError),
)
COPY = "Copy the file again, or export the model again with: snakemake export."
NO_MODEL = "it is no model of luna16"
OTHER = "Name a file that `snakemake export` made."


def write(path: Path, manifest: Mapping[str, Any], weights: Mapping[str, Path]) -> None:
    """Write a model, atomically.

    weights: files of state dicts, by their names in `manifest["networks"]`.
    """
    text = json.dumps(manifest, indent=2, allow_nan=False).encode() + b"\n"
    sums = {MANIFEST: hashlib.sha256(text).hexdigest()}
    sums |= {network["file"]: network["sha256"] for network in manifest["networks"]}
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr(zipfile.ZipInfo(MANIFEST, WHEN), text)
        listed = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        packed.writestr(zipfile.ZipInfo(SUMS, WHEN), listed)
        for name, source in weights.items():
            with (
                source.open("rb") as read,
                packed.open(zipfile.ZipInfo(name, WHEN), "w", force_zip64=True) as out,
            ):
                while block := read.read(8 << 20):
                    out.write(block)


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest of a model file, once every member's hash has been verified.

    Raises FileDefect if the file is truncated, altered, of another kind or of another format.
    """
    with _opened(Path(path)) as packed:
        return _checked(packed, Path(path))


def read(path: str | Path, folder: Path) -> dict[str, Any]:
    """Like `read_manifest`; also extracts the networks, as 0/model.json, 0/model.pt and so on.

    They go to `folder`. Each is a bundle for `learning.networks.bundle.restore`.
    """
    with _opened(Path(path)) as packed:
        manifest = _checked(packed, Path(path))
        for number, network in enumerate(manifest["networks"]):
            home = folder / str(number)
            home.mkdir()
            (home / "model.json").write_text(json.dumps(network["manifest"]))
            with packed.open(network["file"]) as source, (home / "model.pt").open("xb") as out:
                while block := source.read(8 << 20):
                    out.write(block)
    return manifest


def identity(manifest: Mapping[str, Any]) -> str:
    """SHA-256 over the hashes of all networks: it identifies what the model computes."""
    lines = "".join(f"{n['file']} {n['sha256']}\n" for n in manifest["networks"])
    return hashlib.sha256(lines.encode()).hexdigest()


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest: it changes with any statement about the model."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _opened(path: Path) -> zipfile.ZipFile:
    """The file as a zip whose members are uncompressed and fit into it; FileDefect otherwise."""
    try:
        with path.open("rb") as stream:
            begins = stream.read(43)
            stream.seek(max(path.stat().st_size - 22, 0))
            ends = stream.read(4)
        ours = begins[:4] == b"PK\x03\x04" and begins[30:] == MANIFEST.encode()
        if not zipfile.is_zipfile(path):
            raise _cut_short(path) if ours else FileDefect(str(path), NO_MODEL, OTHER)
        packed = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise FileDefect(str(path), "no such file", "Check the path.") from error
    except OSError as error:
        raise FileDefect(str(path), f"cannot be read ({error.strerror})", OTHER) from error
    except BROKEN as error:
        raise FileDefect(str(path), f"the model is damaged ({error})", COPY) from error
    members = packed.infolist()
    names = [member.filename for member in members]
    plain = all(m.compress_type == zipfile.ZIP_STORED and m.flag_bits & 1 == 0 for m in members)
    whole = all(m.compress_size == m.file_size for m in members)
    if not ours or MANIFEST not in names or SUMS not in names:
        packed.close()
        # A truncated model may end with the directory of a network's own zip.
        raise _cut_short(path) if ours else FileDefect(str(path), NO_MODEL, OTHER)
    if ends != END:
        packed.close()
        raise FileDefect(str(path), "something was added behind its end", COPY)
    if not plain or not whole or sum(m.file_size for m in members) > path.stat().st_size:
        raise _closing(packed, path, "its members are compressed, encrypted or overlap")
    if len(set(names)) < len(names):
        raise _closing(packed, path, "a member is in it twice")
    return packed


def _cut_short(path: Path) -> FileDefect:
    return FileDefect(str(path), f"the model is cut short after {path.stat().st_size} bytes", COPY)


def _closing(packed: zipfile.ZipFile, path: Path, reason: str) -> FileDefect:
    packed.close()
    return FileDefect(str(path), reason, OTHER)


def _checked(packed: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """The manifest, once every member's hash has been verified."""
    try:
        if packed.getinfo(MANIFEST).file_size > MOST_MANIFEST_BYTES:
            raise FileDefect(str(path), "its manifest is absurdly long", OTHER)
        text = packed.read(MANIFEST)
        manifest = json.loads(text)
        sums = _sums(packed.read(SUMS).decode())
    except BROKEN as error:
        reason = f"the model is damaged ({str(error)[:80]})"
        raise FileDefect(str(path), reason, COPY) from error
    _require_ours(manifest, path)
    listed = [network["file"] for network in manifest["networks"]]
    if set(sums) != {MANIFEST, *listed} or set(packed.namelist()) != {MANIFEST, SUMS, *listed}:
        raise FileDefect(str(path), "its members are not those that its manifest names", COPY)
    said = {network["file"]: network["sha256"] for network in manifest["networks"]}
    for name, digest in {**sums, **said}.items():
        if sums[name] != digest or _hash_of(packed, name, path) != digest:
            raise FileDefect(str(path), f"{name} in it is not as it was written", COPY)
    return manifest


def _require_ours(manifest: Any, path: Path) -> None:
    """Raise FileDefect unless a manifest has all required fields and this format."""
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise FileDefect(str(path), NO_MODEL, OTHER)
    if manifest.get("format") != FORMAT:
        found = json.dumps(manifest.get("format"))[:20]
        reason = f"it is of format {found}, but this version reads {FORMAT}"
        raise FileDefect(str(path), reason, "Use the version of luna16 that wrote it.")
    missing = [key for key in NEEDED if key not in manifest]
    known = [key for key in (*NEEDED, *TOLD) if key in manifest]
    odd = [key for key in known if not isinstance(manifest[key], (NEEDED | TOLD)[key])]
    networks = manifest.get("networks")
    if missing or odd or not networks or not all(map(_is_network, networks)):
        told = "its networks are not told rightly" if not odd else f"its {odd[0]} is told otherwise"
        told = f"it lacks {', '.join(missing)}" if missing else told
        raise FileDefect(str(path), f"its manifest is not a model's: {told}", OTHER)
    names = [network["file"] for network in networks]
    if len(set(names)) < len(names) or not all(map(MEMBER.fullmatch, names)):
        raise FileDefect(str(path), "its networks have names that none of ours has", OTHER)


def _is_network(told: Any) -> bool:
    texts = ("role", "file", "sha256")
    if not isinstance(told, dict) or not all(isinstance(told.get(key), str) for key in texts):
        return False
    own = told.get("manifest")
    if not isinstance(own, dict) or not isinstance(own.get("weights"), dict):
        return False
    return (
        own["weights"].get("file") == "model.pt" and own["weights"].get("sha256") == told["sha256"]
    )


def _sums(text: str) -> dict[str, str]:
    """Hashes by name, from lines as sha256sum writes them."""
    found = {}
    for line in text.splitlines():
        digest, gap, name = line.partition("  ")
        if not gap or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError("a line of its hashes is none")
        found[name] = digest
    return found


def _hash_of(packed: zipfile.ZipFile, name: str, path: Path) -> str:
    """SHA-256 of a member; a state dict is also checked, without unpacking, to be a plain zip."""
    digest = hashlib.sha256()
    try:
        with packed.open(name) as stream:
            while block := stream.read(8 << 20):
                digest.update(block)
            if name.endswith(".pt"):
                _require_plain(stream, packed.getinfo(name).file_size, f"{path}, {name}")
    except BROKEN as error:
        raise FileDefect(str(path), f"the model is damaged ({str(error)[:80]})", COPY) from error
    return digest.hexdigest()


def _require_plain(stream: IO[bytes], size: int, place: str) -> None:
    """Raise FileDefect unless a state dict is a zip of uncompressed members that fit into it."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as inner:
            members = inner.infolist()
    except BROKEN as error:
        raise FileDefect(place, "it is no state dict", OTHER) from error
    plain = all(m.compress_type == zipfile.ZIP_STORED for m in members)
    if not plain or sum(m.file_size for m in members) > size:
        raise FileDefect(place, "it would unpack to more than it holds", OTHER)
