"""Korean names before 님, 씨, 드림, where they are certain: a surname and two syllables that names are made of."""

from __future__ import annotations

import re
from typing import Final

# Surnames by how many bear them (population census); rarer ones are left out, they are mostly beginnings of words.
_SURNAMES: Final = (
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함"
    "변염여추도소석선설마길연위표명기반라왕금옥육인맹제모"
)
_DOUBLE_SURNAMES: Final = "남궁|황보|제갈|사공|선우|서문|독고|동방"
# Syllables of given names; a word with any other syllable is no name.
_GIVEN: Final = (
    "가강건경계고곤관광교구국군권규균근금기길나남노다단달담대덕도동두라락란래량련렬령례로록룡류률리린림마"
    "만명모목무묵문미민박방배백범별병보복봉비빈상새서석선설섭성세소솔송수숙순슬승시식신아안애양언여연열엽"
    "영예오옥온완용우욱운웅원월유윤율은을의이익인일임자장재전정제조종주준중지진찬창채천철초춘충치태택평필"
    "하학한해향혁현형혜호홍화환회효후훈휘흠흥희"
)
# A surname and two name syllables by chance, and never a person's name in a tenant's request.
_WORD_LIST: Final = """
강력한 경비원 고객사 고요한 고지서 공고문 공무원 공용관 공조기 관계자 관리원 관리인 관리자 구청장 기관장 기사분
기사장 기술자 남사원 남자분 남직원 담당자 당일오 대리인 대표자 도우미 동대표 명백한 명예인 모임은 문의자 문지기
미화원 민원서 민원인 반려인 방금전 방문인 방문자 방수재 방재원 방화구 방화문 배달원 배송원 배수관 배수구 변호사
보호자 부녀회 상인회 선임자 설비원 성실한 세입자 소방관 소유인 소유자 소화기 소화전 손해인 송신인 수리공 수리인
시공사 시설장 신고인 신고자 신규인 신기한 신선한 신청인 신청자 신호수 안내원 안내인 안내자 안전한 양수인 어린이
여사원 여사장 여성분 여자분 여직원 연구원 연락인 예약자 오전경 오전중 오후경 오후중 우수관 위생사 위원장 유명한
유사한 유용한 유일한 유해한 이사진 이사회 이상한 이용권 이용인 이용자 이용한 이웃인 이전일 이정도 이주민 이주자
인도인 인솔자 인수인 인수자 임대인 임대자 임원진 임차인 임차자 입주민 입주자 작업자 전기로 전기선 전담인 전용관
전원선 전임자 전화기 정기권 정비공 정비원 정수기 정오경 정원사 정원수 정전일 정확한 제보자 제습기 조경사 조경수
조경원 조금만 조금전 조리원 조리장 조사원 조사자 조용한 조합원 조합인 조합장 주간조 주무관 주문인 주문자 주민분
주민회 주방장 주인장 주재원 주차원 지금도 지도자 지배인 지원자 지점장 직원분 진행자 참석자 채권자 채무자 책임자
청소원 추천인 한가한 한국은 현장인 홍보원
"""
_WORDS: Final = frozenset(_WORD_LIST.split())
# A surname with one of these is an office (이소장님), which may stay: whom it concerns is not certain.
_OFFICE_LIST: Final = """
감독 강사 검사 계장 관장 교수 국장 기사 기자 기장 대리 대표 동장 목사 박사 반장 부장 사장 상무 선배 선생 소장 스님
시장 신부 실장 여사 원장 의원 이사 이장 작가 전무 조장 주임 차장 총무 통장 판사 회장
"""
_OFFICES: Final = frozenset(_OFFICE_LIST.split())
_TITLES: Final = (
    "고객|과장|부장|차장|대리|소장|기사|팀장|사원|주임|실장|반장|선생|사장|이사|대표|교수|여사|매니저|주무관|계장|센터장|대표이사|"
    "세대주|입주민|입주자|담당자|담당|관리자|관리인|경비원|어르신"
)
# What may follow 님 or 씨 within the same word; anything else ("씨앗", "날씨") makes the name uncertain.
_AFTER: Final = (
    r"(?=[^가-힣]|$|(?:이|가|은|는|께|께서|께서는|께선|에게|에게서|의|도|을|를|과|와|랑|이랑|한테|만|분|댁|네|들|입니다|이라|이신|이시|"
    r"요|이요|하고|으로|께도|앞|이십니다|인데|이세요|부터|까지|처럼)(?:[^가-힣]|$))"
)
# Before a title a last syllable that is also a particle makes it a noun: ``조명은 소장님께``.
_PARTICLES: Final = "가도로만은을의이"
_NAME: Final = re.compile(
    rf"(?<![가-힣\[])((?:[{_SURNAMES}][{_GIVEN}]{{2}}|(?:{_DOUBLE_SURNAMES})[{_GIVEN}]{{1,2}}))"
    rf"(?=\s?(?:님|씨|드림|올림|배상){_AFTER}|(?<![{_PARTICLES}])\s?(?:{_TITLES})\s?(?:님|드림|올림|배상){_AFTER})"
)


def mask_names(text: str) -> str:
    """Return ``text`` with each certain name replaced by ``[이름]``; 님, 씨 and the title stay."""
    return _NAME.sub(lambda found: found[0] if _is_word(found[1]) else "[이름]", text)


def _is_word(name: str) -> bool:
    return name in _WORDS or name[1:] in _OFFICES
