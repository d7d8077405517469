"""Pretraining repeats to the bit, learns, sees no labels, and refuses what it can't train on."""

import inspect
import re
from dataclasses import fields

import numpy as np
import pytest
import torch
from renderings import rendering
from vector_maths import NoVectorMaths

from trajprobe.backbones.magvit2_tiny import Architecture, DepthToSpace, Magvit2Tiny
from trajprobe.clips.scene import Places, draw, framing, place
from trajprobe.errors import UserError
from trajprobe.files.tracks import Tracks
from trajprobe.pretraining import train
from trajprobe.pretraining.objective import losses
from trajprobe.pretraining.train import Pretrain, mean_over_seeds, pretrain, provenance

ARCHITECTURE = {"channels": 4, "multipliers": [1, 1, 2], "residual_blocks": 0, "bits": 4}
SHAPE = Architecture(channels=4, multipliers=(1, 1, 2), residual_blocks=0, bits=4)
DRAWN = rendering(9, 16, radius=0.1)


def recipe(**changed):
    told = {
        "family": "magvit2_tiny",
        "architecture": ARCHITECTURE,
        "clips": "small",
        "scene": "default",
        "shuffle_frames": False,
        "steps": 4,
        "batch": 4,
        "learning_rate": 0.003,
        "weight_decay": 0.01,
        "seeds": 1,
    }
    return Pretrain(**told | changed)


def pool(count=30):
    """Arcs: places, speeds and headings of their own."""
    generator = np.random.default_rng(0)
    angle = generator.uniform(0, 6, (count, 1)) + np.linspace(0, 1, 20) * generator.uniform(1, 6, (count, 1))
    points = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * generator.uniform(0.2, 0.8, (count, 1, 1))
    box = np.stack([points.min(axis=(0, 1)), points.max(axis=(0, 1))])
    return Tracks(points, np.tile(np.arange(20.0), (count, 1)), np.full(count, 20), box)


@pytest.fixture(autouse=True)
def _arithmetic_as_it_was():
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


def trained(frames=9, tracks=None, seed=0, **changed):
    return pretrain(tracks or pool(), rendering(frames, 16, radius=0.1), recipe(**changed), "tiny", seed)


def same(one, other):
    states = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_it_repeats_to_the_bit_and_the_seed_and_shuffling_matter():
    once = trained()
    torch.rand(3)  # what came before does not matter
    again = trained()
    assert same(once, again)
    assert (once.curve, once.figures) == (again.curve, again.figures)
    assert not same(once, trained(seed=1))
    assert not same(once, trained(shuffle_frames=True))


def test_figures_of_several_seeds_are_their_means():
    assert mean_over_seeds([{"a": 1.0, "b": 0.5}, {"a": 2.0, "b": 0.7}]) == pytest.approx({"a": 1.5, "b": 0.6})


def test_it_learns():
    found = trained(steps=60, learning_rate=0.01)
    for term in ("total", "reconstruction", "prediction"):
        curve = [point[term] for point in found.curve]
        assert np.mean(curve[-10:]) < 0.8 * np.mean(curve[:10]), term
    assert [point["step"] for point in found.curve] == list(range(60))


def test_it_is_adam_with_one_cycle_and_clipped_gradients():
    """The loop in plain torch, from the batches and the objective that tests of their own hold to the truth."""
    found, told = trained(steps=4), recipe(steps=4)
    tracks = pool()
    torch.manual_seed(0)
    network = Magvit2Tiny(SHAPE)
    predictor = DepthToSpace(SHAPE.bits)
    both = torch.nn.ModuleList([network, predictor])
    adam = torch.optim.AdamW(both.parameters(), lr=1, weight_decay=0.01)
    made = train._batches(place(tracks, framing(tracks, DRAWN.placement), DRAWN)[6:], told, 16, seed=0)
    for step in range(4):
        adam.param_groups[0].update(one_cycle(step, 20))  # no schedule is shorter
        x = torch.from_numpy(draw(next(made)[0], DRAWN)).permute(0, 4, 1, 2, 3) / 127.5 - 1
        latents = network.encode(x)
        signs = latents + (torch.where(latents > 0, 1.0, -1.0) - latents).detach()
        total = losses(latents, network.decoder(signs), predictor(signs), x, 4).total
        gradients = torch.autograd.grad(total, list(both.parameters()))
        scale = min(1, 1 / float(torch.sqrt(sum((g**2).sum() for g in gradients))))
        for parameter, gradient in zip(both.parameters(), gradients, strict=True):
            parameter.grad = gradient * scale
        adam.step()
        assert found.curve[step]["total"] == pytest.approx(total.item(), abs=2e-6)
    for key, tensor in found.network.state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[key], rtol=0, atol=1e-5, msg=key)


