"""What must work before a month can: each part proved by using it, for ``voc doctor`` and for ``helm test`` alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from voc_models.exit_codes import ExitCode, VocError
from voc_models.labels import HEAD_NAMES, HEADS
from voc_models.run import CHAMPION_MODEL, KEYWORD_MODEL
from voc_models.stores import check_store
from voc_worker.wiring import Parts

#: Classified by the check; it says something about both heads.
SENTENCE = "화장실 세면대 수도꼭지에서 물이 새요. 수리해 주세요."


class Check(NamedTuple):
    """One thing that must work; ``prove`` returns a sentence or raises a VocError that says what to do."""

    name: str
    prove: Callable[[Parts], str]


class Finding(NamedTuple):
    """How one check ended; ``code`` is what a container would answer to that alone."""

    name: str
    code: ExitCode
    sentence: str

    @property
    def fine(self) -> bool:
        """Whether it works."""
        return self.code is ExitCode.OK

    @property
    def line(self) -> str:
        """One line for people."""
        return f"{'ok  ' if self.fine else 'FAIL'}  {self.name:<11} {self.sentence}"


def examine(parts: Parts, checks: Sequence[Check]) -> Iterator[Finding]:
    """Yield the finding of each check; one failure never hides another."""
    for check in checks:
        try:
            yield Finding(check.name, ExitCode.OK, check.prove(parts))
        except VocError as error:
            yield Finding(check.name, error.exit_code, str(error))


#: What cannot be cured by waiting comes first.
_WORST_FIRST = (ExitCode.USAGE, ExitCode.DATA, ExitCode.BUG, ExitCode.UNAVAILABLE, ExitCode.TRY_AGAIN)


def worst(codes: Collection[ExitCode]) -> ExitCode:
    """Return the exit code for several answers together: the one that a person has to do most about."""
    return next((code for code in _WORST_FIRST if code in codes), ExitCode.OK)


def _settings(parts: Parts) -> str:
    where = "the embedded PostgreSQL" if parts.settings.embedded_database else parts.settings.db_host
    return f"database: {where}; store: {parts.store.address}; models: {parts.models.address}."


def _database(parts: Parts) -> str:
    with parts.source() as source:
        return source.check()


def _taxonomy(parts: Parts) -> str:
    with parts.source() as source:
        taxonomy = source.taxonomy()
    return f"{len(taxonomy.labels('subject'))} subjects and {len(taxonomy.labels('work'))} work types are active."


def _store(parts: Parts) -> str:
    return check_store(parts.store)


def _review(parts: Parts) -> str:
    return parts.book().check()


def _models(parts: Parts) -> str:
    planned = parts.registry.resolve(CHAMPION_MODEL)
    pinned = " (pinned by MODEL_RELEASE)" if parts.registry.pin else ""
    if planned.release != KEYWORD_MODEL:
        return f"Release {planned.release} is in service{pinned}."
    return f"The keyword tagger is in service{pinned or ': no model has been promoted yet'}."


def _sentence(parts: Parts) -> str:
    """Classify one sentence, which fetches the model in service, verifies its files and runs it."""
    from voc_worker.model_tagger import classify  # noqa: PLC0415 - the model runtime, for those who ask for it
    from voc_worker.tagging import RowText  # noqa: PLC0415 - see above

    planned = parts.registry.resolve(CHAMPION_MODEL)
    with parts.source() as source:
        taxonomy = source.taxonomy()
    answers = classify(parts.tagger(planned, taxonomy), RowText("", SENTENCE, ""))
    best = {head: answers[head][0].label for head in HEADS}
    labels = ", ".join(f"{HEAD_NAMES[head]} {label.major} > {label.minor}" for head, label in best.items())
    by = "the keyword tagger" if planned.release == KEYWORD_MODEL else f"release {planned.release}"
    return f"{SENTENCE!r} is {labels}, says {by}."


def _fonts(parts: Parts) -> str:
    return f"Word clouds are drawn with {parts.font()}."


DATABASE, STORE, REVIEW = Check("database", _database), Check("store", _store), Check("review", _review)

#: `voc doctor`: everything that a person can set wrong.
DOCTOR = (
    Check("settings", _settings),
    DATABASE,
    Check("taxonomy", _taxonomy),
    STORE,
    REVIEW,
    Check("models", _models),
    Check("fonts", _fonts),
)
#: `python -m voc_worker check`: what a step's container must be able to reach and do.
CONTAINER = (DATABASE, STORE, REVIEW, Check("sentence", _sentence))
