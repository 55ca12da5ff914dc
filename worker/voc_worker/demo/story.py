"""The demo's story, chapter by chapter; a chapter that was told is remembered, so that a second demo takes seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from voc_models.labels import checked_taxonomy
from voc_models.months import Month
from voc_models.run import Mode, RunSpec, TrainSpec
from voc_worker import archive
from voc_worker.cli.run import execute
from voc_worker.cli.sample import load_into
from voc_worker.cli.state import State
from voc_worker.demo import reviewer
from voc_worker.demo.reviewer import Incidents
from voc_worker.local.progress import Reporter
from voc_worker.postgres.connection import connected
from voc_worker.review.checkout import push, take
from voc_worker.sample.load import read_truth
from voc_worker.sample.score import accuracy
from voc_worker.tables import tagger_rows
from voc_worker.tagging import KeywordTagger

MONTH = Month(2025, 12)
NEXT_MONTH = Month(2026, 1)
#: Months that reviewers have already been through, newest last: what the first training learns from.
EARLIER = tuple(MONTH.plus(-back) for back in range(12, 0, -1))
#: How many rows the demo's reviewer reads in December.
REVIEWED = 60
PARALLELISM = 2

Chapter = Callable[["Story"], dict[str, Any]]


class Story:
    """The demo's folder, its parts, and what has been told."""

    def __init__(self, state: State, home: Path) -> None:
        self.state, self.home = state, home
        self._file = home / "story.json"
        self.told: dict[str, Any] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def say(self, sentence: str) -> None:
        """Print a line."""
        self.state.reporter.say(sentence)

    def tell(self, title: str, chapter: Chapter) -> None:
        """Tell a chapter unless it was told before, and remember what it came to."""
        name = chapter.__name__
        if name in self.told:
            self.say(f"\n■ {title} (done before, in {self.told[name]['seconds']:.0f} s)")
            return
        self.say(f"\n■ {title}")
        started = time.monotonic()
        facts = chapter(self)
        self.told[name] = {"facts": facts, "seconds": time.monotonic() - started}
        self._file.write_text(json.dumps(self.told, ensure_ascii=False, indent=1), encoding="utf-8")

    def facts(self, chapter: Chapter) -> dict[str, Any]:
        """Return what a chapter came to."""
        found: dict[str, Any] = self.told[chapter.__name__]["facts"]
        return found

    def run(self, mode: Mode, month: Month | None = None, train: TrainSpec | None = None) -> None:
        """Run a month as `voc run` does."""
        execute(self.state, RunSpec(mode=mode, month=month, parallelism=PARALLELISM, train=train))

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Keep what the runs of the block say in a file of the demo's folder."""
        loud = self.state.reporter
        with (self.home / "quiet.log").open("a", encoding="utf-8") as file:
            self.state.reporter = Reporter(Console(file=file))
            try:
                yield
            finally:
                self.state.reporter = loud

    def truth(self) -> pd.DataFrame:
        """Return the sample's true labels, which only the demo knows."""
        with connected(self.state.parts.database) as connection:
            return read_truth(connection)

    def review(self, month: Month, edits: reviewer.Edits) -> None:
        """Fetch the workbook, edit the file as a person would, and give it back."""
        file = take(self.state.parts.store, month, self.home / "desk")
        file.write_bytes(reviewer.edit_workbook(file.read_bytes(), month, edits))
        push(self.state.parts.store, file)

    def rows(self, month: Month) -> pd.DataFrame:
        """Return the tagged rows of every building."""
        frames = [found.frame for found in archive.read_months(self.state.parts.store, month, what="tagged")]
        return pd.concat(frames, ignore_index=True)


def sample(story: Story) -> dict[str, Any]:
    """Load the made-up customer."""
    report = load_into(story.state.parts.database)
    story.say(f"{report.rows} requests of a made-up customer are in an embedded PostgreSQL.")
    return {"rows": report.rows}


def first_of_the_month(story: Story) -> dict[str, Any]:
    """Tag December and publish its dashboards."""
    story.run(Mode.FULL, MONTH)
    return {}


