"""What two songs share and where they differ, as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musrec_core._text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from musrec_core.words.explain import Difference, Explanation

NOTHING = "no word that the model knows says what they share or where they differ"
MAX_NAME = 60  # characters of a seed's
MOODS = {"arousal": ("livelier", "calmer"), "valence": ("happier", "darker")}  # more, less
COMPARATIVES = {  # of words; others are more or less so
    "happy": "happier", "sad": "sadder", "calm": "calmer", "mellow": "mellower", "scary": "scarier", "loud": "louder",
    "quiet": "quieter", "soft": "softer", "slow": "slower", "fast": "faster", "weird": "weirder",
}  # fmt: skip
THINGS = ("instrument", "voice")  # groups of words for what a song has
HAD = ("beats", "scratching")  # and words of other groups
UNCOUNTED = ("bass", "brass", "drums", "percussion", "strings", "woodwind")  # instruments without an article
COUNTED = ("choir",)  # a voice with one
ADJECTIVES = ("instrumental", "solo")  # for what a song is, or is not
LIKE = {  # words for music of a kind, which no song is more or less of
    "lullaby": "a lullaby", "oldies": "oldies", "soundtrack": "a soundtrack", "christmas": "Christmas music",
    "children's": "children's music", "video game music": "video game music", "party": "party music",
    "traditional": "traditional music",
}  # fmt: skip


def sentence(explanation: Explanation, seed: str = "") -> str:
    """``both: piano, calm; this one is livelier and has female vocals``.

    Parameters
    ----------
    seed : str
        The name of the first song, where there are several that it might be.
    """
    shared = ", ".join(map(one_line, explanation.shared))
    apart = _differences(explanation.differences)
    name = one_line(seed)
    start = f"like {name if len(name) <= MAX_NAME else f'{name[: MAX_NAME - 3]}...'}" if name else "both"
    parts = [f"{start}: {shared}" if shared else start if name else "", f"this one {apart}" if apart else ""]
    return "; ".join(filter(None, parts)) if shared or apart else f"{start}: {NOTHING}" if name else NOTHING


def _differences(found: Sequence[Difference]) -> str:
    is_, has = [], []
    for each in sorted(found, key=_is_negative):  # "no vocals and piano" would say another thing
        name, more = one_line(each.name), "more" if each.more else "less"
        if _is_axis(each):
            is_.append(MOODS[each.name][0 if each.more else 1])
        elif each.name in ADJECTIVES:
            is_.append(name if each.more else f"not {name}")
        elif each.group in THINGS or each.name in HAD:
            has.append(_with_article(each, name) if each.more else f"no {name}")
        elif each.name in LIKE:
            is_.append(f"{more} like {LIKE[each.name]}")
        else:
            is_.append(COMPARATIVES.get(name, f"more {name}") if each.more else f"less {name}")
    return " and ".join(f"{verb} {' and '.join(said)}" for verb, said in (("is", is_), ("has", has)) if said)


def _with_article(found: Difference, name: str) -> str:
    """``a drum machine``, ``an organ``, ``drums``."""
    counted = found.group == "instrument" and name not in UNCOUNTED
    if not (counted or name in COUNTED):
        return name
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _is_axis(found: Difference) -> bool:
    return found.group == "mood" and found.name in MOODS


def _is_negative(found: Difference) -> bool:
    return not found.more and not _is_axis(found)
