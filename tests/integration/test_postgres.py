"""Reading the customer's database, against a real PostgreSQL."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from voc_models.labels import OTHER, Label
from voc_models.months import Month
from voc_models.plan import PlannedBuilding
from voc_worker.columns import SOURCE, TIMES
from voc_worker.postgres import (
    MEASURES,
    Database,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    SourceDataError,
    open_source,
)
from voc_worker.schema import SchemaError, SourceSchema

if TYPE_CHECKING:
    from voc_worker.embedded import ServerAddress

KST = ZoneInfo("Asia/Seoul")
DECEMBER = Month(2025, 12)
TABLES = """
CREATE TABLE building (id bigint PRIMARY KEY, name text, closed_at timestamptz);
CREATE TABLE voc (id bigint PRIMARY KEY, building_id bigint, title text, request_contents text, reply text,
    created_at timestamptz, replied_at timestamptz, completed_at timestamptz);
CREATE TABLE voc_taxonomy (kind text, major text, minor text, keywords text[], priority int, active boolean);
INSERT INTO building VALUES (95, '한강타워', NULL), (101, '남산빌딩', '2025-06-30+09'), (7, NULL, '2999-01-01+09');
INSERT INTO voc_taxonomy VALUES
    ('subject', '시설', '냉난방/공조', '{에어컨,난방}', 5, true), ('subject', '환경', '청결/미화', NULL, NULL, NULL),
    ('subject', '시설', '구형', '{}', 1, false), ('work', '작업', '청소/정리', '{ 청소 ,""}', 0, true);
"""
ROWS = [
    # The month is Korea's: the first row lies in November by UTC, the last is in January in Korea.
    (1, 95, "에어컨", "추워요", "조치했습니다", "2025-12-01 00:00+09", "2025-12-01 02:00+09", "2025-12-01 10:00+09"),
    (2, 95, None, "청소 부탁", None, "2025-12-31 23:59:59.999999+09", None, None),
    (3, 95, "새해", "안내", "", "2026-01-01 00:00+09", None, None),
    (4, 95, "이전", "11월", "", "2025-11-30 23:59:59+09", None, None),
    # Replied before it was asked: an error of the source, which no median may count.
    (5, 101, "소음", "시끄러워요", "네", "2025-12-10 12:00+09", "2025-12-10 11:00+09", "infinity"),
    (6, 101, "소음", "또", "네", "2025-12-11 12:00+09", "2025-12-11 16:00+09", None),
    (7, 33, "이름 없는 건물", "x", "", "2025-12-12 12:00+09", None, None),
    (8, None, "건물 없음", "x", "", "2025-12-12 12:00+09", None, None),
]


@pytest.fixture
def database(empty_database: ServerAddress) -> Database:
    """A database with the design's tables and a few rows."""
    with psycopg.connect(empty_database.conninfo()) as connection:
        connection.execute(TABLES)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO voc VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", ROWS)
    return as_database(empty_database)


def as_database(address: ServerAddress) -> Database:
    """The product's form of a test server's address."""
    return Database(address.host, address.port, address.dbname, address.user, SecretStr(address.password))


def administer(database: Database, *statements: str) -> None:
    """Run statements as the customer's administrator."""
    with psycopg.connect(conninfo(database)) as connection:
        for statement in statements:
            connection.execute(statement.encode())


