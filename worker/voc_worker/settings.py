"""The worker's settings, read from the environment and ``.env`` here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from voc_models.months import KST
from voc_models.plan import PlannedModel
from voc_models.run import KEYWORD_MODEL
from voc_models.settings import CommonSettings


class Settings(CommonSettings):
    """What the worker and the ``voc`` command can be told; ``.env.example`` documents every name."""

    db_host: str | None = Field(
        None, description="Host of the customer's PostgreSQL. Omitted: the embedded one in OUT_DIR."
    )
    db_port: int = Field(5432, ge=1, le=65535, description="Its port.")
    db_name: str = Field("voc", description="Its database.")
    db_user: str = Field("voc", description="A user that may read the source tables.")
    db_password: SecretStr = Field(SecretStr(""), description="Its password; kept out of logs and errors.")
    db_sslmode: str = Field("prefer", description="libpq's sslmode.")
    source_config: Path | None = Field(None, description="YAML with the customer's table and column names.")
    write_classification: bool = Field(False, description="Whether publish writes voc_classification.")
    time_zone: str = Field(KST, description="Zone of month bounds and of naive timestamps.")

    review_backend: Literal["workbook", "sheets"] = Field("workbook", description="Where people review.")
    sheets_id: str | None = Field(None, description="Id of the Google spreadsheet for every building.")
    sheets_map: Path | None = Field(
        None, description="YAML from building id to spreadsheet id, when reviewers may see their own only."
    )
    google_application_credentials: Path | None = Field(
        None, description="Service-account key file. Omitted: workload identity."
    )
    sheets_endpoint: str | None = Field(None, description="Address of the Sheets API, for a proxy or a test server.")

    sample_rate: float = Field(
        0.05, ge=0, le=1, description="Share of texts kept for measuring (표본). It may fall, never rise."
    )
    sample_salt: str = Field("voc-nlp", description="Salt of the 표본 choice; keep it for the life of an installation.")
    mask_personal_data: bool = Field(
        True, description="Mask phone numbers, names and the like in everything published."
    )
    font_path: Path | None = Field(
        None, description="A Hangul font for word clouds. Omitted: one found on the machine."
    )
    user_words: Path | None = Field(None, description="Text file of nouns to keep whole in keywords, one a line.")

    model_release: str | None = Field(
        None,
        pattern=r"^(keyword|[0-9]{8}(-[0-9]+)?)$",
        description="Release that `champion` means here, or keyword. Omitted: champion.json of the model store.",
    )
    model_digest: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        validate_default=True,
        description="SHA-256 of that release's releases/{version}.json; keyword has none.",
    )

    @field_validator("model_release", "model_digest", mode="before")
    @classmethod
    def _empty_is_omitted(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("model_digest")
    @classmethod
    def _both_or_neither(cls, digest: str | None, info: ValidationInfo) -> str | None:
        if "model_release" not in info.data:  # it was refused itself, and its own sentence says why
            return digest
        release = info.data["model_release"]
        if release is None and digest is not None:
            raise ValueError("it is set, but MODEL_RELEASE is not; set both or neither")
        if release == KEYWORD_MODEL and digest is not None:
            raise ValueError("the keyword tagger has no digest; leave it out with MODEL_RELEASE=keyword")
        if release not in {None, KEYWORD_MODEL} and digest is None:
            raise ValueError(f"MODEL_RELEASE is {release}, but its digest is missing; set both or neither")
        return digest

    @property
    def model_pin(self) -> PlannedModel | None:
        """The model that ``champion`` means here; None: what champion.json says."""
        if self.model_release is None:
            return None
        return PlannedModel(release=self.model_release, digest=self.model_digest or "")

    @property
    def embedded_database(self) -> bool:
        """Whether the database is the embedded one."""
        return self.db_host is None
