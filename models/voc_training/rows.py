"""From reviewed rows to one head's training table: cleaned inputs, active labels, rare classes. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

import pandas as pd

from voc_models.exit_codes import DataError
from voc_models.keyword_tagger import KeywordRules, RowText, tagger_text
from voc_models.labels import HEAD_NAMES, HEADS, OTHER, Head, Label, Taxonomy
from voc_models.text import model_input, row_key

#: Below this many rows to learn from, any model would only repeat them.
LEAST_ROWS: Final = 30
#: A class with fewer different texts to learn from is merged into its 대분류's 기타, or dropped.
LEAST_TEXTS: Final = 3


class TooFewRowsError(DataError):
    """The reviewed rows are too few, or of one class only, to learn from."""


class HeadRows(NamedTuple):
    """One head's rows and the classes that a model of it knows, in order.

    ``rows`` has the columns of :func:`cleaned` and ``label`` (joined form): for rows that train, one of ``classes``;
    for 표본 rows any active label, also one that no model was taught.
    """

    head: Head
    rows: pd.DataFrame
    classes: tuple[Label, ...]
    notes: tuple[str, ...]


def cleaned(reviewed: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Return the model's inputs of reviewed rows, in the same order.

    Args:
        reviewed: from voc_training.data.load_reviewed.
        taxonomy: the run's; its keywords are asked about every row, whoever tagged it then.

    Returns:
        voc_id, building_id, month, is_sample, ``request`` and ``reply`` as models read them, ``group`` (equal for equal
        texts), for each head the joined ``{head}`` label ("" when not merged), and what the keyword tagger answers:
        the columns of :func:`keyword_columns` with the reply, and without it.
    """
    texts = list(zip(reviewed["title"], reviewed["request_contents"], reviewed["reply"], strict=True))
    inputs = [model_input(title, request, reply) for title, request, reply in texts]
    table = reviewed[["voc_id", "building_id", "month", "is_sample"]].copy()
    table["request"] = pd.Series([row.request for row in inputs], index=table.index, dtype="str")
    table["reply"] = pd.Series([row.reply for row in inputs], index=table.index, dtype="str")
    table["group"] = pd.Series([row_key(title, request) for title, request, _ in texts], index=table.index, dtype="str")
    for head in HEADS:
        table[head] = _joined(reviewed[f"{head}_major"], reviewed[f"{head}_minor"])
    rules = KeywordRules(taxonomy)
    for reply in (True, False):
        tagged = rules.tag_texts(
            RowText(*map(tagger_text, (title, request, answer if reply else ""))) for title, request, answer in texts
        )
        for head, (label, score) in keyword_columns(reply=reply).items():
            answers = [(row.subject, row.subject_score) if head == "subject" else row[2:] for row in tagged]
            table[label] = pd.Series([str(found) for found, _ in answers], index=table.index, dtype="str")
            table[score] = pd.Series([points for _, points in answers], index=table.index, dtype="float64")
    return table


def keyword_columns(*, reply: bool) -> dict[Head, tuple[str, str]]:
    """Return for each head the columns of the keyword tagger's joined label ("": not asked) and its score."""
    mark = "" if reply else "_bare"
    return {head: (f"keyword_{head}{mark}", f"keyword_{head}{mark}_score") for head in HEADS}


def _joined(major: pd.Series, minor: pd.Series) -> pd.Series:
    return (major + "_" + minor).where((major != "") & (minor != ""), "").astype("str")


def head_rows(table: pd.DataFrame, head: Head, taxonomy: Taxonomy) -> HeadRows:
    """Return one head's rows and classes, after the rules that this module states.

    1. Rows without text, rows whose head was not merged, and rows whose label left the taxonomy are dropped.
    2. Of the rows that may train, a class with fewer than LEAST_TEXTS different texts is merged into 대분류/기타 when
       that pair is active and then has enough, else its rows are dropped. 표본 rows keep their label: a model that was
       never taught it is wrong there, and the numbers say so.

    Raises:
        TooFewRowsError: fewer than LEAST_ROWS rows to learn from are left, or fewer than two classes.
    """
    active = {str(label): label for label in taxonomy.labels(head)}
    readable = (table["request"] != "") | (table["reply"] != "")
    known = table[head].isin(active)
    notes = _dropped(
        {
            "without text": int((~readable).sum()),
            "whose pair was not merged": int((readable & (table[head] == "")).sum()),
            "whose label left the taxonomy": int((readable & ~known & (table[head] != "")).sum()),
        }
    )
    rows = table[readable & known].assign(label=lambda frame: frame[head])
    trains = ~rows["is_sample"]
    relabelled, rare = _rare(rows[trains], active)
    rows.loc[trains, "label"] = relabelled
    rows = rows[rows["is_sample"] | (rows["label"] != "")]
    counts = rows.loc[~rows["is_sample"], "label"]
    if len(counts) < LEAST_ROWS or counts.nunique() < 2:
        raise TooFewRowsError(
            f"{HEAD_NAMES[head]}: {len(counts)} reviewed rows of {counts.nunique()} classes are too few to learn from "
            f"(at least {LEAST_ROWS} rows, and 2 classes with {LEAST_TEXTS} different texts each). Review more rows."
        )
    classes = tuple(label for name, label in active.items() if name in set(counts))
    return HeadRows(head, rows, classes, (*notes, *rare))


def _dropped(counts: dict[str, int]) -> tuple[str, ...]:
    return tuple(f"{count} rows {why} are left out." for why, count in counts.items() if count)


def _rare(rows: pd.DataFrame, active: dict[str, Label]) -> tuple[pd.Series, tuple[str, ...]]:
    """Return the labels after merging, "" for rows to drop, and a sentence for each rare class."""
    texts = rows.groupby("label")["group"].nunique()
    rare = sorted(str(name) for name in texts[texts < LEAST_TEXTS].index)
    target = {name: str(Label(active[name].major, OTHER.minor)) for name in rare}
    merged = rows["label"].map(lambda name: target[name] if target.get(name) in active else name)
    enough = rows.assign(label=merged).groupby("label")["group"].nunique() >= LEAST_TEXTS
    kept = merged.where(merged.map(enough).astype(bool), "").astype("str")
    notes = []
    for name in rare:
        where = kept[rows["label"] == name].iloc[0]
        became = f"merged into {where}" if where else "left out"
        notes.append(f"Class {name} has fewer than {LEAST_TEXTS} different texts to learn from: {became}.")
    return kept, tuple(notes)
