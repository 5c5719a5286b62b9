"""Copy what browsers need from node_modules/ to static/vendor/<package>/<version>/.

A whitelist: of some 50 MB of packages, 5 MB are ever served.  The version stands in the path, so
the files can be cached for ever.  PatternFly's fonts are found beside its style sheet: exactly
those files go along that the sheet names.  Run it again at any time; it does nothing when all is
in place.  Settings read the versions from package.json.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
URL = re.compile(r"""url\(["']?(?!data:)([^"')?#]+)""")


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package and the files of it that are served.

    name: also the folder below static/vendor/.  files: glob patterns inside the package.
    """

    name: str
    files: tuple[str, ...]


PACKAGES = (
    Package("@novnc/novnc", ("core/**/*.js", "vendor/**/*.js", "LICENSE*", "AUTHORS")),
    Package("@patternfly/patternfly", ("patternfly.min.css", "LICENSE*")),
    Package("@xterm/xterm", ("lib/xterm.mjs", "css/xterm.css", "LICENSE*")),
    Package("@xterm/addon-fit", ("lib/addon-fit.mjs", "LICENSE*")),
    Package("@xterm/addon-search", ("lib/addon-search.mjs", "LICENSE*")),
)


def chosen(source: Path, package: Package) -> list[Path]:
    """The files of this package to copy, relative to it, with what its style sheets refer to."""
    found = {path for pattern in package.files for path in source.glob(pattern) if path.is_file()}
    for sheet in [path for path in found if path.suffix == ".css"]:
        for reference in URL.findall(sheet.read_text()):
            target = (sheet.parent / reference).resolve()
            if target.is_file() and target.is_relative_to(source.resolve()):
                found.add(target)
    return sorted(path.resolve().relative_to(source.resolve()) for path in found)


def compress(file: Path) -> None:
    """Lay a `.gz` beside what gains by it: WhiteNoise serves that to whoever accepts it."""
    plain = file.read_bytes()
    packed = gzip.compress(plain, mtime=0)
    if len(packed) < 0.9 * len(plain):
        file.with_name(f"{file.name}.gz").write_bytes(packed)


def copy(package: Package, version: str, modules: Path, vendor: Path) -> int:
    """Put one package in place; answers how many files were written, 0 when it was there."""
    target = vendor / package.name / version
    if target.is_dir():
        return 0
    source = modules / package.name
    files = chosen(source, package)
    if not files:
        raise FileNotFoundError(f"{package.name} is not in {modules}: run npm ci first")
    draft = vendor / package.name / f".{version}.part"
    shutil.rmtree(draft, ignore_errors=True)
    for file in files:
        (draft / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, draft / file)
        compress(draft / file)
    for old in [path for path in target.parent.iterdir() if path != draft]:
        shutil.rmtree(old)
    draft.rename(target)
    return len(files)


def missing(versions: dict[str, str], vendor: Path) -> list[str]:
    """Packages that are not in place in the wanted version."""
    return [p.name for p in PACKAGES if not (vendor / p.name / versions[p.name]).is_dir()]


def main(arguments: list[str]) -> int:
    """Copy all packages; with --check only say (by the exit code) whether that is needed."""
    versions = json.loads((ROOT / "package.json").read_text())["dependencies"]
    vendor = ROOT / "static" / "vendor"
    if "--check" in arguments:
        return 1 if missing(versions, vendor) else 0
    written = sum(
        copy(package, versions[package.name], ROOT / "node_modules", vendor) for package in PACKAGES
    )
    if written:
        sys.stdout.write(f"static/vendor: {written} files copied\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
