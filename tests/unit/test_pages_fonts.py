"""The Korean font is one that really draws Hangul."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest

from voc_worker.pages import fonts
from voc_worker.pages.cloud import layout
from voc_worker.pages.fonts import KoreanFontError, has_hangul, in_wheel, korean_font

LATIN = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@pytest.fixture(autouse=True)
def _forget() -> None:
    korean_font.cache_clear()


def test_wheel_holds_a_korean_font() -> None:
    """The dependency that brings a font does, and nothing of it has to be imported."""
    found = in_wheel()
    assert found is not None
    assert has_hangul(found)


def test_latin_font_is_refused() -> None:
    """A font that draws boxes for Hangul is refused with the next step."""
    assert not has_hangul(LATIN)
    with pytest.raises(KoreanFontError, match="has no Hangul"):
        korean_font(LATIN)


def test_configured_font_wins() -> None:
    """The configured file is used when it has Hangul."""
    assert korean_font(in_wheel()) == in_wheel()


def test_missing_and_broken_files_are_said(tmp_path: Path) -> None:
    """A path without a file and a file that is no font are different sentences."""
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"not a font")
    with pytest.raises(KoreanFontError, match="does not exist"):
        korean_font(tmp_path / "none.ttf")
    with pytest.raises(KoreanFontError, match="cannot be read"):
        korean_font(broken)


def test_no_font_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a machine with neither Debian's font nor the wheel the error names both."""
    monkeypatch.setattr(fonts, "DEBIAN", tmp_path / "none.ttf")
    monkeypatch.setattr(fonts, "WHEEL", "a-wheel-that-nobody-made")
    with pytest.raises(KoreanFontError, match="Install fonts-nanum or the koreanize-matplotlib wheel"):
        korean_font()


def test_cloud_is_deterministic_and_inside_its_box() -> None:
    """Equal counts give equal places whatever their order, the most frequent word is the largest, none sticks out."""
    font = korean_font()
    counts = {"냉난방기": 50.0, "누수": 30.0, "조명": 10.0, "청소": 5.0}
    cloud = layout(counts, font, width=400, height=200)
    assert cloud == layout(dict(reversed(counts.items())), font, width=400, height=200)
    assert {word.text for word in cloud.words} == set(counts)
    assert max(cloud.words, key=lambda word: word.size).text == "냉난방기"
    for word in cloud.words:
        assert word.x >= 0
        assert word.x + word.length <= 400
        assert 0 < word.y <= 200


def test_cloud_of_nothing_is_empty() -> None:
    """No words, blank words and words without a count leave an empty box."""
    assert layout({}, korean_font(), width=9, height=9).words == ()
    assert layout({" ": 3, "누수": 0}, korean_font(), width=9, height=9).words == ()
