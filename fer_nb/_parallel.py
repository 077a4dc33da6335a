"""One function over many items, in processes, with a progress bar and a clean Ctrl-C."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from .errors import FerError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_ITEMS_PER_WORKER = 8  # below, starting a process costs more than it brings


def cores() -> int:
    """Return how many cores this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    work: Callable[[Item], Answer],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    progress: str | None = None,
) -> list[Answer]:
    """Apply `work` to every item, over processes, and keep the order.

    Parameters
    ----------
    work : callable
        At the top level of a module, so that it can be sent to a process.
    items : sequence
        Each is sent to a process, so it must pickle.
    workers : int or None
        Processes. None: one for each 8 items, at most one a core. 1: no new process.
    progress : str or None
        Text of a bar on standard error; None for no bar.

    Returns
    -------
    list
        One answer per item.

    Raises
    ------
    FerError
        If a process dies. An error inside `work` is raised as it is.

    Examples
    --------
    >>> spread(abs, [-1, 2], workers=1)
    [1, 2]
    """
    if workers is None:
        workers = min(cores(), math.ceil(len(items) / _ITEMS_PER_WORKER))
    with bar(progress, len(items)) as step:
        if workers <= 1 or len(items) < 2:
            return list(_stepping(map(work, items), step))
        return _over_processes(work, items, workers, step)


def _over_processes(
    work: Callable[[Item], Answer], items: Sequence[Item], workers: int, step: Callable[[], None]
) -> list[Answer]:
    """Run the items in spawned processes: forking under MediaPipe's threads can hang."""
    pool = ProcessPoolExecutor(
        min(workers, len(items)), multiprocessing.get_context("spawn"), initializer=_listen
    )
    try:
        with _deaf():  # the processes start here, and inherit this until they listen for themselves
            answers = pool.map(partial(_work_quietly, work), items)
        return list(_stepping(answers, step))
    except BrokenProcessPool:
        raise FerError(
            "a worker process died: guard the start of your script with if __name__ == '__main__', "
            "or pass workers=1"
        ) from None
    except BaseException:  # do not wait for what is half done: it is dropped
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore Ctrl-C for a moment (it can be set in the main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)


_busy = False  # in a worker: is an item being worked on?


def _listen() -> None:
    """Let a worker end at once and without a word when it is told to."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)


def _stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # once is enough: cleaning up is not to be disturbed
        signal.signal(number, lambda *_: None)
    if _busy:
        raise KeyboardInterrupt  # the item cleans up behind itself
    os._exit(130)


def _work_quietly(work: Callable[[Item], Answer], item: Item) -> Answer:
    """Work on one item in a worker; an interrupt ends the process after the item has cleaned up."""
    global _busy
    _busy = True
    try:
        return work(item)
    except KeyboardInterrupt:
        os._exit(130)
    finally:
        _busy = False


def _stepping(answers: Iterable[Answer], step: Callable[[], None]) -> Iterator[Answer]:
    for answer in answers:
        step()
        yield answer


@contextmanager
def bar(text: str | None, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error while the block runs; gives the function that advances it by one.

    Parameters
    ----------
    text : str or None
        What is going on; None for no bar.
    total : int
        Steps to come.

    Examples
    --------
    >>> with bar(None, 2) as step:
    ...     step()
    """
    if text is None or total == 0:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = not (console.is_terminal or console.is_jupyter)  # a log file is no place for a bar
    with Progress(*columns, console=console, transient=True, disable=hidden) as shown:
        task = shown.add_task(text, total=total)
        yield lambda: shown.advance(task)
