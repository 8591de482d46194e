"""The network in ncnn and in ONNX Runtime: the same vectors, and the choice between the two."""

from __future__ import annotations

import csv
import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core import Card, Encoder, ModelError, TrackEmbedding
from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import log_mel_each, windows_each
from musrec_core.audio.resampling import resample
from musrec_core.card import SHIPPED, shipped_models
from musrec_core.errors import NoRuntimeError
from musrec_core.network import Network, load_network, runtime_name

from .. import music

CLIPS = 50
MOST = 1e-3  # between two distances, or a distance and 0
MOST_OF_SHORT = 2e-3  # the same for clips of two windows: a song's ten average what roundings differ by


@cache
def encoder_of(model: str, *, without: str) -> Encoder:
    """Loaded once: nothing changes it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, without, None)
        return Encoder.load(model, threads=1)


@pytest.fixture(params=sorted(shipped_models()))
def both(request: pytest.FixtureRequest) -> tuple[Encoder, Encoder]:
    """A shipped encoder in each runtime."""
    pytest.importorskip("ncnn")
    pytest.importorskip("onnxruntime")
    return encoder_of(request.param, without="onnxruntime"), encoder_of(request.param, without="ncnn")


def each_embeds(both: tuple[Encoder, Encoder], clips: list[NDArray[np.float32]]) -> list[list[TrackEmbedding]]:
    """What each says of the same windows."""
    card, basis = both[0].card, np.load(both[0].card.folder / both[0].card.mel_basis)
    found: list[list[TrackEmbedding]] = [[], []]
    for y in clips:
        w = windows_each(log_mel_each([y], basis, card.front_end), card.front_end.window_frames)
        for encoder, tracks in zip(both, found, strict=True):
            tracks.append(encoder.embed_windows(w))
    return found


def noise(card: Card) -> NDArray[np.float32]:
    """Three windows."""
    front = card.front_end
    return np.random.default_rng(0).standard_normal((3, front.n_mels, front.window_frames), np.float32)


def assert_same_vectors(a: list[TrackEmbedding], b: list[TrackEmbedding], *, most: float = MOST) -> None:
    """Each vector, each distance between two songs, each genre's probability."""
    x, y = (np.stack([track.vector for track in tracks]) for tracks in (a, b))
    assert len({track.model for track in a + b}) == 1
    assert (1 - (x * y).sum(axis=1)).max() < 1e-5
    assert np.abs(x @ x.T - y @ y.T).max() < most  # a library embedded by one runtime, and by the other
    assert np.abs(x @ x.T - x @ y.T).max() < most  # and one half by each
    for one, other in zip(a, b, strict=True):
        assert one.genres == pytest.approx(other.genres, abs=0.01)
        assert one.mood == pytest.approx(other.mood, abs=0.01)