class TestBuildings:
    """Which buildings a month has."""

    def test_the_months_bounds_are_koreas(self, database: Database) -> None:
        """Rows count for the month that they have in Seoul, from its first instant to before the next month's."""
        with open_source(database) as source:
            assert source.buildings(DECEMBER) == (
                PlannedBuilding(id="101", name="남산빌딩", rows=2, closed=True),
                PlannedBuilding(id="33", name="33", rows=1),
                PlannedBuilding(id="95", name="한강타워", rows=2),
            )

    def test_another_zone_has_other_bounds(self, database: Database) -> None:
        """In UTC the first row belongs to November and the first of January in Korea to December."""
        with open_source(database) as source:
            assert {b.id: b.rows for b in source.buildings(DECEMBER, "UTC")}["95"] == 2
            assert list(source.building_rows("95", DECEMBER, "UTC")["voc_id"]) == ["2", "3"]

    def test_a_building_asked_for_by_name_may_be_empty(self, database: Database) -> None:
        """A known building without a row is planned with 0 rows, in the order asked; one yet to close is open."""
        with open_source(database) as source:
            assert source.buildings(DECEMBER, only=["95", "7"]) == (
                PlannedBuilding(id="95", name="한강타워", rows=2),
                PlannedBuilding(id="7", name="7", rows=0),
            )

    @pytest.mark.parametrize("building_id", ["9999", "없는건물", "1; DROP TABLE voc", "%s"])
    def test_an_unknown_building_is_named(self, database: Database, building_id: str) -> None:
        """A building that neither table knows is refused with a sentence that repeats its id."""
        with open_source(database) as source:
            with pytest.raises(SourceDataError, match="There is no building") as caught:
                source.buildings(DECEMBER, only=[building_id])
            assert building_id in str(caught.value)
            with pytest.raises(SourceDataError, match="There is no building"):
                source.building_rows(building_id, DECEMBER)

    def test_an_unknown_month_says_what_there_is(self, database: Database) -> None:
        """A month in which nothing was filed anywhere is refused with the span that the database holds."""
        with (
            open_source(database) as source,
            pytest.raises(SourceDataError, match=r"no VOC in 2019-01\. The database holds 2025-11 to 2026-01\."),
        ):
            source.buildings(Month(2019, 1))

    def test_a_quiet_month_between_others_has_no_buildings(self, database: Database) -> None:
        """It is no mistake that a month has no VOC when there are some before and after it."""
        administer(database, "DELETE FROM voc WHERE created_at >= '2025-12-01 +09' AND created_at < '2026-01-01 +09'")
        with open_source(database) as source:
            assert source.buildings(DECEMBER) == ()

    def test_an_empty_table_is_said_to_be_empty(self, database: Database) -> None:
        """Without any row the sentence does not invent a span."""
        administer(database, "TRUNCATE voc")
        with open_source(database) as source, pytest.raises(SourceDataError, match="Table voc is empty"):
            source.buildings(DECEMBER)


