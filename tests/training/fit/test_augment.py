"""Augmentation, one kind at a time."""

from __future__ import annotations

import torch

from training.fit.augment import Augment


def augment(**changes: float) -> Augment:
    options: dict[str, float] = {
        "frequency_mask": 0,
        "time_mask": 0,
        "tilt": 0.0,
        "gain": 0.0,
        "pitch": 0,
        "low_pass": 0.0,
    }
    return Augment(**(options | changes))  # type: ignore[arg-type]


def test_augmentation_switched_off_changes_nothing() -> None:
    x = torch.randn(3, 128, 130)
    torch.testing.assert_close(augment()(x), x)


def test_a_low_pass_takes_the_treble_and_leaves_mean_and_deviation() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 128, 130)
    y = augment(low_pass=1.0)(x)
    assert (y[:, -1].std(dim=1) < 1e-5).all()  # the highest band is silent
    assert (y[:, :70].std(dim=2) > 0.2).all()  # the lower ones still sound
    torch.testing.assert_close(y.mean(dim=(1, 2)), x.mean(dim=(1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.std(dim=(1, 2)), x.std(dim=(1, 2)), atol=1e-3, rtol=0)


def test_a_pitch_shift_moves_the_bands() -> None:
    torch.manual_seed(0)
    x = torch.arange(128.0)[None, :, None].expand(32, 128, 4)
    y = augment(pitch=3)(x)
    moved = y[:, 64, 0] - 64
    assert set(moved.tolist()) == {-3.0, -2, -1, 0, 1, 2, 3}
    torch.testing.assert_close(y[:, 10:110, 0], x[:, 10:110, 0] + moved[:, None])


def test_tilt_and_gain_stay_within_their_bounds() -> None:
    x = torch.zeros(64, 128, 4)
    assert augment(tilt=0.4)(x).abs().max() <= 0.4
    shifted = augment(gain=0.2)(x)
    assert shifted.std(dim=(1, 2)).max() == 0
    assert 0.1 < shifted.abs().max() <= 0.2
