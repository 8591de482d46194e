"""What two songs share and where they differ, as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musrec_core._text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from musrec_core.words.explain import Difference, Explanation

NOTHING = "no word that the model knows says what they share or where they differ"
MOODS = {"arousal": ("livelier", "calmer"), "valence": ("happier", "darker")}  # more, less
COMPARATIVES = {  # of words; others are more or less so
    "happy": "happier", "sad": "sadder", "calm": "calmer", "mellow": "mellower", "scary": "scarier", "loud": "louder",
    "quiet": "quieter", "soft": "softer", "slow": "slower", "fast": "faster", "weird": "weirder",
}  # fmt: skip
THINGS = ("instrument", "voice")  # groups of words for what a song has
HAD = ("beats", "scratching")  # and words of other groups
ADJECTIVES = ("instrumental",)  # and those of these groups for what it is


def sentence(explanation: Explanation, seed: str = "") -> str:
    """``both: piano, calm; this one is livelier and has female vocals``.

    Parameters
    ----------
    seed : str
        The name of the first song, where there are several that it might be.
    """
    shared = ", ".join(map(one_line, explanation.shared))
    apart = _differences(explanation.differences)
    start = f"like {one_line(seed)}" if seed else "both"
    parts = [f"{start}: {shared}" if shared else start if seed else "", f"this one {apart}" if apart else ""]
    return "; ".join(filter(None, parts)) if shared or apart else f"{start}: {NOTHING}" if seed else NOTHING


def _differences(found: Sequence[Difference]) -> str:
    is_, has = [], []
    for each in sorted(found, key=lambda each: not each.more):  # "no vocals and piano" would say another thing
        name = one_line(each.name)
        if each.name in MOODS and each.group == "mood":
            is_.append(MOODS[each.name][0 if each.more else 1])
        elif each.name in ADJECTIVES:
            is_.append(name if each.more else f"not {name}")
        elif each.group in THINGS or each.name in HAD:
            has.append(name if each.more else f"no {name}")
        else:
            is_.append(COMPARATIVES.get(name, f"more {name}") if each.more else f"less {name}")
    return " and ".join(f"{verb} {' and '.join(said)}" for verb, said in (("is", is_), ("has", has)) if said)
