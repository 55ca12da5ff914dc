"""The source tables, read only: one repeatable-read transaction, rows streamed, names as configured."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString

import pandas as pd
import psycopg
from psycopg import sql
from pydantic import ValidationError

from voc_models.labels import Taxonomy, TaxonomyEntry, checked_taxonomy
from voc_models.months import KST, Month, MonthBounds, zone
from voc_models.plan import PlannedBuilding
from voc_worker.columns import SOURCE, TEXT, TIMES
from voc_worker.postgres.connection import (
    STATEMENT_MINUTES,
    Connection,
    Database,
    SourceDataError,
    Table,
    connected,
    find_table,
    translated,
)
from voc_worker.schema import SchemaError, SourceSchema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: One row per building and month; hours are medians, shares in [0, 1]; NaN where a column is missing or nothing counts.
MEASURES: Final = (
    "building_id",
    "month",
    "voc_count",
    "completion_rate",
    "median_hours_first_reply",
    "median_hours_completion",
)
_CHUNK: Final = 2_000
_SEPARATORS: Final = re.compile(r"[,;\n]+")
_AWARE: Final = "timestamp with time zone"
_NAIVE: Final = frozenset({"timestamp without time zone", "date"})


@contextmanager
def open_source(database: Database, schema: SourceSchema | None = None) -> Iterator[Source]:
    """Open the source for the block: everything read in it is of one instant.

    Args:
        database: where to read.
        schema: names of tables and columns; the design's when None.

    Raises:
        DatabaseUnavailableError: nobody answers there.
        DatabaseRefusedError: the password, the user or the database's name is wrong.
    """
    with connected(database) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with translated(database):
            connection.execute("SET LOCAL TIME ZONE 'UTC'")
            connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(f"{STATEMENT_MINUTES}min"))
        yield Source(connection, database, schema or SourceSchema())


class Source:
    """The source tables in one transaction; made by :func:`open_source`."""

    def __init__(self, connection: Connection, database: Database, schema: SourceSchema) -> None:
        self._connection = connection
        self._database = database
        self._schema = schema
        self._found: dict[str, Table] = {}
        self._names: dict[str, str] | None = None

    def check(self) -> str:
        """Look every configured table and column up; return one sentence for ``voc doctor``."""
        for part in ("voc", "building", "taxonomy"):
            self._table(part)
        ((version,),) = self._rows(sql.SQL("SHOW server_version"))
        return f"{self._database} can be read as {self._database.user} (PostgreSQL {version})."

    def buildings(
        self, month: Month, time_zone: str = KST, only: Sequence[str] | None = None
    ) -> tuple[PlannedBuilding, ...]:
        """Return the buildings of a month with their number of rows, by id.

        Args:
            month: the month of ``created_at``.
            time_zone: in which the month begins and ends.
            only: these buildings, also without a row that month; every building with rows when None.

        Raises:
            SourceDataError: ``only`` names an unknown building, or the month lies outside of what the database holds:
                a quiet month between others is empty, a month that nobody loaded is a mistake.
        """
        counts = self._counts(month.bounds(time_zone))
        if only is None:
            if not counts:
                self._must_lie_between(month, time_zone)
            wanted = sorted(counts)
        else:
            wanted = list(only)
            for building_id in wanted:
                if building_id not in counts:
                    self._building_name(building_id)
        closed = self.closed_buildings()
        return tuple(
            PlannedBuilding(
                id=building_id,
                name=self._building_name(building_id),
                rows=counts.get(building_id, 0),
                closed=building_id in closed,
            )
            for building_id in wanted
        )

    def building_rows(self, building_id: str, month: Month, time_zone: str = KST) -> pd.DataFrame:
        """Return a building's rows of a month, oldest first.

        Returns:
            Columns ``SOURCE``: text is str and never missing, times are datetime64[us, Asia/Seoul] or NaT. A column
            that the customer does not have is "" or NaT throughout. An empty month is a frame without rows.

        Raises:
            SourceDataError: there is no such building.
        """
        name = self._building_name(building_id)
        voc = self._schema.voc
        query = sql.SQL("SELECT {}::text, {}, {} FROM {} WHERE {} AND {} = {} ORDER BY {}, 1").format(
            sql.Identifier(voc.id),
            sql.SQL(", ").join(self._moment(getattr(voc, column)) for column in TIMES),
            sql.SQL(", ").join(_text(getattr(voc, column)) for column in TEXT),
            self._table("voc").name,
            self._within(month.bounds(time_zone)),
            sql.Identifier(voc.building_id),
            sql.Literal(building_id),
            sql.Identifier(voc.created_at),
        )
        chunks = [self._frame(rows, building_id, name) for rows in self._streamed(query)]
        return pd.concat(chunks, ignore_index=True) if chunks else self._frame([], building_id, name)

    def monthly_measures(self, months: Sequence[Month], time_zone: str = KST) -> pd.DataFrame:
        """Return what each building did in each of ``months``: columns ``MEASURES``; a month without rows is absent.

        ``month`` is text (2025-12). Medians are PostgreSQL's ``percentile_cont(0.5)`` over the rows that have the later
        time, not before the request; completion_rate is the share of rows that have ``completed_at``.
        """
        voc = self._schema.voc
        bounds = [(str(month), *self._bounds(month.bounds(time_zone))) for month in months]
        created, replied, completed = (self._moment(getattr(voc, column)) for column in TIMES)
        query = sql.SQL(
            "SELECT m.month, v.building_id, count(*), {done}, {reply}, {completion} "
            "FROM (SELECT {building}::text AS building_id, {raw} AS raw, {created} AS created, {replied} AS replied, "
            "{completed} AS completed FROM {table} WHERE {building} IS NOT NULL) v "
            "JOIN (VALUES {months}) AS m (month, first, last) ON v.raw >= m.first AND v.raw < m.last "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        ).format(
            done=sql.SQL("count(completed)::float8 / count(*)" if voc.completed_at else "NULL"),
            reply=_median_hours("replied"),
            completion=_median_hours("completed"),
            building=sql.Identifier(voc.building_id),
            raw=sql.Identifier(voc.created_at),
            created=created,
            replied=replied,
            completed=completed,
            table=self._table("voc").name,
            months=sql.SQL(", ").join(sql.SQL("({}, {}, {})").format(*map(sql.Literal, row)) for row in bounds),
        )
        rows = [(building, month, *rest) for month, building, *rest in (self._rows(query) if months else [])]
        frame = pd.DataFrame(rows, columns=list(MEASURES))
        return frame.astype(
            {name: "float64" if name in MEASURES[3:] else "str" for name in MEASURES} | {"voc_count": "int64"}
        )

    def taxonomy(self) -> Taxonomy:
        """Return the taxonomy, ordered by head, 대분류 and 중분류.

        Raises:
            DataError: a pair is there twice or incomplete, a head is empty, or a row is not subject or work.
        """
        names, table = self._schema.taxonomy, self._table("taxonomy")
        optional = [
            sql.Identifier(name) if name else sql.NULL for name in (names.keywords, names.priority, names.active)
        ]
        query = sql.SQL(
            'SELECT {}::text, {}::text COLLATE "C", {}::text COLLATE "C", {}, {}, {} FROM {} ORDER BY 1, 2, 3'
        ).format(*(sql.Identifier(name) for name in (names.kind, names.major, names.minor)), *optional, table.name)
        return checked_taxonomy([_entry(row) for row in self._rows(query)])

    def _table(self, part: str) -> Table:
        """Return a configured table once its columns were found."""
        if part not in self._found:
            names = getattr(self._schema, part)
            with translated(self._database):
                table = find_table(self._connection, names.table, f"{part}.table")
            for setting, column in names:
                if setting != "table" and column and column not in table.types:
                    or_none = ", or to '' if there is none" if names.may_be_empty(setting) else ""
                    raise SchemaError(
                        f"Table {names.table} has no column {column}. "
                        f"Set {part}.{setting} in SOURCE_CONFIG to its name{or_none}."
                    )
            self._found[part] = table
        return self._found[part]

    def _rows(self, query: sql.SQL | sql.Composed) -> list[tuple[Any, ...]]:
        with translated(self._database):
            found: list[tuple[Any, ...]] = self._connection.execute(query).fetchall()
        return found

    def _streamed(self, query: sql.SQL | sql.Composed) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows in chunks through a server-side cursor: a month never lies in memory twice."""
        with translated(self._database), self._connection.cursor(name="voc_rows") as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(_CHUNK):
                yield rows

    def _frame(self, rows: list[tuple[Any, ...]], building_id: str, name: str) -> pd.DataFrame:
        read = pd.DataFrame(rows, columns=["voc_id", *TIMES, *TEXT])
        read = read.assign(building_id=building_id, building_name=name)
        for column in TIMES:
            read[column] = pd.to_datetime(read[column], utc=True).dt.tz_convert(KST).dt.as_unit("us")
        return read[list(SOURCE)].astype({column: "str" for column in SOURCE if column not in TIMES})

    def _counts(self, bounds: MonthBounds) -> dict[str, int]:
        building_id = sql.Identifier(self._schema.voc.building_id)
        query = sql.SQL("SELECT {}::text, count(*) FROM {} WHERE {} AND {} IS NOT NULL GROUP BY 1").format(
            building_id, self._table("voc").name, self._within(bounds), building_id
        )
        return dict(self._rows(query))

    def _building_name(self, building_id: str) -> str:
        """Return a building's name; one that only ``voc`` knows is called by its id."""
        names = self._building_names()
        if building_id in names:
            return names[building_id] or building_id
        query = sql.SQL("SELECT 1 FROM {} WHERE {}::text = {} LIMIT 1").format(
            self._table("voc").name, sql.Identifier(self._schema.voc.building_id), building_id
        )
        if self._rows(query):
            return building_id
        raise SourceDataError(
            f"There is no building {building_id}: neither {self._schema.building.table} nor {self._schema.voc.table} "
            "knows it. Check the id."
        )

    def _building_names(self) -> dict[str, str]:
        if self._names is None:
            building = self._schema.building
            query = sql.SQL("SELECT {}::text, {} FROM {}").format(
                sql.Identifier(building.id), _text(building.name), self._table("building").name
            )
            self._names = dict(self._rows(query))
        return self._names

    def closed_buildings(self) -> set[str]:
        """Return the buildings that are no longer managed today."""
        building = self._schema.building
        if not building.closed_at:
            return set()
        table, column = self._table("building"), sql.Identifier(building.closed_at)
        is_flag = table.types[building.closed_at] == "boolean"
        query = sql.SQL("SELECT {}::text FROM {} WHERE {}").format(
            sql.Identifier(building.id), table.name, column if is_flag else sql.SQL("{} <= now()").format(column)
        )
        return {building_id for (building_id,) in self._rows(query)}

    def _must_lie_between(self, month: Month, time_zone: str) -> None:
        """Refuse a month that is not between the first and the last that the database holds."""
        created_at = self._moment(self._schema.voc.created_at)
        query = sql.SQL("SELECT min({}), max({}) FROM {}").format(created_at, created_at, self._table("voc").name)
        ((first, last),) = self._rows(query)
        if first is None:
            raise SourceDataError(f"There is no VOC in {month}. Table {self._schema.voc.table} is empty.")
        begin, end = Month.of(first, time_zone), Month.of(last, time_zone)
        if not begin < month < end:
            raise SourceDataError(f"There is no VOC in {month}. The database holds {begin} to {end}.")

    def _moment(self, column: str) -> sql.Composable:
        """Return a column as timestamptz; infinity and a column that is not there are NULL."""
        if not column:
            return sql.SQL("NULL::timestamptz")
        kind, name = self._table("voc").types[column], sql.Identifier(column)
        if kind == _AWARE:
            return sql.SQL("CASE WHEN isfinite({}) THEN {} END").format(name, name)
        if kind in _NAIVE:
            return sql.SQL("CASE WHEN isfinite({}) THEN {}::timestamp AT TIME ZONE {} END").format(
                name, name, self._schema.time_zone
            )
        raise SchemaError(f"Column {column} of {self._schema.voc.table} is {kind}, not a time. Set another one.")

    def _bounds(self, bounds: MonthBounds) -> MonthBounds:
        """Return bounds in the type of ``created_at`` itself, so that its index can be used."""
        self._moment(self._schema.voc.created_at)
        if self._table("voc").types[self._schema.voc.created_at] == _AWARE:
            return bounds
        local = zone(self._schema.time_zone)
        return MonthBounds(*(bound.astimezone(local).replace(tzinfo=None) for bound in bounds))

    def _within(self, bounds: MonthBounds) -> sql.Composable:
        column = sql.Identifier(self._schema.voc.created_at)
        first, last = self._bounds(bounds)
        return sql.SQL("{} >= {} AND {} < {}").format(column, first, column, last)


def _text(column: str) -> sql.Composable:
    return sql.SQL("coalesce({}::text, '')").format(sql.Identifier(column)) if column else sql.SQL("''")


def _median_hours(until: LiteralString) -> sql.Composable:
    return sql.SQL(
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM {} - created) / 3600) "
        "FILTER (WHERE {} >= created)"
    ).format(sql.SQL(until), sql.SQL(until))


def _entry(row: tuple[Any, ...]) -> TaxonomyEntry:
    kind, major, minor, keywords, priority, active = row
    try:
        return TaxonomyEntry(
            kind=kind,
            major=major or "",
            minor=minor or "",
            keywords=_keywords(keywords),
            priority=0 if priority is None else priority,
            active=True if active is None else active,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise SourceDataError(
            f"voc_taxonomy has a row that cannot be used ({kind} {major}/{minor}): {first['loc'][0]}: {first['msg']}. "
            "Correct it, or set another column in SOURCE_CONFIG."
        ) from error


def _keywords(stored: object) -> tuple[str, ...]:
    """Return the words of a text[] column, or of a text with separators; blanks are dropped."""
    words = stored if isinstance(stored, list) else _SEPARATORS.split(str(stored or ""))
    return tuple(word.strip() for word in words if word and word.strip())
