"""What `voc promote` must not let through: pins that nothing has proved, by ways that look like promotions."""

from __future__ import annotations

import pytest

from tests.integration.fixtures_s3 import S3Server
from tests.integration.test_promote import NOW, Repository, _own_settings, release, repository, run
from voc_models.registry import Registry
from voc_models.releases import HistoryEntry
from voc_models.store_s3 import S3Store

__all__ = ["_own_settings", "repository"]  # a fixture is found by its name in the module


def test_an_environment_without_a_gpu_image_does_not_unpin_the_next_ones(repository: Repository) -> None:
    """Dev does without workerGpu, stage runs it: nothing proves a digest for it, and an empty one would be a tag."""
    text = repository.file("dev").read_text()
    repository.file("dev").write_text(
        text.replace(f"    digest: sha256:{3:064x}   # the one with CUDA", '    repository: ""')
    )
    printed = repository.types("--from", "dev", "--to", "stage", code=65)
    assert "images.workerGpu" in printed
    assert f"sha256:{2:064x}   # the one with CUDA" in repository.file("stage").read_text()


def test_two_environments_without_a_gpu_image_are_promoted(repository: Repository) -> None:
    """Where neither has the image, the other three and the model are promoted."""
    for name, seed in (("dev", 3), ("stage", 2)):
        file = repository.file(name)
        file.write_text(
            file.read_text().replace(f"    digest: sha256:{seed:064x}   # the one with CUDA", '    repository: ""')
        )
    repository.types("--from", "dev", "--to", "stage")
    text = repository.file("stage").read_text()
    assert text.count(f"sha256:{3:064x}") == 3
    assert text.count(f"sha256:{2:064x}") == 0


def test_the_same_address_at_another_endpoint_is_another_store(repository: Repository, s3_server: S3Server) -> None:
    """An address says nothing without its endpoint: the target's own server is asked for the release, too."""
    access = s3_server.access
    assert access.access_key
    assert access.secret_key
    months, models = (S3Store(s3_server.new_store().address, access) for _ in range(2))
    run(months, release(models, "20260120"), seed=9)
    places = {"store": months.address, "models": models.address}
    here = f"  endpointUrl: {access.endpoint_url}\n  pathStyle: true\n  region: us-east-1\n"
    repository.write("dev", 9, None, **places, more=here)
    nowhere = here.replace(str(access.endpoint_url), "http://127.0.0.1:1")
    repository.write("stage", 2, Registry(models).resolve("champion"), **places, more=nowhere)
    keys_only = f"AWS_ACCESS_KEY_ID={access.access_key}\nAWS_SECRET_ACCESS_KEY={access.secret_key.get_secret_value()}\n"
    (repository.home / ".env").write_text(keys_only, encoding="utf-8")
    assert "127.0.0.1:1" in repository.types("--from", "dev", "--to", "stage", code=69)


def test_an_environment_that_was_once_unpinned_is_no_way_around_it(repository: Repository) -> None:
    """Stage pins its model today, so prod may only pin what stage pinned, whatever the first commit of stage was."""
    repository.write("stage", 2, None)
    repository.commit("A stage without a pin")
    repository.write("stage", 2, Registry(repository.models).resolve("20251220"))
    repository.commit("A stage with one")
    repository.write("prod", 1, Registry(repository.models).resolve("20260120"))
    printed = repository.types("--check", code=65)
    assert "Release 20260120, which prod pins, was never in service in stage" in printed


def test_what_the_gate_refused_fails_the_check_although_a_person_put_it_into_service(repository: Repository) -> None:
    """The check asks for what a promotion asks for: a champion that its gate refused is pinned by hand alone."""
    refused = release(repository.models, "20260121", promote=False)
    registry = Registry(repository.models)
    registry.append(HistoryEntry(at=NOW, event="refused", release="20260121", by="train", reason="Two points worse."))
    registry.promote("20260121", by="person: kim", reason="I know better", at=NOW)
    repository.write("stage", 2, refused)
    printed = repository.types("--check", code=65)
    assert "The gate refused release 20260121: Two points worse." in printed


def test_a_repository_that_git_refuses_to_read_is_told_from_pins_by_hand(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI's containers the checkout often belongs to another user: git's own sentence says what to do about it."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own way to pretend it
    printed = repository.types("--check", code=69)
    assert "safe.directory" in printed
    assert "by hand" not in printed