class TestRows:
    """One building's rows."""

    def test_rows_come_oldest_first_with_text_and_korean_time(self, database: Database) -> None:
        """Ids and text are str, missing text is empty, times are in Asia/Seoul, missing times are NaT."""
        with open_source(database) as source:
            rows = source.building_rows("95", DECEMBER)
        assert list(rows.columns) == list(SOURCE)
        assert list(rows["voc_id"]) == ["1", "2"]
        assert list(rows["building_name"]) == ["한강타워"] * 2
        assert list(rows["title"]) == ["에어컨", ""]
        assert list(rows["reply"]) == ["조치했습니다", ""]
        assert [str(rows[column].dtype) for column in TIMES] == ["datetime64[us, Asia/Seoul]"] * 3
        assert rows["created_at"][0] == datetime(2025, 12, 1, tzinfo=KST)
        assert list(rows["completed_at"].isna()) == [False, True]

    def test_an_empty_month_is_a_frame_of_the_same_shape(self, database: Database) -> None:
        """A known building without rows gives no row, and the same columns and types."""
        with open_source(database) as source:
            empty, full = source.building_rows("7", DECEMBER), source.building_rows("95", DECEMBER)
        assert len(empty) == 0
        assert empty.dtypes.to_dict() == full.dtypes.to_dict()

    def test_more_rows_than_one_chunk_arrive_once(self, database: Database) -> None:
        """Five thousand rows come through the cursor complete and in order."""
        administer(
            database,
            "INSERT INTO voc SELECT n, 7, 't', repeat('가', 100), '', timestamptz '2025-12-02+09' + n * interval '1 s' "
            "FROM generate_series(1000, 5999) n",
        )
        with open_source(database) as source:
            rows = source.building_rows("7", DECEMBER)
        assert list(rows["voc_id"]) == [str(number) for number in range(1000, 6000)]
        assert list(rows.index) == list(range(5000))

    def test_text_survives_as_it_is(self, database: Database) -> None:
        """Quotes, markup, formulas, emoji and 50,000 characters come back unchanged."""
        texts = ["<script>alert('x')</script>", '=HYPERLINK("x")', "\u202e거꾸로\u202c", "😀\r\n%s {}", "가" * 50_000]
        with psycopg.connect(conninfo(database)) as connection:
            for number, text in enumerate(texts):
                connection.execute(
                    "INSERT INTO voc VALUES (%s, 7, %s, %s, %s, '2025-12-05+09')", [100 + number, text, text, text]
                )
        with open_source(database) as source:
            rows = source.building_rows("7", DECEMBER)
        assert list(rows["request_contents"]) == list(rows["title"]) == list(rows["reply"]) == texts

    def test_everything_is_read_at_one_instant(self, database: Database) -> None:
        """What is committed after the first read stays invisible until the source is opened again."""
        with open_source(database) as source:
            before = source.building_rows("95", DECEMBER)
            administer(database, "DELETE FROM voc")
            assert source.building_rows("95", DECEMBER).equals(before)
        with open_source(database) as source:
            assert len(source.building_rows("95", DECEMBER)) == 0

    def test_the_source_cannot_be_written(self, database: Database) -> None:
        """The transaction is read only: a statement that writes is refused by the server."""
        with open_source(database) as source, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            source._connection.execute("DELETE FROM voc")


class TestMeasures:
    """What a building did in past months."""

    def test_measures_are_medians_over_what_can_be_measured(self, database: Database) -> None:
        """Counts, the share completed and median hours agree with those found by hand; nonsense times do not count."""
        with open_source(database) as source:
            measures = source.monthly_measures([DECEMBER, Month(2025, 11), Month(2020, 1)])
        assert list(measures.columns) == list(MEASURES)
        table = {(row.building_id, row.month): tuple(row)[3:] for row in measures.itertuples()}
        nothing = pytest.approx(float("nan"), nan_ok=True)
        assert table == {
            ("95", "2025-11"): (1, 0.0, nothing, nothing),
            ("101", "2025-12"): (2, 0.0, 4.0, nothing),
            ("33", "2025-12"): (1, 0.0, nothing, nothing),
            ("95", "2025-12"): (2, 0.5, 2.0, 10.0),
        }

    def test_a_column_that_is_not_there_measures_nothing(self, database: Database) -> None:
        """Without a completion time its share and its median are missing, and the rest is as before."""
        schema = SourceSchema.model_validate({"voc": {"completed_at": ""}})
        with open_source(database, schema) as source:
            measures = source.monthly_measures([DECEMBER]).set_index("building_id")
        assert measures["completion_rate"].isna().all()
        assert measures["median_hours_completion"].isna().all()
        assert measures["median_hours_first_reply"]["95"] == 2.0

    def test_no_month_is_no_row(self, database: Database) -> None:
        """Asked for nothing, the answer is an empty table of the right columns."""
        with open_source(database) as source:
            measures = source.monthly_measures([])
        assert measures.empty
        assert list(measures.columns) == list(MEASURES)


