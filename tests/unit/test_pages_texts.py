"""The catalogue holds exactly what the pages say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import voc_worker
from voc_worker.measures.model import KPI_UNITS, Missing
from voc_worker.pages.texts import UnknownLanguageError, catalogue

WORKER = Path(voc_worker.__file__).parent
STANDINGS = ("low", "very_low", "high", "very_high")
#: Keys that the code puts together from a contract's values.
COMPOSED = {
    *(f"cards.{key}" for key in KPI_UNITS),
    *(f"missing.{reason}" for reason in Missing),
    *(f"fleet.{metric}_{standing}" for metric in ("count", "completion") for standing in STANDINGS),
    *(f"fleet.{metric}_{part}" for metric in ("count_ratio", "completion_rate") for part in ("title", "axis", "value")),
    *(f"fleet.nav_{section}" for section in ("ranking", "outliers", "multiples", "totals", "accuracy")),
    *(f"model.{kind}" for kind in ("linear", "kobert", "blend", "keyword")),
    *(f"rows.{column}" for column in ("id", "when", "subject", "work", "text", "done", "check")),
}


def sources() -> str:
    """Return the code and the templates of the pages."""
    files = [*WORKER.glob("pages/*.py"), *WORKER.glob("pages/templates/*.j2"), *WORKER.glob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_text_that_is_asked_for_exists() -> None:
    """Every key that code or templates name, and every key made from a contract, is in the catalogue."""
    keys = catalogue().keys()
    sections = "|".join(sorted({key.partition(".")[0] for key in keys}))
    named = set(re.findall(rf"""["']((?:{sections})\.[a-z_]+)["']""", sources()))
    assert len(named) > 100
    assert named - keys == set()
    assert keys >= COMPOSED


def test_no_text_is_left_over() -> None:
    """Every text of the catalogue is used: by its name, by a contract's value, or section by section."""
    text = sources().replace("'", '"')
    left = {key for key in catalogue().keys() - COMPOSED if f'"{key}"' not in text}
    assert {key for key in left if not key.startswith(("nav.", "method."))} == set()


def test_places_are_filled() -> None:
    """A text's places take the values, and doubled braces reach the script as single ones."""
    t = catalogue()
    assert t("date.month", year=2025, month=12) == "2025년 12월"
    assert t("rows.page") == "{pages}쪽 중 {page}쪽"


def test_unknown_language_names_the_known_ones() -> None:
    """Asking for a language without a catalogue says which there are."""
    with pytest.raises(UnknownLanguageError, match=r"no page texts in 'xx'\. Known: ko\."):
        catalogue("xx")
