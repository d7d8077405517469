"""DVC's run cache knows every parameter: it brings back no results of another value."""

import copy
import json

import pytest
from dvc.stage.cache import _get_cache_hash
from ruamel.yaml import YAML

from trajprobe import params
from trajprobe.errors import UserError


def leaves(node, *above):
    if isinstance(node, dict) and node:
        for key, child in node.items():
            yield from leaves(child, *above, key)
    else:
        yield above


def other(value):
    """A value that differs: DVC hashes what stands in params.yaml, whether it makes sense or not."""
    return value + 1 if isinstance(value, int | float) and not isinstance(value, bool) else [value, "other"]


def change(node, keys):
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = other(node[keys[-1]])


def node_at(values, keys):
    for key in keys:
        if not isinstance(values, dict) or key not in values:
            return None
        values = values[key]
    return values


def test_every_leaf_of_params_changes_the_run_cache_key_of_each_stage_that_depends_on_it(reproduced):
    declared = reproduced.params()
    stages = reproduced.lock()
    count = 0
    for leaf in leaves(declared):
        changed = copy.deepcopy(declared)
        change(changed, leaf)
        dependent = 0
        for name, stage in stages.items():
            entry = copy.deepcopy(stage)
            recorded = entry["params"]["params.yaml"]
            for key in recorded:
                recorded[key] = node_at(changed, key.split("."))
            if recorded != stage["params"]["params.yaml"]:
                dependent += 1
                before, after = (_get_cache_hash(copy.deepcopy(each), key=True) for each in (stage, entry))
                assert before != after, f"{name}: {'.'.join(leaf)}"
        assert dependent, f"no stage depends on {'.'.join(leaf)}"
        count += 1
    assert count > 80


def test_dvc_still_loses_the_two_names_that_params_refuses(reproduced):
    # When this fails, DVC was mended (treeverse/dvc#10296), and `params.KEYS_LOST_BY_DVC` can go.
    stage = copy.deepcopy(reproduced.lock()["render@t17"])
    keys = []
    for resolution in (32, 48):
        entry = copy.deepcopy(stage)
        entry["params"]["params.yaml"]["clips.t17"] = {"frames": 17, "size": resolution}
        keys.append(_get_cache_hash(entry, key=True))
    assert keys[0] == keys[1]


@pytest.mark.parametrize("name", ["size", "nfiles"])
@pytest.mark.parametrize("place", [("clips", "t17"), ("rows", "magvit2-tiny", "architecture", "config", "vision")])
def test_params_refuses_a_name_that_dvc_loses_at_any_depth(tmp_path, reproduced, name, place):
    values = reproduced.params()
    node = values
    for key in place:
        node = node.setdefault(key, {})
    node[name] = 32
    path = tmp_path / "params.yaml"
    with path.open("w") as file:
        YAML(typ="safe").dump(values, file)
    with pytest.raises(UserError, match=f"got `{'.'.join(place)}.{name}`, expected no key called `{name}`"):
        params.read(path)


def test_a_changed_resolution_renders_other_clips_and_the_old_one_comes_back_from_the_run_cache(clone):
    def resolution():
        manifest = json.loads((clone.folder / "data/clips/t17/manifest.json").read_text())
        return manifest["meta"]["format"]["resolution"]

    assert resolution() == 16
    clone.set(24, "clips", "t17", "resolution")
    output = clone.run("dvc", "repro", "render@t17")
    assert "Running stage 'render@t17'" in output
    assert resolution() == 24
    clone.set(16, "clips", "t17", "resolution")
    output = clone.run("dvc", "repro", "render@t17")
    assert "is cached" in output
    assert resolution() == 16
