"""Runs inside a notebook's kernel at its start: follows the memory of the kernel and its children."""


def _watch(path: str) -> None:
    import pathlib
    import threading
    import time

    import psutil

    me, peak = psutil.Process(), 0

    def look() -> int:
        total = 0
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue
        return total

    def loop() -> None:
        nonlocal peak
        while True:
            now = max(look(), _high_water())
            if now > peak:
                peak = now
                pathlib.Path(path).write_text(str(peak))
            time.sleep(0.25)

    threading.Thread(target=loop, daemon=True, name="cost").start()


def _high_water() -> int:
    """Return the most memory this process ever held, in bytes, where the system counts it."""
    try:
        import resource
        import sys
    except ImportError:
        return 0
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _start() -> None:
    import os

    if path := os.environ.get("FER_NB_COST_FILE"):
        _watch(path)


_start()
del _start
