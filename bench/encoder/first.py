"""``python -m bench.encoder.first STORE CACHE TAXONOMY RELEASE DIGEST``: open a release as a Job does, ask it once."""

from __future__ import annotations

import sys
from pathlib import Path

from voc_models.labels import Taxonomy
from voc_models.plan import PlannedModel
from voc_models.stores import open_store
from voc_worker.model_tagger import classify, load_tagger
from voc_worker.tagging import RowText


def main() -> int:
    """Return 0 when both heads answered."""
    store, cache, taxonomy, release, digest = sys.argv[1:]
    known = Taxonomy.model_validate_json(Path(taxonomy).read_bytes())
    tagger = load_tagger(PlannedModel(release=release, digest=digest), open_store(store), known, Path(cache))
    answers = classify(tagger, RowText("", "3층 화장실 세면대에서 물이 샙니다", ""))
    return int(len(answers) != 2)


if __name__ == "__main__":
    sys.exit(main())
