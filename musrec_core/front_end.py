"""What a network hears: the parameters of its log-mel spectrogram. Imports nothing heavy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

SWITCHES = {"remove_dc", "skip_silent"}
LEVEL = {"level_dbfs", "mean_db", "deviation_db"}  # for `normalise: level`
OPTIONAL = SWITCHES | LEVEL | {"excerpts", "mel_scale", "normalise", "pad_mode"}
CHOICES = {"mel_scale": ("slaney", "htk"), "normalise": ("clip", "level"), "pad_mode": ("constant", "reflect")}


@dataclass(frozen=True)
class FrontEnd:
    """The parameters of the log-mel spectrogram that the network reads; a model's card fixes them.

    A card may lack the keys from ``remove_dc`` on, and then means their defaults here. The mel bands themselves are a
    file beside the card.

    Attributes
    ----------
    sample_rate : int
        [Hz]
    clip_seconds : float
        How much of a track is heard [s], in one stretch or in several.
    n_fft, hop_length : int
        STFT frame and hop [samples]; Hann window, centred.
    n_mels : int
        Mel bands.
    fmin, fmax : float
        Range of the bands [Hz].
    top_db : float
        Floor below the clip's maximum [dB]; means nothing, and may be missing, with ``normalise: level``.
    window_frames : int
        Frames of one window, the network's input.
    remove_dc : bool
        The clip's mean goes before anything else, and rumble below hearing where there is much of it.
    skip_silent : bool
        Silent stretches do not count, and a clip that is mostly silence is looked for elsewhere in the file.
    excerpts : int
        Stretches, spread over the track, that make up the clip; 1: its middle.
    mel_scale : str
        Of the bands: ``slaney`` (Slaney 1998, each band of unit area), or ``htk`` (Young et al. 2006, each with a peak
        of 1).
    pad_mode : str
        What the STFT finds beyond a stretch's ends: ``constant`` (silence), or ``reflect`` (the signal, mirrored).
    normalise : str
        ``clip``: dB relative to the clip's maximum, then mean 0 and deviation 1 over the clip. ``level``: the clip gets
        the RMS ``level_dbfs``, and its power in dB (from -100 on) becomes ``(dB - mean_db) / deviation_db``.
    level_dbfs : float
        RMS of the clip [dB relative to an amplitude of 1].
    mean_db, deviation_db : float
        What the training data's log-mel had [dB].
    """

    sample_rate: int = 22_050
    clip_seconds: float = 30.0
    n_fft: int = 2_048
    hop_length: int = 512
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float = 11_025.0
    top_db: float = 80.0
    window_frames: int = 130
    remove_dc: bool = False
    skip_silent: bool = False
    excerpts: int = 1
    mel_scale: str = "slaney"
    pad_mode: str = "constant"
    normalise: str = "clip"
    level_dbfs: float = -20.0
    mean_db: float = 0.0
    deviation_db: float = 1.0

    @classmethod
    def from_dict(cls, numbers: dict[str, Any]) -> FrontEnd:
        """Build from a card's ``front_end``; a missing, unknown or wrong key is a ``ValueError``."""
        level = numbers.get("normalise") == "level"
        required = set(cls.__dataclass_fields__) - OPTIONAL - ({"top_db"} if level else set())
        allowed = set(cls.__dataclass_fields__) - (set() if level else LEVEL)
        if not required <= set(numbers) <= allowed:
            raise ValueError(
                f"front_end has to have the keys {', '.join(sorted(required))}, and may have "
                f"{', '.join(sorted(allowed - required))}"
            )
        if level and not set(numbers) >= LEVEL:
            raise ValueError(f"front_end with normalise: level needs the keys {', '.join(sorted(LEVEL))}")
        if not all(isinstance(numbers.get(key, False), bool) for key in SWITCHES):
            raise ValueError("remove_dc and skip_silent have to be true or false")
        for key, words in CHOICES.items():
            if numbers.get(key, words[0]) not in words:
                raise ValueError(f"{key} has to be {' or '.join(words)}")
        front_end = cls(**{key: type(getattr(cls, key))(value) for key, value in numbers.items()})
        front_end._require_sane()
        return front_end

    def _require_sane(self) -> None:
        counts = self.sample_rate, self.n_fft, self.hop_length, self.n_mels, self.window_frames, self.excerpts
        if min(counts) < 1:
            raise ValueError("front_end contains a number below 1")
        if self.excerpts > max(1.0, self.clip_seconds):
            raise ValueError(f"{self.excerpts} excerpts in {self.clip_seconds:g} s are shorter than a second each")
        if not self.deviation_db > 0 or not all(map(math.isfinite, (self.level_dbfs, self.mean_db, self.deviation_db))):
            raise ValueError("level_dbfs and mean_db have to be numbers, and deviation_db one above 0")

    @property
    def format(self) -> int:
        """The lowest format of a card that can say this."""
        return 2 if set(self.to_dict()) & (OPTIONAL - SWITCHES) else 1

    def to_dict(self) -> dict[str, Any]:
        """The inverse of `from_dict`; an optional key with its default is left out."""
        kept = LEVEL if self.normalise == "level" else set()
        return {
            key: value
            for key, value in asdict(self).items()
            if key not in OPTIONAL or key in kept or value != getattr(FrontEnd, key)
        }
