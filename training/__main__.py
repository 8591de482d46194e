"""``python -m training``: the steps of making an encoder, or all of them; and what measures it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from musrec_core.errors import ModelError

from .recipe import Recipe, RecipeError, load_recipe


def _prepare(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import describe
    from .data.prepare import prepare

    print(describe(prepare(recipe, options.music, options.out / "cache", options.jobs)))


def _teach(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .data.teach import teach

    folder = options.cache or options.out / "cache"
    for report in teach(
        recipe, load_cache(folder), folder, options.teachers or options.music / "teachers", options.jobs
    ):
        print(report, flush=True)


def _hints(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .fit.hints import fit_hints

    cache = load_cache(options.cache or options.out / "cache")
    for report in fit_hints(recipe, cache, options.teachers or options.music / "teachers", options.out):
        print(report, flush=True)


def _fetch(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.fetch import fetch

    fetch(recipe, options.music)


def _fit(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .fit.fit import fit

    print(fit(recipe, load_cache(options.cache or options.out / "cache"), options.out, fresh=options.fresh))


def _export(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .export.export import export

    print(export(recipe, load_cache(options.cache or options.out / "cache"), options.out, options.to))


def _words(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .words.learn import learn_words
    from .words.report import write_report
    from .words.vocabulary import VOCABULARY, load_vocabulary

    folder = options.cache or options.out / "cache"
    report = learn_words(
        recipe, load_cache(folder), options.taught or folder, options.model, options.music, options.out,
        load_vocabulary(options.vocabulary or VOCABULARY), against=options.against, test=options.test,
    )  # fmt: skip
    path = write_report(report, options.report or options.out / "words")
    print(path.read_text(encoding="utf-8"))
    print(f"written to {path}")


def _words_precision(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .words.precision import measure_words
    from .words.precision_report import write_report
    from .words.vocabulary import VOCABULARY, load_vocabulary

    folder = options.cache or options.out / "cache"
    vocabulary = load_vocabulary(options.vocabulary or VOCABULARY)
    report = measure_words(
        recipe, load_cache(folder), options.taught or folder, options.model, options.music, vocabulary
    )
    path = write_report(report, options.report or options.out / "words")
    print(path.read_text(encoding="utf-8"))
    print(f"written to {path}")


def _convert(_: Recipe, options: argparse.Namespace) -> None:
    from .export.ncnn_files import add_ncnn_files

    print(f"{options.model.with_suffix('.ncnn.param')} and .bin, model {add_ncnn_files(options.model).model_id}")


def _evaluate(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .evaluation.compare import compared_models
    from .evaluation.evaluate import evaluate
    from .evaluation.report import store_in_card, write_report
    from .evaluation.teachers import ensemble_of, heard_by

    folder = options.cache or options.out / "cache"
    cache = load_cache(folder)
    heard = heard_by(options.taught or folder)
    ensemble = ensemble_of(heard, recipe, options.ensemble)
    others = compared_models(options.beside, recipe, cache, options.out / "beside", dict(options.set), options.music)
    report = evaluate(
        cache,
        options.model,
        options.split,
        beside=[*options.beside_model, *others],
        store=options.out / "dsp.npz",
        heard=heard,
        ensemble=ensemble,
    )
    path = write_report(report, options.report or options.out / f"report-{options.split}")
    if options.into_card:
        store_in_card(report, options.model)
    print(path.read_text(encoding="utf-8"))
    print(f"written to {path}")


def _run(recipe: Recipe, options: argparse.Namespace) -> None:
    """Everything, one after the other; what an earlier run has done is not done again."""
    from .words.vocabulary import load_vocabulary

    if not ((options.cache or options.out / "cache") / "tracks.json").is_file():
        _prepare(recipe, options)
    if recipe.teachers:
        _teach(recipe, options)
    if recipe.network.branches:
        _hints(recipe, options)
    if not (options.out / "encoder.pt").is_file():
        _fit(recipe, options)
    _export(recipe, options)
    options.model = (options.to or options.out / "export") / f"{recipe.name}.onnx"
    options.into_card, options.report = True, None
    if set(load_vocabulary().teachers) <= {Path(teacher.file).stem for teacher in recipe.teachers}:
        options.taught, options.vocabulary, options.against, options.test = None, None, [], False
        _words(recipe, options)
    for split in ("valid", "test"):
        options.split = split
        _evaluate(recipe, options)


def _ablate(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .evaluation.ablate import ablate

    cache = load_cache(options.cache or options.out / "cache")
    print(ablate(options.recipe, dict(options.set), cache, options.out, options.plan))


def _crossvalidate(recipe: Recipe, options: argparse.Namespace) -> None:
    from .data.cache import load_cache
    from .evaluation.crossvalidate import crossvalidate

    cache = load_cache(options.cache or options.out / "cache")
    cache.require(recipe.front)
    print(
        crossvalidate(
            options.recipe,
            dict(options.set),
            cache,
            options.out,
            plan_file=options.plan,
            folds=options.folds,
            seeds=options.seeds,
            whole=options.whole,
        )
    )


def _excerpts(_: Recipe, options: argparse.Namespace) -> None:
    from .evaluation.excerpts import excerpts

    print(excerpts(options.model, options.songs, options.counts, options.jobs))


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, yaml.safe_load(value)


def _add_options(command: argparse.ArgumentParser, name: str) -> None:
    """The options of one command; ``run`` has those of all its steps."""
    recipe = "musrec-1" if name == "ablate" else "musrec-2"  # whose variants our plan holds
    command.add_argument("--recipe", default=recipe, help="a YAML file, or the name of an included recipe")
    command.add_argument("--out", type=Path, default=Path("runs", recipe), help="the folder of this run")
    command.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE",
                         help="override one value of the recipe, such as schedule.epochs=2")  # fmt: skip
    command.add_argument(
        "--music", type=Path, default=Path("music"), help="the folder of labelled music, for `prepare`"
    )
    if name in {"run", "teach", "hints"}:
        command.add_argument("--teachers", type=Path, help="the folder of teachers (default: MUSIC/teachers)")
    if name in {"run", "prepare", "teach"}:
        command.add_argument("--jobs", type=int, help="worker processes (default: one per core)")
    if name != "prepare":
        command.add_argument("--cache", type=Path, help="the folder that `prepare` filled (default: OUT/cache)")
    if name in {"run", "fit"}:
        command.add_argument("--fresh", action="store_true", help="start again instead of resuming an interrupted run")
    if name in {"run", "export"}:
        command.add_argument("--to", type=Path, help="the models folder (default: OUT/export)")
    if name == "ablate":
        command.add_argument("--plan", type=Path, help="variants, vectors and seeds, as YAML (default: ours)")
    if name == "crossvalidate":
        command.add_argument("--plan", type=Path, help="variants, as YAML (default: the recipe as it is)")
        command.add_argument("--folds", type=int, default=4, help="parts of the train and valid splits (default: 4)")
        command.add_argument("--seeds", type=int, default=3, help="networks of each variant and fold (default: 3)")
        command.add_argument("--whole", action="store_true",
                             help="train frozen branches' networks whole, with augmentation: slow")  # fmt: skip
    if name in {"words", "words-precision"}:
        command.add_argument("model", type=Path, help="the exported encoder's .onnx file")
        command.add_argument("--taught", type=Path, metavar="CACHE",
                             help="a cache of the same clips that teachers have heard (default: the same)")  # fmt: skip
        command.add_argument("--vocabulary", type=Path, help="a YAML file of words (default: ours)")
        command.add_argument("--report", type=Path, help="where to write the report (default: OUT/words)")
    if name == "words":
        command.add_argument("--against", nargs="*", default=[], choices=("features", "hard"),
                             help="compare with heads on the network's own outputs, or on hard targets")  # fmt: skip
        command.add_argument("--test", action="store_true", help="measure on the test split, too")
    if name == "evaluate":
        command.add_argument("model", type=Path, help="the exported encoder's .onnx file")
        command.add_argument("--split", choices=("valid", "test"), default="valid")
        command.add_argument("--into-card", action="store_true", help="store the figures in the model's card")
        command.add_argument("--report", type=Path, help="where to write the report (default: OUT/report-SPLIT)")
    if name in {"run", "evaluate"}:
        command.add_argument("--beside", nargs="*", default=["latent-cnn", "mfcc-cnn", "vgg"], metavar="RECIPE",
                             help="recipes to compare with, trained on the same cache unless OUT/beside has them "
                                  "(default: latent-cnn mfcc-cnn vgg)")  # fmt: skip
        command.add_argument("--beside-model", type=Path, nargs="*", default=[], metavar="MODEL",
                             help="exported encoders to compare with")  # fmt: skip
        command.add_argument("--taught", type=Path, metavar="CACHE",
                             help="a cache of the same clips, which the teachers "
                                  "have heard (default: the cache)")  # fmt: skip
        command.add_argument("--ensemble", nargs="*", default=[], metavar="TEACHER",
                             help="teachers to compare jointly, by their tags "
                                  "(default: the recipe's, or all)")  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train an encoder for beets-musrec.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, what in (
        ("run", _run, "prepare, teach, hints, fit, export, words and evaluate: the whole recipe in one command"),
        ("prepare", _prepare, "decode the music into a cache of log-mel and, for teachers, audio"),
        ("teach", _teach, "let the recipe's teachers hear the cached audio, and keep what they say"),
        ("hints", _hints, "fit the network's branches to their teachers, layer by layer"),
        ("fit", _fit, "train the recipe's network on the cache"),
        ("export", _export, "write the trained encoder as ONNX with its card"),
        ("words", _words, "learn words for how music sounds from the teachers, beside an exported encoder"),
        ("words-precision", _words_precision, "count how many of the songs that each word finds first have it"),
        ("evaluate", _evaluate, "compare an exported encoder with other systems: report.md, JSON, pictures"),
        ("ablate", _ablate, "train variants of the recipe and compare them on the valid split"),
        ("crossvalidate", _crossvalidate, "compare variants of the recipe in folds by artist, with intervals"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.set_defaults(run=run)
        _add_options(command, name)
    convert = commands.add_parser(
        "convert", help="write an exported encoder's files for ncnn, and note them in its card"
    )
    convert.add_argument("model", type=Path, help="the exported encoder's .onnx file")
    convert.set_defaults(run=_convert, recipe="musrec-2", set=[])
    excerpts = commands.add_parser("excerpts", help="compare ways to hear a whole song: in one stretch, or in several")
    excerpts.add_argument("model", type=Path, help="the exported encoder's .onnx file")
    excerpts.add_argument("songs", type=Path, help="whole songs in a folder an album, a package or a composer")
    excerpts.add_argument("--counts", type=int, nargs="+", default=[1, 3, 10], help="excerpts (default: 1 3 10)")
    excerpts.add_argument("--jobs", type=int, help="worker processes (default: one per core)")
    excerpts.set_defaults(run=_excerpts, recipe="musrec-2", set=[])
    fetch = commands.add_parser("fetch", help="download and unpack a recipe's published archives")
    fetch.add_argument("recipe", help="a recipe that names archives: fma-small")
    fetch.add_argument("music", type=Path, metavar="DIR", help="where to put them")
    fetch.set_defaults(run=_fetch, set=[])
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(load_recipe(options.recipe, dict(options.set)), options)
    except (RecipeError, ModelError, OSError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
