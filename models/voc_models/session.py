"""The one door to ONNX Runtime: which device, one session a graph, batches by length, several workers over it."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from voc_models.artifact import ArtifactError, Device, Precision
from voc_models.encoding import Encoded, Padded, pad, token_batches

log = logging.getLogger(__name__)

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
#: Tokens of a batch: on a CPU small ones stay in its caches, on a GPU large ones keep its units busy.
TOKEN_BUDGETS: dict[Device, int] = {"cpu": 512, "cuda": 32_768}
#: Lengths are rounded up to this on a GPU: tensor cores want it, and fewer shapes mean fewer allocations.
_MULTIPLES: dict[Device, int] = {"cpu": 1, "cuda": 8}
# A graph of one Identity node (ONNX IR 8, opset 13): the smallest session that can say which provider really runs.
_PROBE = (
    b'\x08\x08\x12\x00:;\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x05probeZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02'
    b"\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
#: Rewritings of a graph that make it slower: on a CPU the fused kernel of an addition and a layer normalisation takes
#: five times as long as both apart (ONNX Runtime 1.32; a twentieth of the whole in fp32, a seventh in int8).
_UNWANTED: dict[Device, list[str]] = {"cpu": ["SkipLayerNormFusion"], "cuda": []}
_ORT_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,  # what a run with I/O binding raises for all of the above
    ValueError,
)
#: ``M_MMAP_THRESHOLD`` of mallopt(3): from how many bytes on a block gets pages of its own.
_MMAP_THRESHOLD = -3
_OUT_OF_MEMORY = ("failed to allocate memory", "out of memory", "alloc_failed", "bad_alloc")

Logits = dict[str, npt.NDArray[np.floating]]


class GraphError(ArtifactError):
    """A graph is damaged, does not fit its manifest, or fails on its input."""


@cache
def detect_device() -> Device:
    """Return the device that sessions really run on, asked once a process and logged once.

    The GPU build of ONNX Runtime falls back to the CPU without an error when CUDA or cuDNN is missing, and
    ``get_device()`` still says GPU; only a session's own providers tell.
    """
    device: Device = "cpu"
    if CUDA in ort.get_available_providers():
        ort.preload_dlls()  # finds CUDA and cuDNN where they come as Python packages
        device = "cuda" if _providers(_PROBE, "cuda")[0] == CUDA else "cpu"
        if device == "cpu":
            log.warning("onnxruntime-gpu found no usable CUDA and cuDNN: tagging runs on the CPU.")
    log.info("ONNX Runtime %s runs on %s.", ort.__version__, device)
    return device


def device_of(precision: Precision) -> Device:
    """Return where a precision is asked before it serves: fp16 on a GPU when there is one, else on the CPU.

    The CPU has no kernels for fp16's products and computes them in fp32, rounding what flows between nodes to fp16.
    """
    return detect_device() if precision == "fp16" else "cpu"


def _providers(model: bytes, device: Device) -> list[str]:
    return list(ort.InferenceSession(model, _options(), providers=_wanted(device)).get_providers())


def _wanted(device: Device) -> list[str]:
    return [CUDA, CPU] if device == "cuda" else [CPU]


def _options() -> ort.SessionOptions:
    """One thread a session: several workers over one session use the CPUs better than threads within a small batch."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # failures are raised; the log would say them a second time
    return options


@contextmanager
def _pages_of_their_own() -> Iterator[None]:
    """Let every large block that is allocated meanwhile go back to the system as soon as it is freed.

    Opening a graph copies each weight twice, from the file and into the order that the kernels want. The GNU C library
    would keep the freed copies as holes between the blocks that stay, a hundred MB for two int8 models of KoBERT's
    size. Other libraries have no such switch and are left alone.
    """
    switch = getattr(ctypes.CDLL(None), "mallopt", None)
    if switch is None:
        yield
        return
    switch(_MMAP_THRESHOLD, 256 * 1024)
    try:
        yield
    finally:
        switch(_MMAP_THRESHOLD, 32 * 1024 * 1024)  # the most that the library itself would choose


