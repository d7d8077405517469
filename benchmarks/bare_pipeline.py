"""A DVC pipeline of empty stages, each with one dependency, one parameter and one output.

The peer of subjects/pipeline.py. It can have more dependencies, and more in its params.yaml, as a pipeline has that
does something.
"""

import shutil
from pathlib import Path

from measure import ROOT, run
from ruamel.yaml import YAML


class BarePipeline:
    """A repository of git and DVC in `folder` with so many stages in a row; each writes its parameter to its output.

    All stages depend on `shared` files too. `further` stands in params.yaml beside what they read.
    """

    def __init__(self, folder: Path, stages: int, shared: int = 0, further: object = None) -> None:
        self.folder, self.params = folder, {f"p{number}": 0 for number in range(stages)}
        self.further = {"further": further} if further else {}
        folder.mkdir()
        files = [f"file{number}" for number in range(shared)]
        for name in files:
            (folder / name).write_text(name)
        self._write("params.yaml", self.params | self.further)
        (folder / "out-1").write_text("0\n")
        of = {
            f"stage{number}": {
                "cmd": f"echo ${{p{number}}} > out{number}",
                "params": [f"p{number}"],
                "deps": [f"out{number - 1}", *files],
                "outs": [f"out{number}"],
            }
            for number in range(stages)
        }
        self._write("dvc.yaml", {"stages": of})
        self.run("git", "init", "--quiet")
        self.run("dvc", "init", "--quiet")
        shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
        self.run("dvc", "repro")
        self.run("git", "add", "--all")

    def run(self, *command: str) -> str:
        return run(*command, cwd=self.folder)

    def change(self, stages: int) -> None:
        """Makes the last so many stages stale."""
        for name in list(self.params)[-stages:]:
            self.params[name] += 1
        self._write("params.yaml", self.params | self.further)

    def _write(self, name: str, values: object) -> None:
        with (self.folder / name).open("w") as file:
            YAML(typ="safe").dump(values, file)
