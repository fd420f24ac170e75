"""Batches drawn ahead of the training, each from a generator of its own: the order in which they are made changes nothing."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np

from sepdiar.environment import without_tokens
from sepdiar.training.task import Batch, Task

AHEAD = 3  # batches a worker

_task: Task | None = None  # of a process that draws


def drawn(task: Task, seed: int, first: int, last: int, workers: int = 1) -> Generator[Batch, None, None]:
    """The batches of the steps from `first` up to `last`; one thread draws them, or `workers` processes if more than one."""
    waiting: deque[Future[Batch]] = deque()
    pool: Executor
    if workers > 1:
        context = multiprocessing.get_context("spawn")
        with without_tokens():
            pool = ProcessPoolExecutor(workers, context, _remember, (task,))
    else:
        pool = ThreadPoolExecutor(1)
    try:
        for step in range(first, last):
            while len(waiting) < min(AHEAD * workers, last - step):
                with without_tokens():
                    waiting.append(pool.submit(_draw, None if workers > 1 else task, seed, step + len(waiting)))
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _remember(task: Task) -> None:
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training hears it
    _task = task


def _draw(task: Task | None, seed: int, step: int) -> Batch:
    drawing = task or _task
    if drawing is None:
        raise RuntimeError("no task to draw from")
    return drawing.batch(np.random.default_rng([seed, step]))
