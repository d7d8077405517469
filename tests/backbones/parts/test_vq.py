"""vq: nearest rows against numpy in float64, filling a codebook, histograms."""

import numpy as np
import pytest
import torch

from trajprobe.backbones.parts import vq


@pytest.fixture
def codebook():
    torch.manual_seed(0)
    return vq.Codebook(50, 6)


def nearest(latents, rows):
    """The definition, in float64."""
    tokens = np.moveaxis(latents.astype(np.float64), 1, -1)[..., None, :]
    return ((tokens - rows.astype(np.float64)) ** 2).sum(-1).argmin(-1)


def test_a_code_is_the_nearest_row(codebook):
    latents = torch.randn(3, 6, 2, 4, 5)
    codes = codebook.codes(latents)
    assert codes.dtype == torch.int64
    np.testing.assert_array_equal(codes.numpy(), nearest(latents.numpy(), codebook.embeddings.numpy()))
    assert len(codes.unique()) > 20
    rows = codebook.vectors(codes)
    assert rows.shape == latents.shape
    assert torch.equal(rows[2, :, 1, 3, 4], codebook.embeddings[codes[2, 1, 3, 4]])
    assert torch.equal(codebook.codes(rows), codes)


def test_latents_far_from_the_origin_keep_their_codes(codebook):
    """A constant beside which the rows' differences are small: what random networks' latents are like."""
    rows = 30 + 0.1 * codebook.embeddings
    codebook.embeddings.copy_(rows)
    latents = torch.randn(2, 6, 2, 4, 5) * 0.1 + 30
    codes, exact = codebook.codes(latents), nearest(latents.numpy(), rows.numpy())
    assert (codes.numpy() == exact).mean() > 0.9
    np.testing.assert_array_equal(codebook.codes(latents.double()).numpy(), exact)


def test_of_equally_near_rows_it_is_the_first():
    codebook = vq.Codebook(4, 2)
    codebook.embeddings.copy_(torch.tensor([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    latents = torch.tensor([[0.5, 0.5], [1.0, 0.0]]).T.view(1, 2, 1, 1, 2)
    assert codebook.codes(latents).flatten().tolist() == [1, 1]


def test_identical_clips_get_identical_codes_whatever_is_beside_them(codebook):
    latents = torch.randn(4, 6, 2, 4, 5)
    codes = codebook.codes(latents)
    assert torch.equal(codes[2:3], codebook.codes(latents[2:3]))


def test_a_codebook_is_filled_with_different_tokens(codebook):
    latents = torch.randn(2, 6, 2, 4, 5)
    tokens = {tuple(token) for token in latents.permute(0, 2, 3, 4, 1).reshape(-1, 6).tolist()}
    codebook.fill(latents)
    rows = [tuple(row) for row in codebook.embeddings.tolist()]
    assert len(set(rows)) == 50
    assert set(rows) < tokens
    assert rows != sorted(rows)
    assert torch.equal(codebook.z_avg, codebook.embeddings)
    assert codebook.z_avg.data_ptr() != codebook.embeddings.data_ptr()
    assert torch.equal(codebook.N, torch.ones(50))


def test_tokens_too_few_are_repeated_with_a_little_noise(codebook):
    latents = torch.randn(1, 6, 1, 2, 4)
    tokens = latents.permute(0, 2, 3, 4, 1).reshape(-1, 6)
    codebook.fill(latents)
    away = torch.cdist(codebook.embeddings, tokens)
    assert away.min(dim=1).values.max() < 0.05
    assert away.min(dim=1).values.min() > 0
    assert len(away.argmin(dim=1).unique()) == 8
    torch.testing.assert_close(away.min(dim=1).values.square().mean().sqrt(), torch.tensor(0.01), atol=2e-3, rtol=0)


def test_filling_depends_on_torchs_seed_alone(codebook):
    latents = torch.randn(2, 6, 2, 4, 5)
    filled = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        codebook.fill(latents)
        filled.append(codebook.embeddings.clone())
    assert torch.equal(filled[0], filled[1])
    assert not torch.equal(filled[0], filled[2])


def test_a_histogram_is_each_steps_share_of_codes():
    codes = torch.randint(7, (3, 2, 4, 5), generator=torch.Generator().manual_seed(0))
    histogram = vq.Codebook(7, 2).histogram(codes)
    assert histogram.shape == (3, 7, 2, 1, 1)
    for b in range(3):
        for t in range(2):
            expected = np.bincount(codes[b, t].flatten().numpy(), minlength=7) / 20
            np.testing.assert_allclose(histogram[b, :, t, 0, 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("count", "bits"), [(1, 1), (2, 1), (3, 2), (32, 5), (33, 6), (2048, 11)])
def test_a_code_has_the_bits_that_its_largest_value_needs(count, bits):
    assert vq.Codebook(count, 1).bits == bits


def test_rows_come_from_among_all_tokens_not_the_first_ones(codebook):
    latents = torch.randn(2, 6, 2, 4, 5)
    tokens = latents.permute(0, 2, 3, 4, 1).reshape(-1, 6)
    codebook.fill(latents)
    places = torch.cdist(codebook.embeddings, tokens).argmin(dim=1)
    assert places.min() < 5
    assert places.max() >= 75


def test_as_many_tokens_as_rows_are_taken_as_they_are(codebook):
    latents = torch.randn(2, 6, 1, 5, 5)
    codebook.fill(latents)
    tokens = latents.permute(0, 2, 3, 4, 1).reshape(-1, 6)
    assert sorted(codebook.embeddings.tolist()) == sorted(tokens.tolist())


def test_tokens_too_few_are_repeated_no_oftener_than_they_must(codebook):
    for seed in range(5):
        torch.manual_seed(seed)
        latents = torch.randn(1, 6, 1, 2, 4)
        codebook.fill(latents)
        tokens = latents.permute(0, 2, 3, 4, 1).reshape(-1, 6)
        assert torch.cdist(codebook.embeddings, tokens).argmin(dim=1).bincount().max() <= 7  # of 50 rows, 8 tokens


def test_the_noise_is_of_torchs_seed_too(codebook):
    latents, away = torch.randn(1, 6, 1, 1, 1), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        codebook.fill(latents)
        away.append((codebook.embeddings - latents.view(6)).norm(dim=1).sort().values)
    assert torch.equal(away[0], away[1])
    assert not torch.equal(away[0], away[2])
