"""The licences of the program and of all that it is built on, as the installed packages tell them."""

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

OWN = "shape-studio"
OWN_FILE = Path(__file__).parents[2] / "LICENSE"
PROJECT = OWN_FILE.with_name("pyproject.toml")
_FILES = re.compile(r"(licen[cs]e|copying|notice|copyright)[^/]*$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST = 60  # a longer "License" field holds the whole text


@dataclass(frozen=True)
class Licence:
    """Of one package. ``kind`` is its name in a few words."""

    package: str
    version: str
    kind: str

    @cached_property
    def text(self) -> str:
        """The whole text of its licence files. Reads them: for a thread, or for one package at a time."""
        found = {}
        if self.package == OWN and OWN_FILE.is_file():
            found[OWN_FILE.name] = OWN_FILE.read_text(encoding="utf-8")
        for file in metadata.files(self.package) or [] if not found else []:
            if _FILES.search(str(file)) and file.suffix not in (".py", ".pyc", ".html"):
                path = Path(str(file.locate()))
                if path.is_file():
                    found[str(file)] = path.read_text(encoding="utf-8", errors="replace")
        return "\n\n".join(found.values()) or f"{self.package} brings no file of its licence; it is: {self.kind}"


def licences() -> list[Licence]:
    """Ours first, then every package that is needed and installed, by name. Reads a lot of small files: for a thread."""
    found: dict[str, Licence] = {}
    waiting = [OWN]
    while waiting:
        name = waiting.pop()
        if _plain(name) in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another system, or this is a checkout that was never installed
            continue
        found[_plain(name)] = Licence(package.metadata["Name"], package.version, _kind(package))
        needed = _own_needs() if name == OWN else package.requires or ()
        waiting += [_required(line) for line in needed if "extra ==" not in line]
    if _plain(OWN) not in found:
        found[_plain(OWN)] = Licence(OWN, "", "MIT")
    return sorted(found.values(), key=lambda one: (_plain(one.package) != _plain(OWN), one.package.lower()))


def _own_needs() -> list[str]:
    """Of a checkout those of today; what it was installed with may be older."""
    if PROJECT.is_file():
        return list(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"])
    return metadata.requires(OWN) or []


def _required(line: str) -> str:
    match = _NAME.match(line)
    return match.group() if match else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _kind(package: metadata.Distribution) -> str:
    about = package.metadata
    for field in ("License-Expression", "License"):
        text = str(about.json.get(field.lower().replace("-", "_")) or "").strip()
        if text and "\n" not in text and (len(text) <= _LONGEST or field == "License-Expression"):
            return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] + " …"
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License")]
    return ", ".join(named) or "see its text"
