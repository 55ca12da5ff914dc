"""Find a font on this machine that really has Hangul; the word cloud is measured with it, never embedded."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from PIL import ImageFont

from voc_models.exit_codes import UsageError

#: Where Debian's fonts-nanum puts it.
DEBIAN: Final = Path("/usr/share/fonts/truetype/nanum/NanumGothic.ttf")
#: The wheel that carries the same font; it is only looked into, since importing it configures matplotlib.
WHEEL: Final = "koreanize-matplotlib"
_PROBES: Final = ("가", "힣", "뷁")


class KoreanFontError(UsageError):
    """No usable Korean font: a cloud of empty boxes would be published instead of words."""


def has_hangul(path: Path) -> bool:
    """Tell whether the font file draws Hangul: each probe differs from the font's box for a missing character.

    Raises:
        KoreanFontError: the file cannot be read as a font.
    """
    try:
        font = ImageFont.truetype(str(path), 32)
    except OSError as error:
        raise KoreanFontError(f"Font {path} cannot be read. Set another TrueType or OpenType file.") from error
    missing = bytes(font.getmask("\U0010fffe"))
    return all(bytes(font.getmask(probe)) != missing for probe in _PROBES)


def in_wheel() -> Path | None:
    """Return the NanumGothic.ttf of the installed wheel, or None without the wheel."""
    try:
        members = files(WHEEL) or []
    except PackageNotFoundError:
        return None
    return next((Path(str(member.locate())) for member in members if member.name == "NanumGothic.ttf"), None)


@lru_cache(maxsize=8)
def korean_font(configured: Path | None = None) -> Path:
    """Return the font to measure Korean words with: the configured one, else Debian's, else the wheel's.

    Raises:
        KoreanFontError: the configured font does not exist or has no Hangul, or no candidate is there.
    """
    if configured is not None:
        if not configured.is_file():
            raise KoreanFontError(f"Font {configured} does not exist. Correct the path, or leave it out.")
        if not has_hangul(configured):
            raise KoreanFontError(f"Font {configured} has no Hangul. Use a Korean font such as NanumGothic.")
        return configured
    for candidate in (DEBIAN, in_wheel()):
        if candidate is not None and candidate.is_file() and has_hangul(candidate):
            return candidate
    raise KoreanFontError(
        "No Korean font was found. Install fonts-nanum or the koreanize-matplotlib wheel, or configure a font file."
    )
