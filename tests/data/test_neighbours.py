"""Near copies and tracks that look grouped: those that are, and hardly ever others."""

import numpy as np
import pytest
from small_sets import file_of, labelling_of, tracks_of, walks

from trajprobe.data import neighbours
from trajprobe.data.canonical import duplicates


def near(points, lengths=None, **labels):
    tracks = tracks_of(points, lengths=lengths)
    of = neighbours.neighbours(tracks, duplicates(tracks))
    labelling, file = labelling_of(len(points), **labels), file_of(len(points))
    return list(neighbours.near_copies(of, labelling, file)), list(neighbours.order(of, labelling, file))


def curves(count, seed=0):
    """Smooth curves (n 40 2) of three sines, from random places."""
    generator = np.random.default_rng(seed)
    phases = generator.uniform(0, 2 * np.pi, (count, 1, 2, 3))
    time = np.linspace(0, 2 * np.pi, 40)[:, None, None]
    waves = generator.uniform(0, 1, (count, 1, 2, 3)) * np.sin(time * np.arange(1, 4) + phases)
    return waves.sum(axis=-1) + generator.normal(size=(count, 1, 2))


def standing(count, seed=0):
    generator = np.random.default_rng(seed)
    return np.repeat(generator.uniform(0, 9, (count, 1, 2)), 30, axis=1) + generator.normal(0, 0.01, (count, 30, 2))


@pytest.mark.parametrize("seed", range(8))
def test_independent_tracks_have_no_near_copies_and_no_order(seed):
    mixed = np.concatenate([walks(100, seed=seed), standing(100, seed)])[np.random.default_rng(seed).permutation(200)]
    for points in (walks(200, seed=seed), curves(200, seed), standing(200, seed), mixed):
        assert near(points) == ([], [])


def test_near_copies_are_named_in_pairs_with_their_classes_and_folds():
    points = curves(200)
    points[:4] = points[102:106] + np.random.default_rng(1).normal(0, 0.005, (4, 40, 2))
    ((finding,), order) = near(points, labels=np.arange(200) // 4 % 2)
    assert finding.items == ((100, 202), (101, 203), (102, 204), (103, 205))
    assert "4 pairs of tracks lie far closer" in finding.text
    assert ", 2 of them of different classes." in finding.text
    assert "8 of 200 tested tracks have such a copy in train" in finding.text
    assert not finding.grave
    assert order == []


def test_a_copy_of_other_length_is_near():
    points, lengths = curves(200), np.full(200, 39)
    points[7, :20] = points[90, :39:2]
    lengths[7] = 20
    (finding,), _ = near(points, lengths)
    assert finding.items == ((107, 190),)


@pytest.mark.parametrize("seed", range(4))
def test_near_copies_are_those_that_distances_of_all_pairs_show(seed):
    generator = np.random.default_rng(seed)
    points = walks(400, seed=seed) * generator.lognormal(0, 2, (400, 1, 1))
    for one, other in generator.permutation(200).reshape(20, 10)[:, :2]:  # from all but equal to hardly near
        points[one] = points[other] + generator.normal(size=(30, 2)) * 10 ** generator.uniform(-9, 2)
    tracks, labelling = tracks_of(points), labelling_of(400)
    of = neighbours.neighbours(tracks, np.arange(400))
    all_distances = np.sqrt(((of.places[:, None] - of.places) ** 2).sum(axis=2))
    np.fill_diagonal(all_distances, np.inf)
    rising = np.sort(all_distances, axis=1)[:, : neighbours.NEIGHBOURS]
    of_class = [neighbours._dimension(rising[labelling.labels == label]) for label in range(2)]
    dimensions = np.minimum(neighbours._dimension(rising), of_class)
    everyone = np.arange(400)
    like = np.minimum(neighbours._dimensions_of_like(of, everyone), dimensions[labelling.labels])
    bound = neighbours._ratios(dimensions, 400).max() * np.quantile(rising[:, -1], 0.99)
    near_one = (rising[:, 0] <= neighbours._ratios(like, 400) * rising[:, -1]) & (rising[:, 0] <= bound)
    expected = {tuple(sorted((int(one), int(all_distances[one].argmin())))) for one in np.flatnonzero(near_one)}
    assert set(map(tuple, neighbours._pairs(of, labelling).tolist())) == expected
    assert 4 < len(expected) <= 20


def test_near_copies_of_one_group_are_silent():
    points = curves(200)
    points[1] = points[0] + 1e-4
    assert near(points, groups=np.arange(200) // 2)[0] == []
    assert len(near(points, groups=np.r_[0, 1, np.arange(198) + 2])[0]) == 1


def test_exact_duplicates_are_left_to_their_own_guard():
    points = curves(200)
    points[100:110] = points[:10]
    assert near(points)[0] == []


def test_three_copies_of_one_track_are_found():
    points = curves(200)
    points[1:4] = points[0] + np.random.default_rng(1).normal(0, 0.003, (3, 40, 2))
    ((finding,), _) = near(points)
    assert {row for pair in finding.items for row in pair} == {100, 101, 102, 103}


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_few_tracks_are_silent(count):
    assert near(walks(count)) == ([], [])
    assert near(np.zeros((count, 4, 2))) == ([], [])
    assert near(walks(count) * np.r_[np.zeros(count - 1), 1][:, None, None]) == ([], [])


def test_tracks_of_one_person_that_stand_side_by_side_look_grouped():
    persons = np.arange(300) // 10
    points = curves(300) + np.random.default_rng(2).normal(0, 3, (30, 1, 2))[persons]
    _, (finding,) = near(points)
    assert "closer in data/raw/set.npz than in random order" in finding.text
    assert not finding.grave
    mixed = np.random.default_rng(3).permutation(300)
    assert near(points[mixed])[1] == []


def test_a_file_in_the_order_of_its_classes_is_in_random_order():
    points = curves(300)
    points[150:] += 50
    assert near(points, labels=np.arange(300) // 150)[1] == []