def test_fifty_composed_songs_have_the_same_vectors_in_both(both: tuple[Encoder, Encoder]) -> None:
    songs = music.collection(per_style=CLIPS // len(music.STYLES))
    assert len(songs) == CLIPS
    rate = both[0].card.front_end.sample_rate
    mono = [music.compose(song, 6.2).mean(axis=0) for song in songs]  # two windows of musrec-1
    clips = [resample(y.astype(np.float32), music.RATE, rate) for y in mono]
    assert_same_vectors(*each_embeds(both, clips), most=MOST_OF_SHORT)


def test_fifty_real_clips_have_the_same_vectors_in_both(both: tuple[Encoder, Encoder], labelled_music: Path) -> None:
    with (labelled_music / "tracks.csv").open(newline="", encoding="utf-8") as handle:
        files = sorted(row["file"] for row in csv.DictReader(handle))
    front = both[0].card.front_end
    hear = partial(load_clip, seconds=front.clip_seconds, sample_rate=front.sample_rate, skip_silent=True)
    clips = [hear(labelled_music / file) for file in files[:: len(files) // CLIPS][:CLIPS]]
    assert_same_vectors(*each_embeds(both, clips))


@pytest.fixture
def windows() -> NDArray[np.float32]:
    """Of the model that runs by default."""
    return noise(Card.load())


def test_loud_windows_that_saturate_are_the_same(both: tuple[Encoder, Encoder]) -> None:
    a, b = (encoder.embed_windows(3 * noise(encoder.card)).vector for encoder in both)
    assert a @ b > 1 - MOST


# The choice


def absent(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_ncnn_runs_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    ncnn = pytest.importorskip("ncnn")
    assert runtime_name(Card.load()) == f"ncnn {ncnn.__version__}"
    absent(monkeypatch, "onnxruntime")
    assert load_network(Card.load()).name().startswith("ncnn")


def test_onnx_runtime_runs_where_ncnn_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    absent(monkeypatch, "ncnn")
    assert runtime_name(Card.load()) == f"ONNX Runtime {onnxruntime.__version__}"
    assert load_network(Card.load()).name().startswith("ONNX Runtime")


def test_onnx_runtime_runs_a_model_that_has_no_files_for_ncnn(waltz: Path, tmp_path: Path) -> None:
    """A card as an earlier version wrote it."""
    pytest.importorskip("onnxruntime")
    copy = shutil.copytree(SHIPPED.parent, tmp_path / "model")
    stored = json.loads(SHIPPED.read_text(encoding="utf-8"))
    del stored["ncnn"]
    (copy / SHIPPED.name).write_text(json.dumps(stored), encoding="utf-8")
    for file in copy.glob("*.ncnn.*"):
        file.unlink()
    encoder = Encoder.load(copy / SHIPPED.with_suffix(".onnx").name)
    assert runtime_name(encoder.card).startswith("ONNX Runtime")
    ours = Encoder.load().embed_file(waltz)
    assert encoder.embed_file(waltz).vector @ ours.vector == pytest.approx(1, abs=MOST)
    assert encoder.card.model_id == ours.model


@pytest.mark.parametrize(("card", "needed"), [
    (Card.load(), "needs ncnn, which is not installed: pip install ncnn"),
    (replace(Card.load(), ncnn=None), "needs ONNX Runtime, which is not installed: pip install onnxruntime"),
])  # fmt: skip
def test_a_model_that_nothing_can_run_is_one_sentence(card: Card, needed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    absent(monkeypatch, "ncnn", "onnxruntime")
    for ask in (load_network, runtime_name):
        with pytest.raises(ModelError, match=needed) as caught:
            ask(card)
        assert "\n" not in str(caught.value)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Puts another module in the place of a runtime: ``raise`` what its own would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(module: str, error: str) -> None:
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text(error)
        for name in [name for name in sys.modules if name.partition(".")[0] == module]:
            monkeypatch.delitem(sys.modules, name)

    return put


DLL = "DLL load failed while importing ncnn"
GLIBC = "/lib/libm.so.6: version `GLIBC_2.35' not found"


@pytest.mark.parametrize(("error", "why"), [
    (f"raise ImportError('{DLL}:\\nnot found')", f"{DLL}: not found"),
    (f'raise OSError("{GLIBC}")', GLIBC),
    ("from .ncnn import Net", "No module named 'ncnn.ncnn'"),  # made for another Python
    ("raise ImportError", "ImportError"),
])  # fmt: skip
def test_why_ncnn_cannot_be_loaded_is_told(
    error: str, why: str, broken: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken("ncnn", error)
    onnxruntime = pytest.importorskip("onnxruntime")
    served = f"ONNX Runtime {onnxruntime.__version__}, because ncnn can't be loaded ({why})"
    assert runtime_name(Card.load()) == served
    absent(monkeypatch, "onnxruntime")
    with pytest.raises(NoRuntimeError) as caught:
        load_network(Card.load())
    needed = f"ncnn can't be loaded ({why}), and ONNX Runtime is not installed: pip install onnxruntime"
    assert str(caught.value) == f"the model {SHIPPED.stem} can't be run: {needed}"


def test_why_onnx_runtime_cannot_be_loaded_is_told(
    broken: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken("onnxruntime", "raise ImportError('DLL load failed')")
    with pytest.raises(NoRuntimeError, match=r"load failed\); pip install --force-reinstall onnxruntime$"):
        load_network(replace(Card.load(), ncnn=None))
    absent(monkeypatch, "ncnn")
    with pytest.raises(NoRuntimeError, match=r"load failed\), and ncnn is not installed: pip install ncnn$"):
        load_network(Card.load())


# ncnn


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped model's card, to be changed."""
    pytest.importorskip("ncnn")
    return Path(shutil.copytree(SHIPPED.parent, tmp_path / "Модель")) / SHIPPED.name


def rewritten(model: Path, part: str, change: Callable[[bytes], bytes], *, signed: bool = True) -> Path:
    """One of the files for ncnn with other bytes, which the card says are right where it is ``signed``."""
    stored: dict[str, Any] = json.loads(model.read_text(encoding="utf-8"))
    file = model.parent / stored["ncnn"][part]["file"]
    file.write_bytes(change(file.read_bytes()))
    if signed:
        stored["ncnn"][part]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    model.write_text(json.dumps(stored), encoding="utf-8")
    return model


@pytest.mark.parametrize("part", ["graph", "weights"])
def test_changed_files_are_refused(model: Path, part: str) -> None:
    with pytest.raises(ModelError, match="sha256 differs"):
        Encoder.load(rewritten(model, part, lambda content: content[:-1] + b"!", signed=False))


def test_a_missing_file_is_one_sentence(model: Path) -> None:
    model.with_suffix(".ncnn.bin").unlink()
    with pytest.raises(ModelError, match=rf"{SHIPPED.stem}\.ncnn\.bin can't be read: No such file"):
        Encoder.load(model)


@pytest.mark.parametrize(("part", "change"), [
    ("weights", lambda content: content[: len(content) // 2]),
    ("weights", lambda content: b""),
    ("weights", lambda content: b"\x93NUMPY" + content),
    ("graph", lambda content: b""),
    ("graph", lambda content: content[:100]),
    ("graph", lambda content: b"\x80\x04."),
    ("graph", lambda content: content.replace(b"Convolution", b"Convolutiom")),
    ("graph", lambda content: content.replace(b" embedding", b" embeddung")),
])  # fmt: skip
def test_damaged_files_are_refused(model: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ModelError, match=SHIPPED.stem) as caught:
        Encoder.load(rewritten(model, part, change))
    assert "\n" not in str(caught.value)


def test_a_card_with_other_widths_is_refused(model: Path) -> None:
    stored = json.loads(model.read_text(encoding="utf-8"))
    model.write_text(json.dumps(stored | {"dimensions": 64}), encoding="utf-8")
    with pytest.raises(ModelError, match="do not match its card"):
        Encoder.load(model)


def test_no_processor_computes_with_half_the_bits(
    monkeypatch: pytest.MonkeyPatch, windows: NDArray[np.float32]
) -> None:
    """Which of the options are on by default is up to ncnn, and which have an effect is up to the processor."""
    ncnn = pytest.importorskip("ncnn")
    ours = load_network(Card.load()).run(windows)[0]
    made, plain = [], ncnn.Net

    def hasty() -> Any:
        made.append(net := plain())
        for option in halves(net):
            setattr(net.opt, option, True)
        return net

    monkeypatch.setattr(ncnn, "Net", hasty)
    np.testing.assert_array_equal(load_network(Card.load()).run(windows)[0], ours)
    (net,) = made
    assert len(halves(net)) >= 5
    assert not any(getattr(net.opt, option) for option in halves(net))


def halves(net: Any) -> list[str]:
    """ncnn's options for numbers of 16 bits, those that came with a later version included."""
    return [option for option in dir(net.opt) if re.match("use_b?fp?16_", option)]


@cache
def network_of(runtime: str) -> Network:
    """The shipped network; loaded once: nothing changes it."""
    with pytest.MonkeyPatch.context() as patched:
        if runtime == "onnxruntime":
            patched.setitem(sys.modules, "ncnn", None)
        return load_network(Card.load(), threads=1)


@pytest.fixture(params=["ncnn", "onnxruntime"])
def network(request: pytest.FixtureRequest) -> Network:
    """The shipped network in each runtime that is installed."""
    pytest.importorskip(request.param)
    return network_of(request.param)


def test_threads_can_share_a_network(network: Network, windows: NDArray[np.float32]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    windows = windows[:1]
    alone = network.run(windows)[0]
    with ThreadPoolExecutor(4) as threads:
        for answer in threads.map(lambda _: network.run(windows)[0], range(16)):
            np.testing.assert_array_equal(answer, alone)


def test_the_process_keeps_its_own_capsules() -> None:
    """Other libraries use `ctypes.pythonapi`, too, which is one for all."""
    pytest.importorskip("ncnn")
    load_network(Card.load())
    assert ctypes.pythonapi.PyCapsule_GetPointer.argtypes is None
    assert ctypes.pythonapi.PyCapsule_GetPointer.restype is ctypes.c_int


@pytest.mark.parametrize("shape", [(0, 96, 1819), (3, 96, 1818), (3, 1819, 96), (96, 1819), (1, 1, 96, 1819), (), (3,)])
def test_windows_of_another_shape_are_refused(network: Network, shape: tuple[int, ...]) -> None:
    encoder = Encoder(Card.load(), network, np.zeros((96, 257), np.float32))
    with pytest.raises(ValueError, match="needs windows of the shape") as caught:
        encoder.embed_windows(np.zeros(shape, np.float32))
    assert str(caught.value).endswith(f"(n > 0, 96, 1819), and not {shape}")


def test_the_windows_stay_as_they_are(network: Network, windows: NDArray[np.float32]) -> None:
    before = windows.copy()
    network.run(windows)
    np.testing.assert_array_equal(windows, before)


def test_windows_may_lie_in_memory_in_any_order(network: Network, windows: NDArray[np.float32]) -> None:
    """Those of the front end do not lie row by row."""
    windows = windows[:2]
    expected = network.run(windows)[0]
    for _ in range(5):
        np.testing.assert_array_equal(network.run(np.asfortranarray(windows))[0], expected)
        backwards = network.run(windows[::-1])[0][::-1]
        np.testing.assert_allclose(backwards, expected, atol=1e-6)  # a batch's order may change the last bits


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("threads", [0, 3])
def test_a_forked_process_can_use_the_network_of_its_parent(windows: NDArray[np.float32], threads: int) -> None:
    """Which has one thread, whatever is asked for: a pool of several does not outlive the fork."""
    pytest.importorskip("ncnn")
    network = load_network(Card.load(), threads=threads)
    alone = network.run(windows)[0]
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # ends it where it hangs
        os._exit(0 if np.array_equal(network.run(windows)[0], alone) else 1)
    assert os.waitpid(child, 0)[1] == 0
