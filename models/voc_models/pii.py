"""Personal data in VOC text, replaced by short marks. Only what is certain: a masked room number hides the complaint.

Meant for text whose full-width digits and odd dashes are folded already (:mod:`voc_models.text` does). Masking twice is
the same as masking once. Not masked, by intent: companies' hotlines (1588-1234), names without 님, 씨 or 드림, names
of two syllables, room and building numbers, addresses.
"""

from __future__ import annotations

import calendar
import re
from typing import TYPE_CHECKING, Final

from voc_models.pii_names import mask_names

if TYPE_CHECKING:
    from collections.abc import Callable

_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}\s?@\s?(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)

# Resident registration number: yymmdd, then century and sex 1-8 (5-8: foreign residents), then six digits or stars.
_RESIDENT: Final = re.compile(r"(?<![\d-])(\d{2})(\d{2})(\d{2})( ?- ?| ?)([1-8])(\d{6}|\*{6})(?![\d*])")
_RESIDENT_WORD: Final = re.compile(r"(?:주민|외국인)\s?(?:등록)?\s?(?:번호)?[^\d]{0,6}$")
_RESIDENT_WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)

_CARD: Final = re.compile(r"(?<![\d-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{2}([ -]?)\d{6}\2\d{5})(?![\d-])")

_BANK: Final = (
    r"(?:(?:KB|NH|IBK|SC|DGB|BNK)?\s?(?:국민|우리|하나|기업|산업|부산|대구|광주|전북|경남|제주|제일|씨티|농협|신한|외환)\s?은행"
    r"|신한|농협|신협|수협|우체국|새마을금고|카카오뱅크|카뱅|토스뱅크|케이뱅크|(?<![A-Za-z])(?:KB|NH|IBK|SC제일)(?![A-Za-z]))"
)
_ACCOUNT_NUMBER: Final = r"(?<![\d-])(?:\d{2,6}(?:-\d{1,7}){1,4}|\d{2,6}(?: \d{2,7}){1,4}|\d{10,14})(?![\d-])"
_ACCOUNT_WORD: Final = rf"(?:{_BANK}|계좌(?:\s?번호)?|입금|송금|이체|가상\s?계좌)"
_ACCOUNT_AFTER: Final = re.compile(rf"({_ACCOUNT_WORD}[^\d\[\]\n]{{0,12}})({_ACCOUNT_NUMBER})", re.IGNORECASE)
_ACCOUNT_BEFORE: Final = re.compile(rf"({_ACCOUNT_NUMBER})(?=[ (,]{{0,2}}{_BANK})", re.IGNORECASE)
_DATE: Final = re.compile(r"(?:19|20)\d{2}[- ](?:0?[1-9]|1[0-2])[- ](?:0?[1-9]|[12]\d|3[01])(?!\d)")

_GAP: Final = r"(?: ?[-.~)/] ?| )?"
_MUST: Final = r"(?: ?[-.~)/] ?| )"
# ``O1O`` and ``ㅇ1ㅇ`` are how people write past a filter.
_MOBILE: Final = re.compile(rf"(?<![\dA-Za-z])(?<!\d\.)\(?[0oOㅇ]1[0oOㅇ16789]{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)")
# Eleven digits that begin so are a mobile phone wherever somebody put the spaces.
_MOBILE_SLIPPED: Final = re.compile(r"(?<![\dA-Za-z])(?<!\d\.)01[016789](?:[ .-]?\d){8}(?!\d)")
_ABROAD: Final = re.compile(
    rf"(?<![\d+])(?:\+ ?|00)82{_GAP}\(?0?\)?{_GAP}(?:1[016-9]|2|[3-6][1-5]|70){_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)"
)
_LANDLINE: Final = re.compile(
    rf"(?<![\d.,:/-])\(?(?:02|0[3-6][1-5]|070|080|050\d?){_MUST}\d{{3,4}}{_MUST}\d{{4}}(?![\d-])"
)
_NAMED_NUMBER: Final = re.compile(
    r"((?:전화|연락처|휴대폰|핸드폰|휴대전화|직통|팩스|☎|☏|\b(?:TEL|FAX|HP|H\.P|T|M))(?:\s?번호)?\s?(?:는|은|:|;|\.|\))?\s?:?\s?)"
    r"(0\d{8,10}|[2-9]\d{2,3}[ .-]\d{4})(?![\d-])",
    re.IGNORECASE,
)
_SPOKEN_DIGIT: Final = "[공영일이삼사오육칠팔구]"
_SPOKEN: Final = re.compile(
    rf"(?<![가-힣])[공영]일[공영][ -]?{_SPOKEN_DIGIT}{{3,4}}[ -]?{_SPOKEN_DIGIT}{{4}}(?!{_SPOKEN_DIGIT})"
)

