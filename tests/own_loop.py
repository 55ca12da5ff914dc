"""Running a coroutine from a test that may share its process with the browser's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


def run(coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the coroutine's result, from an event loop in a thread of its own.

    The browser's session-wide fixture keeps an event loop in the main thread of its worker, and there is one a thread.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
