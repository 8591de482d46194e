"""Networks of every recipe, and the track vector."""

from __future__ import annotations

import pytest
import torch

from training.model.encoder import TrackVector, new_encoder
from training.recipe import load_recipe

NETWORKS = [("musrec_1", 130, 256), ("vgg", 130, 256), ("latent_cnn", 128, 32), ("mfcc_cnn", 130, 64)]


@pytest.mark.parametrize(("name", "frames", "features"), NETWORKS)
def test_each_recipe_builds_its_network(name: str, frames: int, features: int) -> None:
    recipe = load_recipe(name)
    assert recipe.front.window_frames == frames
    encoder = new_encoder(recipe, 7).eval()
    out = encoder(torch.randn(2, 128, frames))
    assert out.features.shape == (2, features)
    assert out.genres.shape == (2, 7)
    first = name == "musrec_1"
    assert (out.head.shape[1], out.teacher.shape[1], out.mood.shape[1]) == ((128, 200, 2) if first else (0, 0, 0))
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in encoder.parameters() if p.dim() == 4)


def test_whitening_makes_the_axes_equal() -> None:
    torch.manual_seed(0)
    parts = torch.randn(500, 6) * torch.tensor([5.0, 3, 2, 1, 0.5, 0.2])

    def spread(whiten: float) -> torch.Tensor:
        vector = TrackVector({"features": 1.0}, 4, 6, whiten=whiten).fit(parts)
        return ((parts - vector.mean) @ vector.projection).std(dim=0)

    plain, half, white = spread(0), spread(0.5), spread(1)
    assert plain[0] / plain[3] == pytest.approx((half[0] / half[3]).item() ** 2, rel=0.01)
    torch.testing.assert_close(white, torch.ones(4), atol=0.01, rtol=0)
