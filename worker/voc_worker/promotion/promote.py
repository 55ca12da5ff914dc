"""``voc promote``: copy an environment's pins to the next one, and check that every pin came that way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from voc_models.exit_codes import DataError, ExitCode, UsageError, VocError
from voc_models.plan import PlannedModel
from voc_models.registry import Registry
from voc_models.run import CHAMPION_MODEL, KEYWORD_MODEL
from voc_models.settings import CommonSettings
from voc_worker.promotion import evidence
from voc_worker.promotion.environments import Environment, open_stores, present, read_environment
from voc_worker.promotion.pins import PinError, Pins, difference, parse, read_pins, unproved_images, with_pins
from voc_worker.promotion.versions import committed_versions, is_shallow

ORDER = ("dev", "stage", "prod")


class NotPromotedError(DataError):
    """The source environment has not proved what it pins."""


class Promotion(NamedTuple):
    """What a promotion would write."""

    target: Environment
    pins: Pins
    text: str
    diff: str


def propose(
    folder: Path, source: str, target: str, settings: CommonSettings, now: datetime, order: Sequence[str] = ORDER
) -> Promotion:
    """Return the target's values file with the source's pins; nothing is written.

    Raises:
        UsageError: an environment is missing, or target does not come after source.
        PinError: the source's pins are not complete.
        NotPromotedError: its last run or the model's gate is not green, or a model store lacks the release.
    """
    names = present(folder, order)
    if missing := {source, target} - set(names):
        raise UsageError(f"{folder} has no environment {', '.join(sorted(missing))}; there are {', '.join(names)}.")
    if names.index(target) != names.index(source) + 1:
        way = " → ".join(names)
        raise UsageError(f"{target} does not come right after {source}: the way is {way}. Promote one step at a time.")
    before, after = read_environment(folder, source), read_environment(folder, target)
    stores = open_stores(before, settings)
    pinned = before.pins.model
    model = pinned or Registry(stores.models).resolve(CHAMPION_MODEL)
    others = open_stores(after, settings).models
    places = [stores.models] if after.model_place == before.model_place else [stores.models, others]
    doubts = [
        _unproved(before, after),
        evidence.run_problem(source, evidence.last_run(stores.months, now), before.pins),
        evidence.gate_problem(Registry(stores.models).history(), model.release),
        *(evidence.store_problem(place, model) for place in places),
    ]
    if problems := [doubt for doubt in doubts if doubt]:
        raise NotPromotedError(f"{source} is not promoted to {target}. {' '.join(problems)}")
    pins = Pins(before.pins.images, model)
    text = with_pins(after.text, pins, str(after.file))
    return Promotion(after, pins, text, difference(after.text, text, after.file.as_posix()))


def _unproved(before: Environment, after: Environment) -> str | None:
    """Say which images the target runs and the source does not: an empty digest would unpin them."""
    names = [f"images.{name}" for name in unproved_images(before.pins, after.values)]
    if not names:
        return None
    return (
        f"{before.name} does without {', '.join(names)} (its repository is empty), so nothing proves a digest for "
        f"{after.name}. Give {before.name} that image, or empty its repository in {after.file}."
    )


class Checked(NamedTuple):
    """What became of one environment's check."""

    name: str
    code: ExitCode
    sentence: str


def check(folder: Path, settings: CommonSettings, order: Sequence[str] = ORDER) -> Iterator[Checked]:
    """Yield, for each environment, whether its pins are complete, in the store, and from the environment before it.

    The rule of origin: its image digests were together, at some commit or in the working copy, those of the environment
    before. So was its model, or, since the first environment alone may follow ``champion.json``, it was once champion
    there; and never one that the gate refused. So a revert passes, and what nobody proved does not.
    """
    names = present(folder, order)
    for index, name in enumerate(names):
        before = names[index - 1] if index else None
        try:
            yield Checked(name, ExitCode.OK, _checked(folder, name, before, settings, trains=before == names[0]))
        except VocError as error:
            yield Checked(name, error.exit_code, str(error))


def _checked(folder: Path, name: str, before: str | None, settings: CommonSettings, *, trains: bool) -> str:
    environment = read_environment(folder, name)
    pins = environment.pins
    models = open_stores(environment, settings).models
    if pins.model is None and before is not None:
        raise PinError(f"{environment.file} pins no model. Promote {before} to {name}, which pins one.")
    model = pins.model or Registry(models).resolve(CHAMPION_MODEL)
    if problem := evidence.store_problem(models, model):
        raise PinError(problem)
    if before is not None:
        earlier = read_environment(folder, before)
        history = Registry(open_stores(earlier, settings).models).history()
        if problem := evidence.refusal(history, model.release):
            raise PinError(problem)
        _came_from(earlier, environment, evidence.ever_champion(history) if trains else frozenset())
    count = sum(1 for digest in pins.images.values() if digest)
    what = "the keyword tagger" if model.release == KEYWORD_MODEL else f"release {model.release}"
    origin = f", both from {before}" if before else ""
    return f"{count} images and {what}{'' if pins.model else ' (champion.json)'}{origin}."


def _came_from(before: Environment, environment: Environment, champions: frozenset[str]) -> None:
    pins, model = environment.pins, environment.pins.model or PlannedModel()
    images_known = model_known = False
    for version in _versions(before):
        images_known = images_known or version.images == pins.images
        model_known = model_known or (model.release in champions if version.model is None else version.model == model)
        if images_known and model_known:
            return
    if images_known:
        what = f"Release {model.release}, which {environment.name} pins, was never in service in {before.name}."
    else:
        what = f"The image digests of {environment.name} were never those of {before.name} in {before.file}."
    raise PinError(f"{what} Promote {before.name} instead of writing pins by hand.{_shallow(before)}")


def _versions(environment: Environment) -> Iterator[Pins]:
    """Yield the pins of the working copy and of every commit, newest first, where they were complete."""
    for text in _texts(environment):
        try:
            yield read_pins(parse(text, str(environment.file)), str(environment.file))
        except PinError:
            continue


def _texts(environment: Environment) -> Iterator[str]:
    yield environment.text
    yield from committed_versions(environment.file)


def _shallow(environment: Environment) -> str:
    if not is_shallow(environment.file.resolve().parent):
        return ""
    return " This clone is shallow; fetch the whole history (fetch-depth: 0) and check again."
