"""What the operator tells Prometheus; nothing has a label per building."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from voc_operator.decision import Run
from voc_operator.outcome import Outcome
from voc_operator.status import Phase


class Metrics:
    """The operator's counters; what describes the runs is computed when somebody asks."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.outcomes = Counter(
            "voc_nlp_building_jobs", "Building Jobs that ended, by outcome.", ["outcome"], registry=self.registry
        )
        for outcome in Outcome:
            self.outcomes.labels(outcome.value)
        self.reconcile_seconds = Histogram(
            "voc_nlp_reconcile_seconds", "Time of one reconcile without its requests.", registry=self.registry
        )
        self.requests = Counter(
            "voc_nlp_api_requests", "Requests to the API server, watches left out.", ["verb"], registry=self.registry
        )

    def count_request(self, verb: str) -> None:
        """Count a request to the API server."""
        self.requests.labels(verb).inc()

    def watch(self, runs: Callable[[], Iterable[Run]], processed: Callable[[], float]) -> None:
        """Report the runs and the time at which the worker loop last went round (Unix seconds)."""
        self.registry.register(_Runs(runs, processed))

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self.registry)


class _Runs(Collector):
    def __init__(self, runs: Callable[[], Iterable[Run]], processed: Callable[[], float]) -> None:
        self._runs = runs
        self._processed = processed
        self._successes: dict[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield what is true now; the last success of a mode outlives its run."""
        counts: dict[tuple[str, str], int] = {}
        for run in self._runs():
            key = (run.status.phase.value, run.spec.mode.value)
            counts[key] = counts.get(key, 0) + 1
            if run.status.phase is Phase.SUCCEEDED and run.status.completion_time is not None:
                at = run.status.completion_time.timestamp()
                self._successes[key[1]] = max(at, self._successes.get(key[1], 0.0))
        phases = GaugeMetricFamily("voc_nlp_runs", "Runs by phase and mode.", labels=["phase", "mode"])
        for labels, count in sorted(counts.items()):
            phases.add_metric(labels, count)
        yield phases
        success = GaugeMetricFamily(
            "voc_nlp_last_success_timestamp_seconds", "When a run of the mode last succeeded.", labels=["mode"]
        )
        for mode, at in sorted(self._successes.items()):
            success.add_metric([mode], at)
        yield success
        yield GaugeMetricFamily(
            "voc_nlp_last_processed_timestamp_seconds", "When the worker loop last went round.", self._processed()
        )