class TestTaxonomy:
    """The pairs that exist."""

    def test_the_taxonomy_is_read_whole(self, database: Database) -> None:
        """Active and retired pairs, keywords and priorities come over; NULL means no keyword, 0 and active."""
        with open_source(database) as source:
            taxonomy = source.taxonomy()
        assert taxonomy.labels("subject") == (Label("시설", "냉난방/공조"), Label("환경", "청결/미화"), OTHER)
        assert taxonomy.active("subject")[0].keywords == ("에어컨", "난방")
        assert taxonomy.active("subject")[0].priority == 5
        assert taxonomy.active("work")[0].keywords == ("청소",)
        assert sum(not entry.active for entry in taxonomy.entries) == 1

    def test_keywords_may_be_one_text(self, database: Database) -> None:
        """Keywords in a text column are separated by commas, semicolons or line breaks."""
        administer(
            database,
            "ALTER TABLE voc_taxonomy ALTER keywords TYPE text USING array_to_string(keywords, ',')",
            "UPDATE voc_taxonomy SET keywords = E'히터, 에어컨;\\n 찬바람\\n' WHERE minor = '냉난방/공조'",
        )
        with open_source(database) as source:
            assert source.taxonomy().active("subject")[0].keywords == ("히터", "에어컨", "찬바람")

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            ("('subject', '시설', '구형', '{}', 1, true)", "more than once"),
            ("('subject', '시설', NULL, '{}', 1, true)", "orphan"),
            ("('주제', '시설', '새', '{}', 1, true)", "cannot be used"),
        ],
    )
    def test_a_broken_row_is_named(self, database: Database, row: str, sentence: str) -> None:
        """A duplicate, an orphan and a row of no head are refused with a sentence."""
        administer(database, f"INSERT INTO voc_taxonomy VALUES {row}")  # noqa: S608 - the rows stand above
        with open_source(database) as source, pytest.raises(Exception, match=sentence) as caught:
            source.taxonomy()
        assert getattr(caught.value, "exit_code", None) == 65


class TestOtherTables:
    """Customers whose tables look different."""

    @pytest.fixture
    def theirs(self, database: Database) -> tuple[Database, SourceSchema]:
        """Other names, text ids, local timestamps, no title, reply, closing date, keywords, priority nor state."""
        administer(
            database,
            'CREATE SCHEMA "고객"',
            'CREATE TABLE "고객"."민원 접수" ("번호" text, bldg varchar, "내용" text, at timestamp, done date)',
            """INSERT INTO "고객"."민원 접수" VALUES
               ('A-1', 'N1', '누수', '2025-12-01 00:00', '2025-12-03'),
               ('A-2', 'N1', '정전', '2025-11-30 23:59', NULL)""",
            "CREATE TABLE bldg (code varchar, label varchar, gone boolean)",
            "INSERT INTO bldg VALUES ('N1', '북관', true)",
            "CREATE TABLE labels (k text, a text, b text)",
            "INSERT INTO labels VALUES ('subject', '시설', '누수'), ('work', '작업', '수리')",
        )
        schema = {
            "voc": {
                "table": "고객.민원 접수",
                "id": "번호",
                "building_id": "bldg",
                "created_at": "at",
                "request_contents": "내용",
                "completed_at": "done",
                "title": "",
                "reply": "",
                "replied_at": "",
            },
            "building": {"table": "bldg", "id": "code", "name": "label", "closed_at": "gone"},
            "taxonomy": {
                "table": "labels",
                "kind": "k",
                "major": "a",
                "minor": "b",
                "keywords": "",
                "priority": "",
                "active": "",
            },
        }
        return database, SourceSchema.model_validate(schema)

    def test_names_types_and_missing_columns_are_configuration(self, theirs: tuple[Database, SourceSchema]) -> None:
        """Quoted Korean names, text ids and local timestamps are read; what is not there is empty."""
        with open_source(*theirs) as source:
            assert source.buildings(DECEMBER) == (PlannedBuilding(id="N1", name="북관", rows=1, closed=True),)
            (row,) = source.building_rows("N1", DECEMBER).itertuples()
            assert (row.voc_id, row.title, row.request_contents, row.reply) == ("A-1", "", "누수", "")
            assert row.created_at == datetime(2025, 12, 1, tzinfo=KST)
            assert row.completed_at == datetime(2025, 12, 3, tzinfo=KST)
            assert source.taxonomy().labels("work") == (Label("작업", "수리"), OTHER)
            assert list(source.monthly_measures([DECEMBER])["median_hours_completion"]) == [48.0]
            assert "can be read" in source.check()

    def test_local_timestamps_have_a_configured_zone(self, theirs: tuple[Database, SourceSchema]) -> None:
        """A timestamp without a zone is read in the configured one."""
        database, schema = theirs
        with open_source(database, schema.model_copy(update={"time_zone": "UTC"})) as source:
            (row,) = source.building_rows("N1", DECEMBER).query("voc_id == 'A-1'").itertuples()
        assert row.created_at == datetime(2025, 12, 1, tzinfo=UTC)


