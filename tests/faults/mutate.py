"""Damage, by chance and yet the same each time: bytes and a seeded generator -> other bytes."""

from __future__ import annotations

import random
from collections.abc import Callable

Damage = Callable[[bytearray, random.Random], bytearray]
HEADER = 512  # bytes: where the lengths and rates of most formats stand
_EDGES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80")


def flip_few(content: bytearray, chance: random.Random) -> bytearray:
    """One to eight bytes, anywhere."""
    return _scatter(content, chance, chance.randint(1, 8), 0, len(content))


def flip_many(content: bytearray, chance: random.Random) -> bytearray:
    """Up to a tenth of all bytes."""
    return _scatter(content, chance, chance.randint(9, max(10, len(content) // 10)), 0, len(content))


def flip_header(content: bytearray, chance: random.Random) -> bytearray:
    """One to sixteen bytes where the header is."""
    return _scatter(content, chance, chance.randint(1, 16), 0, min(HEADER, len(content)))


def flip_middle(content: bytearray, chance: random.Random) -> bytearray:
    """Some bytes of the middle tenth."""
    return _scatter(content, chance, chance.randint(1, 200), len(content) * 9 // 20, len(content) * 11 // 20)


def edge_numbers(content: bytearray, chance: random.Random) -> bytearray:
    """Four bytes of the header become a number that overflows somewhere."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(max(1, min(HEADER, len(content)) - 4))
        content[at : at + 4] = chance.choice(_EDGES)
    return content


def edge_numbers_anywhere(content: bytearray, chance: random.Random) -> bytearray:
    """The same over the whole file: an MP4's tables stand at its end, an Ogg's pages everywhere."""
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(max(1, len(content) - 4))
        content[at : at + 4] = chance.choice(_EDGES)
    return content


def truncate(content: bytearray, chance: random.Random) -> bytearray:
    """The end is missing."""
    return content[: chance.randrange(len(content))]


def behead(content: bytearray, chance: random.Random) -> bytearray:
    """The beginning is missing."""
    return content[chance.randrange(len(content) // 2) :]


def cut_out(content: bytearray, chance: random.Random) -> bytearray:
    """A piece is missing."""
    at = chance.randrange(len(content))
    return content[:at] + content[at + chance.randint(1, 5_000) :]


def put_in(content: bytearray, chance: random.Random) -> bytearray:
    """A piece too many, of chance or of zeros."""
    at, length = chance.randrange(len(content)), chance.randint(1, 5_000)
    return content[:at] + (chance.randbytes(length) if chance.random() < 0.5 else bytes(length)) + content[at:]


def repeat(content: bytearray, chance: random.Random) -> bytearray:
    """A piece twice, as a broken copy leaves it."""
    at = chance.randrange(len(content))
    piece = content[at : at + chance.randint(1, 20_000)]
    return content[:at] + piece * chance.randint(2, 4) + content[at + len(piece) :]


def zero(content: bytearray, chance: random.Random) -> bytearray:
    """A hole of zeros, as a full disk or an unfinished download leaves it."""
    at = chance.randrange(len(content))
    length = min(chance.randint(1, len(content)), len(content) - at)
    content[at : at + length] = bytes(length)
    return content


DAMAGES: tuple[Damage, ...] = (
    flip_few, flip_many, flip_header, flip_middle, edge_numbers, edge_numbers_anywhere,
    truncate, behead, cut_out, put_in, repeat, zero,
)  # fmt: skip


def _scatter(content: bytearray, chance: random.Random, count: int, first: int, end: int) -> bytearray:
    for _ in range(count):
        content[chance.randrange(first, max(first + 1, end))] = chance.randrange(256)
    return content


def mutated(kinds: dict[str, bytes], number: int, seed: int = 0) -> tuple[str, bytes]:
    """The file of this number: a name that says what was done to it, and its bytes, the same for the same seed."""
    chance = random.Random(f"{seed}/{number}")
    ending = chance.choice(sorted(kinds))
    content = bytearray(kinds[ending])
    done = []
    for damage in chance.choices(DAMAGES, k=chance.choice((1, 1, 2, 3))):
        if len(content) > 16:
            content = damage(content, chance)
            done.append(damage.__name__)
    name = ending if chance.random() < 0.9 else chance.choice(sorted(kinds))  # a wrong ending now and then
    return f"{number:05} {ending} {'+'.join(done)}.{name}", bytes(content)