class Graph:
    """One ONNX graph. Its session is shared by all workers; running it is thread-safe."""

    def __init__(self, path: Path, device: Device, *, workers: int, token_budget: int | None = None) -> None:
        """Open the graph.

        Args:
            path: the ``.onnx`` file.
            device: from :func:`detect_device`.
            workers: threads that call the session at the same time; one is enough for a GPU.
            token_budget: rows × longest of a batch; by default what suits the device.

        Raises:
            GraphError: the file is no readable ONNX graph.
        """
        self._name = f"{path.parent.name}/{path.name}"
        self._device = device
        self._workers = 1 if device == "cuda" else workers
        self._budget = token_budget or TOKEN_BUDGETS[device]
        try:
            with _pages_of_their_own():
                self._session = ort.InferenceSession(
                    str(path), _options(), providers=_wanted(device), disabled_optimizers=_UNWANTED[device]
                )
        except _ORT_ERRORS as error:
            raise GraphError(f"{self._name} is no readable ONNX graph. Publish the model again.") from error
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        unknown = set(self._inputs) - set(Padded._fields)
        if unknown:
            raise GraphError(
                f"{self._name} wants the input {min(unknown)!r}, which no tokenizer gives. Export it again."
            )
        self.outputs = tuple(entry.name for entry in self._session.get_outputs())

    def run(self, rows: Sequence[Encoded]) -> Logits:
        """Return each output as (rows, classes), in the order of ``rows``, however they were batched.

        Raises:
            GraphError: the graph fails on its input, or answers another shape.
        """
        batches = token_batches([len(row.ids) for row in rows], self._budget)
        answers = self._map([[rows[number] for number in batch] for batch in batches])
        order = np.concatenate([np.asarray(batch) for batch in batches]) if batches else np.zeros(0, np.int64)
        result: Logits = {}
        for number, name in enumerate(self.outputs):
            parts = [answer[number] for answer in answers]
            if len({part.shape[1] for part in parts}) > 1:
                raise GraphError(f"{self._name} answers a different number of classes from batch to batch.")
            stacked = np.concatenate(parts) if parts else np.zeros((0, 0))
            result[name] = np.empty_like(stacked)
            result[name][order] = stacked
        return result

    def _map(self, batches: list[list[Encoded]]) -> list[list[npt.NDArray[np.floating]]]:
        if self._workers == 1 or len(batches) < 2:
            return [self._answer(batch) for batch in batches]
        with ThreadPoolExecutor(self._workers, thread_name_prefix="onnx") as pool:
            futures = [pool.submit(self._answer, batch) for batch in batches]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:  # after a failure or a SIGTERM nothing more is begun
                    future.cancel()

    def _answer(self, batch: list[Encoded]) -> list[npt.NDArray[np.floating]]:
        """Run one batch; when memory is short, halve it, say so and go on."""
        try:
            values = self._bound(pad(batch, multiple=_MULTIPLES[self._device]))
        except _ORT_ERRORS as error:
            if len(batch) > 1 and any(words in str(error).lower() for words in _OUT_OF_MEMORY):
                log.warning("%s: %d rows do not fit into memory; the batch is halved.", self._name, len(batch))
                half = len(batch) // 2
                parts = zip(self._answer(batch[:half]), self._answer(batch[half:]), strict=True)
                return [np.concatenate(pair) for pair in parts]
            raise GraphError(
                f"{self._name} fails on its input ({_first_line(error)}). Publish the model again."
            ) from error
        for name, value in zip(self.outputs, values, strict=True):
            if value.ndim != 2 or len(value) != len(batch):
                raise GraphError(f"{self._name} answers {name} of shape {value.shape} for {len(batch)} rows.")
        return values

    def _bound(self, batch: Padded) -> list[npt.NDArray[np.floating]]:
        """Run with inputs placed on the device beforehand, so that only the logits travel back."""
        binding = self._session.io_binding()
        for name in self._inputs:
            value = ort.OrtValue.ortvalue_from_numpy(getattr(batch, name), self._device, 0)
            binding.bind_ortvalue_input(name, value)
        for name in self.outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        return list(binding.copy_outputs_to_cpu())


def _first_line(error: BaseException) -> str:
    return next(_lines(str(error)), type(error).__name__)


def _lines(text: str) -> Iterator[str]:
    return (line.strip()[:200] for line in text.splitlines() if line.strip())