def one_cycle(step, steps, top=0.003):
    """Up from top / 25 to `top` in a tenth of the steps, then down to a 10,000th of where it began; cosine."""
    peak, last = 0.1 * steps - 1, steps - 1
    up = step <= peak
    share = (1 + np.cos(np.pi * (step / peak if up else (step - peak) / (last - peak)))) / 2
    begin, end = ((top / 25, 0.95), (top, 0.85)) if up else ((top, 0.85), (top / 25e4, 0.95))
    rate, momentum = (b * share + e * (1 - share) for b, e in zip(begin, end, strict=True))
    return {"lr": rate, "betas": (momentum, 0.999)}


def test_the_network_that_comes_out_is_the_trained_one_and_the_figures_are_of_held_out_clips():
    found = trained()
    torch.manual_seed(0)
    fresh = Magvit2Tiny(SHAPE).state_dict()
    state = found.network.state_dict()
    assert state.keys() == fresh.keys()
    assert not any(torch.equal(state[key], fresh[key]) for key in state if key.endswith("weight"))
    held_out = torch.from_numpy(draw(place(pool()[:6], framing(pool(), DRAWN.placement), DRAWN), DRAWN))
    x = held_out.permute(0, 4, 1, 2, 3) / 127.5 - 1
    with torch.no_grad():
        video = found.network.decode(found.network.codes(found.network.encode(x)))
    np.testing.assert_allclose(found.figures["mse"], ((video - x) ** 2).mean().item() / 4, rtol=1e-5)
    assert found.figures["tokens"] == 6 * 3 * 2 * 2


def test_held_out_clips_are_not_trained_on():
    tracks = pool()
    tracks.points[:6] *= -0.5
    assert same(trained(), trained(tracks=tracks))
    tracks.points[6:] *= -0.5
    assert not same(trained(), trained(tracks=tracks))


def test_the_curve_has_few_points_and_the_last_step(monkeypatch):
    monkeypatch.setattr(train, "CURVE_POINTS", 4)
    assert [point["step"] for point in trained(steps=8, batch=1).curve] == [0, 2, 4, 6, 7]
    assert [point["step"] for point in trained(steps=13, batch=1).curve] == [0, 3, 6, 9, 12]
    assert [point["step"] for point in trained(steps=3, batch=1).curve] == [0, 1, 2]


@pytest.mark.parametrize("steps", [1, 2, 10, 11, 20, 21])
def test_any_number_of_steps_will_do(steps):
    assert len(trained(steps=steps).curve) == steps


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(
        UserError, match=r"^params\.yaml: `pretrain\.tiny\.learning_rate`: got 1e\+30, .* at step \d+; lower it$"
    ):
        trained(steps=40, learning_rate=1e30)


@pytest.mark.parametrize("frames", [1, 5, 8, 16, 18])
def test_clips_without_whole_tokens_and_a_next_one_are_refused(frames):
    with pytest.raises(
        UserError,
        match=rf"^params\.yaml: `pretrain\.tiny\.clips`: got clips of {frames} frames .*expected 4k \+ 1 frames",
    ):
        trained(frames=frames)


@pytest.mark.parametrize(("count", "batch"), [(4, 4), (4, 1), (30, 25), (6, 7)])
def test_a_pool_too_small_to_hold_out_a_fifth_is_refused_with_a_number_that_will_do(count, batch):
    with pytest.raises(
        UserError, match=rf"^params\.yaml: `pretrain\.tiny\.batch`: got {batch} with a pool of {count}"
    ) as told:
        trained(tracks=pool(count), batch=batch)
    least = int(re.search(r"expected a pool of (\d+)", str(told.value))[1])
    assert len(trained(tracks=pool(least), batch=batch, steps=1).curve) == 1


def test_the_smallest_pool_gives_figures():
    found = trained(tracks=pool(5), batch=4, steps=1)
    assert np.isfinite(list(found.figures.values())).all()


def test_a_control_or_an_unknown_family_is_refused():
    for family in ("pixels", "vjepa"):
        with pytest.raises(UserError, match=f"got family `{family}`.*, expected one of magvit2_tiny "):
            trained(family=family)