_REGION: Final = r"(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주)"
_PLATE_LETTER: Final = r"[가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호]"
# These letters are also units and nouns (12호 3456, 25도, 10배, 12조): with a space between, only a word decides.
_PLATE_CLEAR: Final = r"[가나다라마거너더러머버서어저고모보소오누두루우바사아하허]"
_PLATE_END: Final = r"(?!\d|[,.]\d| ?(?:년|월|원|명|개|층|호|동|실|시|분|번지|평|kg|[Ww]\b|대(?!요)))"
_PLATES: Final = (
    re.compile(rf"(?<![가-힣\d]){_REGION} ?\d{{1,2}} ?{_PLATE_LETTER} ?\d{{4}}{_PLATE_END}"),
    re.compile(rf"(?<![\d,.\-])\d{{2,3}}(?:{_PLATE_LETTER}|{_PLATE_CLEAR} )\d{{4}}{_PLATE_END}"),
)
_PLATE_NAMED: Final = re.compile(
    r"((?:차량\s?번호|번호판|차\s?번호|차량|차주|승용차|주차)[^\d\n]{0,8})"
    rf"(\d{{2,3}} ?{_PLATE_LETTER} ?\d{{4}})(?!\d)"
)

# Cheap questions first: most texts hold nothing to mask, and most of the rest only one kind.
_MANY_DIGITS: Final = re.compile(r"\d(?:[ .\-~)/(]{0,3}\d){6}|[oOㅇ]1[0oOㅇ]|1[oOㅇ]|\*{6}")
_PLATE_SHAPE: Final = re.compile(r"\d ?[가-힣] ?\d{4}")
_HONORIFIC: Final = re.compile("님|씨|드림|올림|배상")


def mask_personal_data(text: str) -> str:
    """Return ``text`` with phone, resident, card and account numbers, e-mail, car plates and certain names masked.

    The marks are ``[전화] [주민번호] [카드] [계좌] [이메일] [차량] [이름]``; everything else is left as it is.
    """
    if "@" in text:
        text = _EMAIL.sub("[이메일]", text)
    if _MANY_DIGITS.search(text):
        text = _mask_numbers(text)
    if "일공" in text or "일영" in text:
        text = _SPOKEN.sub("[전화]", text)
    if _PLATE_SHAPE.search(text):
        text = _mask_plates(text)
    if _HONORIFIC.search(text):
        text = mask_names(text)
    return text


def _mask_numbers(text: str) -> str:
    text = _CARD.sub(_when(_is_card, "[카드]"), text)
    text = _RESIDENT.sub(_when(_is_resident, "[주민번호]"), text)
    text = _ACCOUNT_AFTER.sub(lambda found: found[1] + _account(found[2]), text)
    text = _ACCOUNT_BEFORE.sub(lambda found: _account(found[1]), text)
    text = _NAMED_NUMBER.sub(r"\1[전화]", text)
    for pattern in (_ABROAD, _MOBILE, _MOBILE_SLIPPED, _LANDLINE):
        text = pattern.sub("[전화]", text)
    return text


def _mask_plates(text: str) -> str:
    for pattern in _PLATES:
        text = pattern.sub("[차량]", text)
    return _PLATE_NAMED.sub(r"\1[차량]", text)


def _when(certain: Callable[[re.Match[str]], bool], mark: str) -> Callable[[re.Match[str]], str]:
    return lambda found: mark if certain(found) else found[0]


def _is_card(found: re.Match[str]) -> bool:
    """Whether the digits pass Luhn's check (ISO/IEC 7812-1) and begin as cards in Korea do (3 to 6, 9)."""
    digits = [int(digit) for digit in found[0] if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return digits[0] in {3, 4, 5, 6, 9} and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_resident(found: re.Match[str]) -> bool:
    """Whether the first six digits are a birth date; without a hyphen also a check digit or a word in front.

    Numbers given out since October 2020 carry no check digit, so it cannot be asked for in general.
    """
    year = (1900 if found[5] in "1256" else 2000) + int(found[1])
    month, day = int(found[2]), int(found[3])
    if year > 2049 or not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return False
    if "-" in found[4] or found[6].startswith("*") or _RESIDENT_WORD.search(found.string, 0, found.start()):
        return True
    digits = [int(digit) for digit in found[0] if digit.isdigit()]
    total = sum(weight * digit for weight, digit in zip(_RESIDENT_WEIGHTS, digits, strict=False))
    return (11 - total % 11) % 10 == digits[-1]


def _account(number: str) -> str:
    """Mask 10 to 16 digits that are no date and no phone number, which has a mark of its own."""
    count = sum(character.isdigit() for character in number)
    known = _DATE.match(number) or _MOBILE.fullmatch(number) or _LANDLINE.fullmatch(number)
    return number if known or not 10 <= count <= 16 else "[계좌]"
