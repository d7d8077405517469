"""A run as git has it: params.yaml, dvc.lock and the metrics, of a revision or of the working tree.

Git has the md5 of each result, DVC's cache its bytes. So nothing of the working tree changes when another run is read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import UNSET

from trajprobe.errors import UserError, visible_names
from trajprobe.files import findings, probe_results
from trajprobe.files.atomic import file_md5
from trajprobe.files.checked_json import read_checked_json
from trajprobe.files.content_key import SHARED_CODE
from trajprobe.files.labelling import LABELLING, Labelling
from trajprobe.files.locked_shards import LOCK
from trajprobe.files.probe_results import RowProbe
from trajprobe.params import PARAMS, parse, parse_yaml, read
from trajprobe.repository.dvc_add import cached_object
from trajprobe.repository.dvc_cache import CHECK, Stage, locked_stages, stages_of
from trajprobe.runs.git_revisions import WORKSPACE, commit_of, fetch_command, text_at

SUMMARY = Path("metrics/summary.json")
#: What the code of stages begins with.
CODE = ("src/", "stages/", SHARED_CODE.as_posix())


@dataclass(frozen=True)
class RecordedRun:
    """What was run, and what it made."""

    name: str  #: as the user calls it
    commit: str | None  #: None: the working tree
    values: dict[str, Any]  #: of params.yaml, of whatever version
    stages: dict[str, Stage]  #: of dvc.lock

    @property
    def rows(self) -> list[str]:
        rows = self.values.get("rows")
        return list(rows) if isinstance(rows, dict) else []

    @cached_property
    def outs(self) -> dict[str, str]:
        """By the path of each out, the md5 that it has in the last stage that names it."""
        return {out["path"]: out["md5"] for stage in self.stages.values() for out in stage.get("outs", [])}

    def objects(self, paths: Iterable[Path]) -> dict[Path, Path]:
        """By path of an out, where it lies to the byte: in DVC's cache, or in the working tree.

        Raises:
            UserError: some lie in neither, or were never made.
        """
        found: dict[Path, Path] = {}
        wanted = list(paths)
        for path in wanted:
            md5 = self.outs.get(path.as_posix(), "")
            for place in (cached_object(md5), path):
                if path not in found and place.is_file() and file_md5(place) == md5:
                    found[path] = place
        if missing := [path for path in wanted if path not in found]:
            raise UserError(
                f"{self.name}: {visible_names(missing, 3)}: not in DVC's cache on this machine; "
                f"`{fetch_command(self.name, self.commit, missing)}` fetches what was pushed"
            )
        return found

    def labelling(self) -> Labelling:
        return Labelling.load(self.objects([LABELLING])[LABELLING])

    def guards(self) -> list[findings.Finding]:
        """What they found in the tracks."""
        return findings.load(self.objects([findings.FINDINGS])[findings.FINDINGS])

    def probes(self, rows: Iterable[str], labelling: Labelling) -> list[RowProbe]:
        """The probe files of these rows.

        Raises:
            UserError: some are not on this machine, or of other tracks, labels, groups or folds than `labelling`.
        """
        probes = []
        for path, place in self.objects(map(probe_results.path, rows)).items():
            probe = parse(read_checked_json(place), RowProbe, f"{self.name}: {path}")
            if probe.labelling != labelling.digest():
                raise UserError(
                    f"{self.name}: {path}: was made of other labels, groups, folds or tracks than its {LABELLING}; "
                    "only a whole `dvc repro` makes them fit"
                )
            probes.append(probe)
        return probes

    def stale(self, stage: str) -> str | None:
        """Why what a stage made is not what params.yaml says, or None.

        It looks at params.yaml and dvc.lock alone. An edit of the code that was not run yet is seen by `dvc status`.
        """
        if stage not in self.stages:
            return "has not run"
        for name in self._upstream(stage):
            for key, recorded in self.stages[name].get("params", {}).get(PARAMS.as_posix(), {}).items():
                if changed := differing({key: recorded}, {key: value_at(self.values, key)}):
                    return f"`{next(iter(changed))}` was changed since it ran"
            for dep in self.stages[name].get("deps", []):
                made = self._makers.get(dep["path"], {})
                if made and dep.get("md5") not in made:
                    return f"`{dep['path']}` was made anew since it ran"
        return None

    def inputs(self, stages: Iterable[str], beginnings: tuple[str, ...]) -> dict[str, str]:
        """By path that begins so, the md5 of what stages and all that they build upon had as they ran."""
        return {
            dep["path"]: dep.get("md5", "")
            for stage in stages
            for name in self._upstream(stage)
            for dep in self.stages[name].get("deps", [])
            if dep["path"].startswith(beginnings)
        }

    def mixed_code(self, rows: Iterable[str]) -> list[str]:
        """The code of which rows were made with different versions."""
        versions: dict[str, set[str]] = {}
        for row in rows:
            for path, md5 in self.inputs([probe_stage(row)], CODE).items():
                versions.setdefault(path, set()).add(md5)
        return sorted(path for path, md5s in versions.items() if len(md5s) > 1)

    def _upstream(self, stage: str) -> Iterator[str]:
        """A stage, and all that it builds upon."""
        seen, left = set(), [stage]
        while left:
            name = left.pop(0)
            if name not in seen and name != CHECK:
                seen.add(name)
                yield name
                deps = self.stages[name].get("deps", [])
                left += [maker for dep in deps if (maker := self._makers.get(dep["path"], {}).get(dep.get("md5", "")))]

    @cached_property
    def _makers(self) -> dict[str, dict[str, str]]:
        """By path and md5, the stage that made it: dvc.lock keeps stages that dvc.yaml has no more."""
        makers: dict[str, dict[str, str]] = {}
        for name, stage in self.stages.items():
            for out in stage.get("outs", []):
                makers.setdefault(out["path"], {})[out["md5"]] = name
        return makers


def recorded_run(revision: str | None) -> RecordedRun:
    """The run of a revision, or of the working tree.

    Raises:
        UserError: git has no such revision, or its params.yaml or dvc.lock is missing or damaged.
    """
    if revision is None:
        return RecordedRun(WORKSPACE, None, read(), locked_stages())
    return run_of_commit(revision, commit_of(revision))


def run_of_commit(name: str, commit: str) -> RecordedRun:
    """The run of a commit, which the user calls `name`; raises as `recorded_run`."""
    texts = {path: text_at(commit, path) for path in (PARAMS, LOCK)}
    for path, text in texts.items():
        if text is None:
            raise UserError(f"{name}: has no {path}; expected a commit of `dvc repro`'s results")
    values = parse_yaml(texts[PARAMS] or "", f"{name}:{PARAMS}")
    if not isinstance(values, dict):
        raise UserError(f"{name}:{PARAMS}: expected a mapping")
    return RecordedRun(name, commit, values, stages_of(texts[LOCK] or "", f"{name}:{LOCK}"))


def probe_stage(row: str) -> str:
    """The stage that probes a row."""
    return f"probe@{row}"


def value_at(values: Any, key: str) -> Any:
    """The value of params.yaml (`values`) at a dotted key; UNSET where there is none."""
    for name in key.split("."):
        values = values.get(name, UNSET) if isinstance(values, dict) else UNSET
    return values


def differing(there: dict[str, Any], here: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two mappings have differently, by dotted keys: the value of each, UNSET where it has no such key.

    A mapping that only one of them has is one value.
    """
    found: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*there, *here]):
        one, other = there.get(key, UNSET), here.get(key, UNSET)
        if isinstance(one, dict) and isinstance(other, dict):
            found |= {f"{key}.{below}": values for below, values in differing(one, other).items()}
        elif one != other:
            found[str(key)] = (one, other)
    return found
