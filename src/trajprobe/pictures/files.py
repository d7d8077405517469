"""Pictures of a row, small enough to be pushed: what the page shows of clips and weights. Needs no torch.

data/pictures/ROW holds `row.json`, with the facts of `RowPictures`; `places.npz`, where the marker is in each clip; and
strips of frames, a file each: clips/INPUT/LABEL.webp, and tokens/KIND/LABEL.webp where the network is a tokenizer.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from trajprobe.errors import UserError
from trajprobe.files.atomic import file_sha256, sha256, write_npz
from trajprobe.files.checked_json import read_checked_json, write_checked_json
from trajprobe.files.reading import MISSING, mend, read_npz
from trajprobe.params import Parameters, parse

PICTURES = Path("data/pictures")
FACTS, PLACES = "row.json", "places.npz"
#: Strips of a tokenizer: what it makes of a clip, and its codes as colours.
RECONSTRUCTION, CODES = "reconstruction", "codes"
#: What the second and further cameras see of a track stands among the inputs by this word and their number.
CAMERA = "camera"
#: A place is kept as a whole number of these parts of the frame's side.
PARTS = 4096


def camera_input(number: int) -> str:
    """The name of the clips of a camera, counted from 1; those of the first one are `plain`."""
    return f"{CAMERA}-{number}"


class Weights(Parameters, frozen=True):
    """A network's weights, as their provenance has them."""

    name: str  #: NAME, or NAME/SEED, in data/weights
    sha256: str  #: of model.safetensors
    licence: str | None = None
    origin: str = ""  #: in a few words


class RowPictures(Parameters, frozen=True, kw_only=True):
    """What is known of a row beside its features, and which strips there are."""

    frames: int  #: of a clip
    resolution: int  #: of a clip, pixels
    radius: float  #: of the marker, as a share of the frame's side
    shown: list[int]  #: frames of the strips
    examples: dict[str, int]  #: by label, the track that its strips show
    inputs: list[str]  #: that there are strips of
    tokens: list[str] = msgspec.field(default_factory=list)  #: labels that there are strips of tokens of
    weights: list[Weights] = msgspec.field(default_factory=list)
    sha256: dict[str, str] = msgspec.field(default_factory=dict)  #: of each strip, by its path in the folder


@dataclass(frozen=True)
class Pictures:
    """The folder of a row."""

    folder: Path

    @classmethod
    def of(cls, row: str) -> "Pictures":
        return cls(PICTURES / row)

    @property
    def facts(self) -> RowPictures:
        """Raises UserError where they are missing or damaged."""
        path = self.folder / FACTS
        return parse(read_checked_json(path), RowPictures, str(path))

    @property
    def places(self) -> NDArray[np.float64]:
        """Where the marker is in each frame (n t 2), column and row as shares of the side, 0 to 1 within the frame.

        Raises:
            UserError: the file is missing or damaged.
        """
        arrays, _ = read_npz(self.folder / PLACES, ("places",))
        return np.asarray(arrays["places"] / PARTS, dtype=np.float64)

    def save(self, facts: RowPictures, places: NDArray[np.float64]) -> None:
        """Writes the places (n t 2), and the facts with the checksums of the strips, which are there already."""
        strips = sorted(self.folder.rglob("*.webp"))
        facts = replace(facts, sha256={path.relative_to(self.folder).as_posix(): file_sha256(path) for path in strips})
        write_checked_json(self.folder / FACTS, msgspec.to_builtins(facts))
        write_npz(self.folder / PLACES, {"places": np.rint(places * PARTS).astype(np.int16)})

    def strip(self, path: Path) -> bytes:
        """A strip of the folder.

        Raises:
            UserError: it is missing or damaged.
        """
        expected = self.facts.sha256.get(path.relative_to(self.folder).as_posix())
        if not path.is_file():
            raise UserError(f"{path}: {MISSING}")
        data = path.read_bytes()
        if sha256(data) != expected:
            raise UserError(f"{path}: is damaged (sha256 differs); {mend(self.folder)}")
        return data

    def clip(self, shown: str, label: str) -> Path:
        """The strip of an input of the clip that stands for a class."""
        return self.folder / "clips" / shown / f"{label}.webp"

    def token(self, kind: str, label: str) -> Path:
        """The strip of `RECONSTRUCTION` or `CODES` of the clip that stands for a class."""
        return self.folder / "tokens" / kind / f"{label}.webp"
