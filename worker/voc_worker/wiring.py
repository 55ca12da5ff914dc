"""The one place that opens the parts: which store, which database, which review back end, which tagger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from voc_models.exit_codes import UsageError
from voc_models.labels import Taxonomy
from voc_models.plan import PlannedModel
from voc_models.run import KEYWORD_MODEL
from voc_models.stores import configured_store
from voc_worker.settings import Settings
from voc_worker.tagging import KeywordTagger

# What a command does not use it does not import: a building Job needs no review back end, a review no model runtime.
if TYPE_CHECKING:
    from voc_models.registry import Registry
    from voc_models.store import ObjectStore
    from voc_worker.embedded import ServerAddress
    from voc_worker.model_tagger import ModelTagger
    from voc_worker.postgres import Database, Source
    from voc_worker.review.book import ReviewBook
    from voc_worker.schema import SourceSchema


class Parts:
    """The opened parts of one process; each is opened when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is connected yet."""
        self.settings = settings
        self._closing = ExitStack()

    def close(self) -> None:
        """Leave what was started; an embedded server that nobody else holds is stopped."""
        self._closing.close()

    @cached_property
    def store(self) -> ObjectStore:
        """The month's store."""
        return self._store(self.settings.store_address)

    @cached_property
    def models(self) -> ObjectStore:
        """The models' store; the month's own unless MODEL_STORE names another."""
        same = self.settings.model_store_address == self.settings.store_address
        return self.store if same else self._store(self.settings.model_store_address)

    def _store(self, address: str) -> ObjectStore:
        return configured_store(self.settings, address)

    @cached_property
    def registry(self) -> Registry:
        """The releases, the model in service (a pinned one, else the champion) and the history."""
        from voc_models.registry import Registry  # noqa: PLC0415 - see above

        return Registry(self.models, self.settings.model_pin)

    @cached_property
    def schema(self) -> SourceSchema:
        """The names of the customer's tables and columns."""
        from voc_worker.schema import read_schema  # noqa: PLC0415 - see above

        file = self.settings.source_config
        return read_schema(self.settings.path(file) if file else None)

    @cached_property
    def _embedded(self) -> ServerAddress:
        """The embedded server, started or joined until :meth:`close`."""
        from voc_worker.embedded import EmbeddedPostgres  # noqa: PLC0415 - see above

        server = EmbeddedPostgres(self.settings.path(self.settings.out_dir) / "postgres")
        self._closing.callback(server.stop)
        return server.start()

    @cached_property
    def database(self) -> Database:
        """Where the customer's database is: DB_HOST, or the embedded one."""
        from voc_worker.postgres import Database  # noqa: PLC0415 - see above

        settings = self.settings
        if settings.db_host is None:
            own = self._embedded
            return Database(own.host, own.port, own.dbname, own.user, SecretStr(own.password), "disable")
        return Database(
            settings.db_host,
            settings.db_port,
            settings.db_name,
            settings.db_user,
            settings.db_password,
            settings.db_sslmode,
        )

    def database_environment(self) -> dict[str, str]:
        """Return the variables by which a step's process finds the same database without looking for itself."""
        where = self.database
        return {
            "DB_HOST": where.host,
            "DB_PORT": str(where.port),
            "DB_NAME": where.name,
            "DB_USER": where.user,
            "DB_PASSWORD": where.password.get_secret_value(),
            "DB_SSLMODE": where.sslmode,
        }

    @contextmanager
    def source(self) -> Iterator[Source]:
        """Open the source tables for the block, as of one instant."""
        from voc_worker.postgres import open_source  # noqa: PLC0415 - see above

        with open_source(self.database, self.schema) as source:
            yield source

    def book(self, holder: str = "voc") -> ReviewBook:
        """Return the review back end that REVIEW_BACKEND names.

        Args:
            holder: who writes, best a run id: an interrupted writer may go on where it was, two of them may not meet.
        """
        if self.settings.review_backend == "sheets":
            return self._sheets(holder)
        from voc_worker.review.workbook import WorkbookBook  # noqa: PLC0415 - see above

        return WorkbookBook(self.store)

    def _sheets(self, holder: str) -> ReviewBook:
        from voc_worker.review.sheets import GoogleSheetsBook, read_places  # noqa: PLC0415 - see above
        from voc_worker.review.sheets_client import load_credentials  # noqa: PLC0415 - see above

        settings = self.settings
        places = read_places(settings.sheets_id, settings.path(settings.sheets_map) if settings.sheets_map else None)
        key_file = settings.google_application_credentials
        credentials = load_credentials(settings.path(key_file) if key_file else None)
        return GoogleSheetsBook(credentials, places, holder=holder, endpoint=settings.sheets_endpoint)

    def tagger(self, model: PlannedModel, taxonomy: Taxonomy) -> ModelTagger | KeywordTagger:
        """Return the tagger of a release, its files fetched into MODEL_DIR and verified, or the keyword tagger."""
        if model.release == KEYWORD_MODEL:
            return KeywordTagger(taxonomy)
        from voc_worker.model_tagger import load_tagger  # noqa: PLC0415 - see above

        return load_tagger(model, self.models, taxonomy, self.settings.path(self.settings.model_dir))

    def user_words(self) -> tuple[str, ...]:
        """Return the nouns of USER_WORDS, one a line; comments begin with #."""
        file = self.settings.user_words
        if file is None:
            return ()
        try:
            lines = self.settings.path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"USER_WORDS {file} cannot be read: {error}.") from error
        return tuple(word for line in lines if (word := line.partition("#")[0].strip()))

    def font(self) -> Path:
        """Return the font that word clouds are drawn with."""
        from voc_worker.pages.fonts import korean_font  # noqa: PLC0415 - see above

        return korean_font(self.settings.font_path)
