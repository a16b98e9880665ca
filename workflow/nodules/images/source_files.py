"""Files of a source: those below a folder, and those of a zip, unpacked."""

import errno
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from nodules.base.files import FileDefect

MOST_ZIP_BYTES = 64 << 30  # uncompressed: more than a hundred scans


def is_zip(path: Path) -> bool:
    """Whether a path is a file named .zip; its content is not looked at."""
    return path.suffix.lower() == ".zip" and path.is_file()


def walk(
    folder: Path, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, sorted by name and following links, but entering no folder twice."""
    seen = {folder.resolve()}
    for place, folders, names in os.walk(folder, onerror=onerror, followlinks=True):
        order = sorted(folders, key=lambda name: (name.startswith("."), name), reverse=True)
        first = {Path(place, name).resolve(): name for name in order}  # visible names win
        folders[:] = sorted(name for path, name in first.items() if path not in seen)
        seen |= set(first)
        yield place, folders, sorted(names)


def below(folder: Path) -> list[tuple[Path, str]]:
    """Regular files below a folder, without hidden ones and zips; each with its relative path.

    A folder that may not be listed is included, so that it is reported like an unreadable file:
    it may contain slices.
    """
    found = []

    def closed(error: OSError) -> None:
        found.append((Path(error.filename), os.path.relpath(error.filename, folder)))

    for place, folders, names in walk(folder, closed):
        folders[:] = [n for n in folders if not n.startswith(".") and n != "__MACOSX"]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            try:
                is_scan = path.is_file() and not is_zip(path)
            except OSError:  # in a folder that may be listed but not entered
                is_scan = True
            if is_scan:
                found.append((path, str(path.relative_to(folder))))
    return found


def unpack(archive: Path, folder: Path) -> list[tuple[Path, str]]:
    """Files of a zip, unpacked as 0/name, 1/name, ...; members' own paths are never used.

    Members of one folder stay together, since headers name voxel files beside them.
    """
    found, homes = [], dict[str, Path]()
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if m.filename and not m.is_dir()]
            if sum(member.file_size for member in members) > MOST_ZIP_BYTES:
                remedy = "Unpack it and name the folder."
                raise FileDefect(str(archive), "it unpacks to more than 64 GB", remedy)
            for member in members:
                place, _, name = member.filename.rpartition("/")
                if not name or name.startswith(".") or "__MACOSX" in place:
                    continue
                home = homes.setdefault(place, folder / str(len(homes)))
                home.mkdir(exist_ok=True)
                target = home / name
                with packed.open(member) as stream, target.open("xb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
                found.append((target, member.filename))
    except (RuntimeError, NotImplementedError) as error:  # a password, or an unknown method
        told = "is encrypted" if "encrypted" in str(error) else "is packed by an unknown method"
        remedy = "Unpack it yourself and name the folder."
        raise FileDefect(str(archive), f"the zip {told}", remedy) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        remedy = "Copy or pack it again."
        raise FileDefect(str(archive), f"not an intact zip ({error})", remedy) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the temporary folder's disk is full
            raise
        reason = f"a member cannot be unpacked ({error.strerror})"
        raise FileDefect(str(archive), reason, "Unpack it and name the folder.") from error
    return found
