"""Features are the network's own output for each clip, whatever the cut, and their recipe tells all of it."""

import dataclasses
import json
import math

import numpy as np
import pytest
from small import VIDEO, Job, built, direct, setting, written

from trajprobe.errors import UserError
from trajprobe.features.extraction import extract
from trajprobe.files.feature_shards import read
from trajprobe.files.shards import MANIFEST
from trajprobe.rows import Run


def extracted(tmp_path, microbatch, cuts=(), network=None, video=VIDEO, **changed):
    name = f"{microbatch}-{cuts}"
    stored = written(tmp_path / "clips" / name, list(cuts), video)
    row = setting(stored, microbatch, **changed)
    job = Job(row, network or built(), tmp_path / "out" / name, {"seed": 0})
    extract(row, [job], "a-row")
    return read(job.folder)[0]


@pytest.mark.parametrize("microbatch", [1, 4, 5, 10, 16])
def test_features_are_the_networks_output_for_each_clip(tmp_path, microbatch):
    found = extracted(tmp_path, microbatch)
    assert found.shape == (10, 2, 8)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, direct(), atol=1e-5)


def test_a_padded_tail_is_what_the_same_clips_give_in_a_full_microbatch(tmp_path):
    padded = extracted(tmp_path / "padded", 4)
    full = extracted(tmp_path / "full", 4, video=np.concatenate([VIDEO, VIDEO[:2]]))
    np.testing.assert_array_equal(padded, full[:10])
    np.testing.assert_allclose(full[10:], padded[:2], atol=1e-5)


def test_the_network_sees_microbatches_of_one_size_alone(tmp_path):
    network, seen = built(), []
    network.trunk.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    extracted(tmp_path, 4, cuts=(5,), network=network)
    assert seen == [1, 4, 4, 4, 4, 4, 4]  # the first three time it


def test_features_do_not_depend_on_how_the_shards_are_cut(tmp_path):
    whole = extracted(tmp_path, 2)
    np.testing.assert_array_equal(extracted(tmp_path, 2, cuts=(4, 6)), whole)
    np.testing.assert_allclose(extracted(tmp_path, 2, cuts=(1, 6)), whole, atol=1e-5)


def test_several_networks_are_each_run_over_all_clips(tmp_path):
    stored = written(tmp_path / "clips", [6])
    row = setting(stored, 5)
    jobs = [Job(row, built(seed), tmp_path / "out" / f"seed-{seed}", {"seed": seed}) for seed in (0, 1)]
    told = extract(row, jobs, "a-row")
    assert told == "a-row: 2 networks, each 10 clips to 2 x 8 features (hidden, tmean)"
    (one, recipe), (other, _) = (read(tmp_path / "out" / f"seed-{seed}") for seed in (0, 1))
    np.testing.assert_allclose(one, direct(), atol=1e-5)
    assert np.abs(one - other).max() > 0.01
    assert recipe["weights"] == {"seed": 0}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused_and_nothing_is_written(tmp_path, value):
    network = built()
    network.norm_out.bias.data[0] = value
    with pytest.raises(UserError, match="a-row: the network gave values that are not finite"):
        extracted(tmp_path, 4, network=network)
    assert not (tmp_path / "out").exists()


def test_differences_of_a_single_token_step_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"nothing is left after pooling .*use `tmean`"):
        extracted(tmp_path, 4, video=VIDEO[:, :1], pooling="tdiff")


def test_a_microbatch_is_what_the_memory_has_room_for(tmp_path):
    stored = written(tmp_path, [])
    whole = setting(stored, 8)
    bound = dataclasses.replace(whole, run=Run(microbatch=8, memory=5 * whole.cost.memory / 2**30))
    assert (whole.microbatch, bound.microbatch) == (8, 4)


def test_manifests_tell_how_many_clips_there_are(tmp_path):
    extracted(tmp_path, 4, cuts=(7,))
    manifest = json.loads((tmp_path / "out" / "4-(7,)" / MANIFEST).read_text())
    assert [shard["items"] for shard in manifest["shards"]] == [7, 3]