def test_labels_play_no_part():
    assert list(inspect.signature(pretrain).parameters) == ["tracks", "rendering", "params", "name", "seed"]
    assert {field.name for field in fields(Tracks)} == {"points", "times", "lengths", "box"}


def batches(points, count, **changed):
    """Batches of places (b t 2), in the order in which their frames are shown."""
    still, ones = np.zeros(points.shape, np.int64), np.ones(points.shape[:2])
    made = train._batches(
        Places(points, points, still, 0 * ones, ones, np.arange(len(points))), recipe(**changed), 16, seed=0
    )
    shown = []
    for _ in range(count):
        batch, order = next(made)
        shown.append(batch.points if order is None else np.take_along_axis(batch.points, order[..., None], axis=1))
    return shown


def symmetric(clip):
    """A clip's 16 images under flips, transposition and reversal."""
    centred = clip - 7.5
    spaces = [sign * turned for turned in (centred, centred[:, ::-1]) for sign in np.array(SIGNS)]
    return [image + 7.5 for space in spaces for image in (space, space[::-1])]


SIGNS = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
PLACES = np.random.default_rng(0).uniform(0, 15, (6, 9, 2))


def test_augmentation_flips_transposes_and_reverses_and_nothing_else():
    images = [symmetric(clip) for clip in PLACES]
    seen = set()
    for batch in batches(PLACES, 120, batch=3):
        for clip in batch:
            found = [(i, j) for i, own in enumerate(images) for j, image in enumerate(own) if np.allclose(clip, image)]
            assert len(found) == 1
            seen.add(found[0])
    assert seen == {(i, j) for i in range(6) for j in range(16)}


def test_an_epoch_shows_every_clip_once():
    own = np.sort(np.linalg.norm(PLACES - 7.5, axis=-1), axis=1)
    for epoch in np.split(np.concatenate(batches(PLACES, 6, batch=3)), 3):
        shown = np.sort(np.linalg.norm(epoch - 7.5, axis=-1), axis=1)
        np.testing.assert_allclose(shown[np.argsort(shown[:, 0])], own[np.argsort(own[:, 0])])


def test_shuffling_changes_the_order_of_the_places_alone():
    plain, shuffled = batches(PLACES, 1, batch=6)[0], batches(PLACES, 1, batch=6, shuffle_frames=True)[0]
    orders = []
    for clip, other in zip(plain, shuffled, strict=True):
        same_place = (clip[:, None] == other[None]).all(axis=-1)
        assert (same_place.sum(axis=0) == 1).all()
        orders.append(tuple(same_place.argmax(axis=0)))
    assert len(set(orders)) == 6  # each clip in an order of its own
    assert not {tuple(range(9)), tuple(range(9))[::-1]} & set(orders)


def test_the_path_the_camera_and_depth_turn_with_the_places_and_clutter_is_never_twice_the_same():
    drawn = rendering(9, 16, trail={"width": 0.1}, camera={"pan": 0.3})
    places = place(pool(6), framing(pool(6), drawn.placement), drawn)
    depth = np.random.default_rng(0).random(places.nearness.shape)
    of = Places(**vars(places) | {"nearness": depth, "looks": depth + 1})
    made, numbers = train._batches(of, recipe(batch=6), 16, seed=0), []
    for _ in range(20):
        batch, _ = next(made)
        numbers.append(batch.numbers)
        np.testing.assert_allclose(batch.path[:, :: (of.path.shape[1] - 1) // 8] + batch.shift, batch.points)
        np.testing.assert_array_equal(batch.looks, batch.nearness + 1)
        for clip in batch.nearness:
            assert any(np.array_equal(clip, own) or np.array_equal(clip, own[::-1]) for own in depth)
    assert len(np.unique(numbers)) == 120
    assert np.min(numbers) > 2**40  # of no clip that is told apart


def test_provenance_tells_the_pool_and_the_recipe():
    told = provenance(recipe(), 2, "digest", DRAWN)
    assert (told["pool"], told["trained_frames"], told["made_by"], told["seed"]) == ("digest", 9, "pretrain", 2)
    assert told["pretrain"]["architecture"] == ARCHITECTURE
    assert told["scene"] == {"scaling": "dataset", "time": "normalised", "margin": 0.1, "marker": {"radius": 0.1}}
    assert told["format"] == {"frames": 9, "resolution": 16}


def test_no_function_is_called_whose_bits_differ_between_makers_of_cpus():
    """The committed results are made to the byte on all of them."""
    with NoVectorMaths():
        assert trained().curve
