"""The cache of Jobs and pods: newest version only, nothing lost, nothing kept that is gone."""

from __future__ import annotations

from tests.unit.operator_objects import PREPARE, RUN_UID, job_body, pod_body
from voc_models.run import Step
from voc_operator.cache import Cache, listed_job, newer
from voc_operator.jobs import Attempt
from voc_operator.observed import JobState

JOB = job_body(PREPARE, "job-1", "10")
OTHER = job_body(Attempt(Step.BUILDING, "95", 0), "job-2", "20")


def names(cache: Cache) -> tuple[list[str], list[str]]:
    """Return the UIDs of the run's Jobs and pods."""
    seen = cache.observed(RUN_UID)
    return [job.uid for job in seen.jobs], [pod.uid for pod in seen.pods]


def test_what_the_watch_shows_is_observed_by_run() -> None:
    """Jobs and pods belong to their run, and another run sees nothing of them."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    assert cache.apply_pod("ADDED", pod_body(JOB, "pod-1", "11")) == RUN_UID
    assert names(cache) == (["job-1"], ["pod-1"])
    assert cache.observed("another").jobs == ()


def test_an_older_version_is_no_news() -> None:
    """A late event or list of an older version does not undo what is known."""
    cache = Cache()
    cache.apply_job("MODIFIED", job_body(PREPARE, "job-1", "12", end="Complete"))
    before, after = cache.apply_job("MODIFIED", JOB)
    assert before == after
    assert cache.observed(RUN_UID).jobs[0].state is JobState.COMPLETE


def test_versions_are_compared_as_numbers_when_they_are() -> None:
    """9 is older than 10; versions that are no numbers only differ."""
    assert not newer("9", "10")
    assert newer("10", "9")
    assert newer("a", "b")
    assert not newer("a", "a")


def test_the_answer_to_a_create_counts_at_once_and_a_slow_watch_changes_nothing() -> None:
    """A created Job is observed before the watch shows it, and once when it does."""
    cache = Cache()
    cache.expect_created(JOB)
    assert names(cache)[0] == ["job-1"]
    before, after = cache.apply_job("ADDED", JOB)
    assert before == after
    assert names(cache)[0] == ["job-1"]


def test_an_answer_that_comes_after_the_deletion_brings_nothing_back() -> None:
    """A Job that the watch has shown to be deleted stays gone, however late its create is answered."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.apply_job("DELETED", JOB)
    cache.expect_created(JOB)
    assert names(cache)[0] == []


def test_a_resync_removes_what_was_deleted_while_the_watch_was_down() -> None:
    """What a list does not show is gone, Job and pod."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.apply_pod("ADDED", pod_body(JOB, "pod-1", "11"))
    cache.apply_job("ADDED", OTHER)
    cache.replace_all([listed_job(OTHER)], [], cache.mark())
    assert names(cache) == (["job-2"], [])


def test_what_was_created_after_the_list_began_stays() -> None:
    """A Job that appeared between the mark and the end of the list is not lost."""
    cache = Cache()
    mark = cache.mark()
    cache.expect_created(JOB)
    cache.replace_all([], [], mark)
    assert names(cache)[0] == ["job-1"]


def test_what_was_deleted_after_the_list_was_made_does_not_come_back() -> None:
    """A list that still holds a Job whose deletion was seen meanwhile is not believed."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    mark = cache.mark()
    cache.apply_job("DELETED", JOB)
    cache.replace_all([listed_job(JOB)], [], mark)
    assert names(cache)[0] == []


def test_a_deletion_that_was_asked_for_shows_at_once() -> None:
    """A Job is seen as being deleted as soon as that was asked for, and the watch may still change it."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.expect_deleted("job-1")
    assert cache.observed(RUN_UID).jobs[0].deleting
    cache.apply_job("MODIFIED", job_body(PREPARE, "job-1", "13"))
    assert not cache.observed(RUN_UID).jobs[0].deleting


def test_a_forgotten_run_leaves_nothing() -> None:
    """Nothing of a deleted run is kept, and late events of its Jobs change nothing."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.apply_pod("ADDED", pod_body(JOB, "pod-1", "11"))
    cache.forget(RUN_UID)
    cache.apply_job("MODIFIED", job_body(PREPARE, "job-1", "99"))
    assert names(cache) == ([], [])


def test_somebody_elses_job_is_not_observed() -> None:
    """A Job with our labels that no run owns belongs to nobody here."""
    cache = Cache()
    body = job_body(PREPARE, "job-3", "10")
    body["metadata"]["ownerReferences"] = []
    assert cache.apply_job("ADDED", body) == (None, None)
    assert names(cache)[0] == []


def test_a_pod_that_lost_its_job_is_still_watched() -> None:
    """`kubectl delete job --cascade=orphan` takes the pod's owner away, not its labels; its end must be seen."""
    cache = Cache()
    cache.apply_pod("ADDED", pod_body(JOB, "pod-1", "11"))
    orphan = pod_body(JOB, "pod-1", "12")
    orphan["metadata"]["ownerReferences"] = []
    assert cache.apply_pod("MODIFIED", orphan) == RUN_UID
    assert [(pod.job_uid, pod.ended) for pod in cache.observed(RUN_UID).pods] == [("", False)]
    ended = pod_body(JOB, "pod-1", "13", "Succeeded")
    ended["metadata"]["ownerReferences"] = []
    assert cache.apply_pod("MODIFIED", ended) == RUN_UID
    assert [pod.ended for pod in cache.observed(RUN_UID).pods] == [True]


def test_a_pod_that_ended_and_was_removed_is_remembered_until_its_job_is_gone() -> None:
    """A pod evicted as it ends is removed before its Job is Complete, and only it knows the rows."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.apply_pod("ADDED", pod_body(JOB, "pod-1", "11"))
    assert cache.apply_pod("DELETED", pod_body(JOB, "pod-1", "13", "Succeeded", message="rows")) == RUN_UID
    assert [pod.message for pod in cache.observed(RUN_UID).pods] == ["rows"]
    cache.replace_all([listed_job(JOB)], [], cache.mark())
    assert [pod.message for pod in cache.observed(RUN_UID).pods] == ["rows"]
    cache.apply_job("DELETED", JOB)
    assert not cache.knows(RUN_UID)
    cache.apply_job("ADDED", OTHER)
    assert names(cache) == (["job-2"], [])


def test_a_pod_that_was_removed_while_it_ran_is_forgotten() -> None:
    """It said nothing, and it must not count as one that still runs."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.apply_pod("ADDED", pod_body(JOB, "pod-1", "11"))
    cache.apply_pod("DELETED", pod_body(JOB, "pod-1", "12"))
    assert names(cache) == (["job-1"], [])


def test_an_answer_that_only_a_list_shows_to_be_gone_is_remembered() -> None:
    """The watch showed the pod's end and then broke; the next list lacks the pod."""
    cache = Cache()
    cache.apply_job("ADDED", JOB)
    cache.apply_pod("MODIFIED", pod_body(JOB, "pod-1", "12", "Succeeded", message="rows"))
    cache.replace_all([listed_job(JOB)], [], cache.mark())
    assert [pod.message for pod in cache.observed(RUN_UID).pods] == ["rows"]
    cache.replace_all([], [], cache.mark())
    assert names(cache) == ([], [])
