"""The online code length: blocks of whole groups, a brute-force code, and cases whose length is known."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from small_probe import GROUPS, LABELS, TIGHT, features, params

from trajprobe.probes import regression
from trajprobe.probes.code_length import blocks, code_lengths, uniform_bits
from trajprobe.probes.views import ProbedFeatures


def of_code(draws=6, c=(0.1,), **changed):
    return params(code_length={"draws": draws, "c": c}, **changed)


def test_blocks_end_at_voita_and_titovs_shares():
    for parts in blocks(np.arange(1000), of_code()):
        assert np.cumsum([len(part) for part in parts]).tolist() == [1, 2, 4, 8, 16, 32, 63, 125, 250, 500, 1000]
        assert sorted(np.concatenate(parts)) == list(range(1000))


def test_no_group_is_parted_and_a_block_takes_in_the_one_that_ends_it():
    generator = np.random.default_rng(0)
    groups = generator.choice([3, 5, 8, 90, 100, 101, 102, 103, 104], 200)
    for parts in blocks(groups, of_code()):
        ends = np.cumsum([len(part) for part in parts])
        assert ends[-1] == 200
        for part in parts:
            assert all((groups == group).sum() == (groups[part] == group).sum() for group in groups[part])
        whole = np.concatenate(parts)
        starts = np.flatnonzero(np.r_[True, groups[whole][1:] != groups[whole][:-1]])
        group_ends = [*starts[1:], 200]
        expected = {min(end for end in group_ends if end >= 200 * share) for share in (0.001, 0.0625, 0.125, 0.25, 0.5)}
        assert expected <= set(ends.tolist())
        assert len(parts) <= 9


def test_orders_differ_and_repeat_and_more_of_them_change_none():
    first, more = blocks(GROUPS, of_code(3)), blocks(GROUPS, of_code(6))
    orders = [np.concatenate(parts).tolist() for parts in more]
    assert [np.concatenate(parts).tolist() for parts in first] == orders[:3]
    assert len({tuple(order) for order in orders}) == 6
    assert np.concatenate(blocks(GROUPS, of_code(1, seed=1))[0]).tolist() != orders[0]


def lengths(x, labels, drawn, settings):
    """Of all labels, in the order of the draws."""
    return [sum(code_lengths([ProbedFeatures.of(x, settings)], labels, [parts], settings)) for parts in drawn]


def brute_force(x, labels, parts, c):
    """One clip after the other, by the sentence in the paper."""
    classes = sorted(set(labels.tolist()))
    scaled = StandardScaler().fit_transform(np.asarray(x, dtype=float))
    bits, before = 0.0, []
    for part in parts:
        for clip in part:
            if not before:
                bits += np.log2(len(classes))
                continue
            known = sorted(set(labels[before].tolist()))
            if len(known) == 1:
                chance = float(labels[clip] == known[0])
            elif labels[clip] in known:
                fitted = LogisticRegression(C=c, **TIGHT).fit(scaled[before], labels[before])
                chance = fitted.predict_proba(scaled[[clip]])[0, known.index(labels[clip])]
            else:
                chance = 0.0
            bits -= np.log2((len(before) * chance + 1) / (len(before) + len(classes)))
        before = [*before, *part]
    return bits


@pytest.mark.parametrize(("signal", "c"), [(0.5, 0.1), (2, 1.0), (0, 0.01)])
def test_it_is_a_code_that_is_written_clip_by_clip(monkeypatch, signal, c):
    monkeypatch.setattr(regression, "TOLERANCE", 1e-6)
    x, some = features(signal, 0.5), np.arange(0, 120, 2)
    labels = 2 * LABELS[some] + 5  # neither from 0 on nor without gaps
    drawn = blocks(GROUPS[some], of_code(3))
    expected = [brute_force(x[some], labels, parts, c) for parts in drawn]
    np.testing.assert_allclose(lengths(x[some], labels, drawn, of_code(3, [c])), expected, rtol=1e-5)


def test_each_clip_has_its_own_bits_and_they_are_means_over_the_draws():
    x, settings, drawn = features(0.5, 0.5), of_code(3, [0.1, 1]), blocks(GROUPS, of_code(3))
    alone = [code_lengths([ProbedFeatures.of(x, settings)], LABELS, [parts], settings) for parts in drawn]
    bits = code_lengths([ProbedFeatures.of(x, settings)], LABELS, drawn, settings)
    np.testing.assert_allclose(bits, np.mean(alone, axis=0))
    first = drawn[0][0]  # sent without a probe; and each clip bears its share of the bit that names the C
    np.testing.assert_allclose(np.array(alone[0])[first], np.log2(3) + 1 / len(LABELS))


def test_a_class_that_comes_late_costs_what_laplaces_rule_says():
    labels = np.array([0, 0, 0, 1, 2])
    x = np.zeros((5, 2))
    parts = [np.array([0]), np.array([1, 2]), np.array([3]), np.array([4])]
    # log2 3; twice (1 + 1) / (1 + 3); (0 + 1) / (3 + 3); then 3 of one and 1 of another were seen: (0 + 1) / (4 + 3).
    (bits,) = lengths(x, labels, [parts], of_code(1))
    assert bits == pytest.approx(np.log2(3) + 2 * 1 + np.log2(6) + np.log2(7))


def test_the_best_c_is_taken_and_telling_which_is_paid_for():
    x, drawn = features(0.5, 0.5), blocks(GROUPS, of_code(6))
    values = [0.001, 0.05, 1, 30]
    by_c = np.array([lengths(x, LABELS, drawn, of_code(6, [c])) for c in values])
    assert len(set(by_c.argmin(axis=0))) > 1
    np.testing.assert_allclose(lengths(x, LABELS, drawn, of_code(6, values)), by_c.min(axis=0) + 2)


def test_features_that_give_the_label_away_need_hardly_any_bits_and_noise_needs_them_all():
    labels = np.random.default_rng(0).permutation(np.arange(1000) % 10)
    uniform = uniform_bits(labels)
    assert uniform == pytest.approx(1000 * np.log2(10))
    grid, drawn = of_code(3, [0.001, 0.01, 0.1, 1], pca_above=200), blocks(np.arange(1000), of_code(3))
    giveaway = np.mean(lengths(np.eye(10)[labels], labels, drawn, grid))
    assert uniform / giveaway > 8
    noise = np.random.default_rng(1).normal(size=(1000, 100))
    assert 0.93 < uniform / np.mean(lengths(noise, labels, drawn, grid)) < 1.01
    # What the grid is for: at one large C the same noise costs half as much again.
    assert uniform / np.mean(lengths(noise, labels, drawn, of_code(3, [1.0], pca_above=200))) < 0.7


def test_wide_rows_are_reduced_once_for_all():
    x, drawn = features(0.5, 0.5), blocks(GROUPS, of_code(2))
    wide = lengths(np.repeat(x, 10, axis=1), LABELS, drawn, of_code(2, pca_above=100, pca_components=3))
    narrow = lengths(x, LABELS, drawn, of_code(2, pca_above=11, pca_components=3))
    np.testing.assert_allclose(wide, narrow, rtol=1e-3)