def reviewers(story: Story) -> dict[str, Any]:
    """Review the most doubtful rows through the workbook, with a few accidents."""
    truth = story.truth()
    chosen: list[Incidents] = []

    def edits(sheet: pd.DataFrame) -> dict[int, reviewer.Edit]:
        chosen.append(reviewer.choose_incidents(sheet, REVIEWED))
        return reviewer.diligent(truth, REVIEWED)(sheet) | reviewer.troubled(chosen[0])(sheet)

    story.review(MONTH, edits)
    story.say(f"A reviewer read {REVIEWED} rows in the workbook, mistyped one pair and left two rows half done.")
    return chosen[0]._asdict()


def fifteenth_of_the_month(story: Story) -> dict[str, Any]:
    """Merge the reviews."""
    before = story.rows(MONTH)
    story.run(Mode.REFRESH, MONTH)
    after = pd.concat([found.frame for found in archive.read_months(story.state.parts.store, MONTH)])
    joined = before.merge(after, on="voc_id", suffixes=("", "_after"))
    changed = {
        head: int(((joined[f"{head}_major"] != joined[f"{head}_major_after"])
                   | (joined[f"{head}_minor"] != joined[f"{head}_minor_after"])).sum())
        for head in ("subject", "work")
    }  # fmt: skip
    story.say(f"The reviews changed {changed['subject']} subjects and {changed['work']} work types.")
    return changed


def second_thoughts(story: Story) -> dict[str, Any]:
    """Withdraw a Y and refresh again; then look what became of each accident."""
    incidents = Incidents(**story.facts(reviewers))
    story.review(MONTH, reviewer.withdrawing(incidents.withdrawn))
    story.run(Mode.REFRESH, MONTH)
    sheet = story.state.parts.book().read(MONTH).set_index("voc_id")["처리결과"]
    became = {
        "withdrawn Y": (incidents.withdrawn, str(sheet[incidents.withdrawn])),
        "mistyped pair": (incidents.mistyped, str(sheet[incidents.mistyped])),
        **{f"half done {n}": (one, str(sheet[one])) for n, one in enumerate(incidents.half_done, start=1)},
    }
    for what, (voc_id, result) in became.items():
        story.say(f"  {what:<14} VOC {voc_id}  처리결과: {result or '(empty)'}")
    return {what: result for what, (_, result) in became.items()}


def earlier_months(story: Story) -> dict[str, Any]:
    """Tag the months before, which reviewers have been through completely."""
    truth = story.truth()
    with story.state.reporter.counting("month", len(EARLIER)) as counter:
        for month in EARLIER:
            with story.quietly():
                story.run(Mode.TAGGING_ONLY, month)
            story.review(month, reviewer.diligent(truth))
            counter.advance(f"{month} tagged and reviewed")
    return {"months": [str(month) for month in EARLIER]}


def training(story: Story) -> dict[str, Any]:
    """Train on what people have reviewed, and let the gate decide."""
    months = [*EARLIER, MONTH]
    story.run(Mode.TRAIN, train=TrainSpec(months=months, base_model="scratch"))
    champion = story.state.parts.registry.champion().champion
    story.say(f"In service now: {champion.release}. {champion.reason}")
    return {"champion": champion.release}


def next_month(story: Story) -> dict[str, Any]:
    """Tag January with the model in service, and compare."""
    story.run(Mode.FULL, NEXT_MONTH)
    truth = story.truth()
    table = []
    for month in (*EARLIER[-3:], MONTH, NEXT_MONTH):
        rows = story.rows(month)
        score = accuracy(rows, truth)
        table.append(
            [str(month), str(rows["model_version"].iloc[0]), score.rows, score.subject, score.work, score.both]
        )
    rows = story.rows(NEXT_MONTH)
    with story.state.parts.source() as source:
        tagger = KeywordTagger(checked_taxonomy(list(source.taxonomy().entries)))
    keyword = rows.copy()
    keyword.update(tagger.tag(tagger_rows(rows)))
    score = accuracy(keyword, truth)
    table.append([f"{NEXT_MONTH}, had it been", "keyword", score.rows, score.subject, score.work, score.both])
    return {"table": table}