class TestRefusals:
    """What a person is told when the database does not play along."""

    @pytest.mark.parametrize(
        ("schema", "sentence"),
        [
            ({"voc": {"table": "vocs"}}, r"no table vocs\. Set voc\.table in SOURCE_CONFIG"),
            ({"voc": {"reply": "answer"}}, r"voc has no column answer\. Set voc\.reply in SOURCE_CONFIG .* or to ''"),
            (
                {"building": {"name": "nm"}},
                r"building has no column nm\. Set building\.name in SOURCE_CONFIG to its name\.$",
            ),
            ({"voc": {"created_at": "title"}}, r"Column title of voc is text, not a time"),
        ],
    )
    def test_a_table_or_column_that_is_not_there_is_named(
        self, database: Database, schema: dict[str, Any], sentence: str
    ) -> None:
        """The sentence names the table or column and the setting to change; the run stops."""
        with (
            open_source(database, SourceSchema.model_validate(schema)) as source,
            pytest.raises(SchemaError, match=sentence) as caught,
        ):
            source.buildings(DECEMBER)
        assert caught.value.exit_code == 64

    def test_a_wrong_password_is_said_without_it(self, database: Database) -> None:
        """A refused password is an error of configuration, and appears neither in the error nor in any repr."""
        wrong = replace(database, password=SecretStr("hunter2-secret"))
        with (
            pytest.raises(DatabaseRefusedError, match=r"Check DB_NAME, DB_USER and DB_PASSWORD") as caught,
            open_source(wrong),
        ):
            pass
        assert caught.value.exit_code == 64
        assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + repr(wrong) + str(wrong)

    def test_a_wrong_database_or_user_is_refused(self, database: Database) -> None:
        """A database and a user that do not exist are errors of configuration."""
        for wrong in (replace(database, name="nowhere"), replace(database, user="nobody")):
            with pytest.raises(DatabaseRefusedError, match=r"Check DB_NAME"), open_source(wrong):
                pass

    def test_a_database_that_is_down_may_come_back(self, database: Database) -> None:
        """Where nobody listens the error is worth a retry and names host and port."""
        with (
            pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:1 does not answer") as caught,
            open_source(replace(database, host="127.0.0.1", port=1)),
        ):
            pass
        assert caught.value.exit_code == 69

    def test_a_connection_that_breaks_may_come_back(self, database: Database) -> None:
        """A server that ends the session in the middle is worth a retry."""
        with open_source(database) as source:
            administer(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'voc-nlp' AND datname = current_database()",
            )
            with pytest.raises(DatabaseUnavailableError, match="does not answer"):
                source.buildings(DECEMBER)

    def test_a_table_without_the_right_to_read_names_the_user(self, database: Database) -> None:
        """A user without SELECT is told so, with the word GRANT."""
        role = f"reader_{database.name[-8:]}"
        administer(database, f"CREATE ROLE {role} LOGIN PASSWORD 'reader'")
        with (
            open_source(replace(database, user=role, password=SecretStr("reader"))) as source,
            pytest.raises(DatabaseRefusedError, match=rf"refuses user {role}: permission denied .*GRANT"),
        ):
            source.buildings(DECEMBER)


def conninfo(database: Database) -> str:
    """The same address for a test's own connection."""
    return make_conninfo(
        host=database.host,
        port=database.port,
        dbname=database.name,
        user=database.user,
        password=database.password.get_secret_value(),
    )
