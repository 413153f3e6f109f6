"""What processes that work for another one have in common."""

import multiprocessing
import os
import threading

import cv2


def calm_worker() -> None:
    """Keep a worker to one thread, since there is one per core, and let it end with its parent."""
    cv2.setNumThreads(1)
    end_with_parent()


def end_with_parent() -> None:
    """Let a worker end as soon as the process that started it is gone.

    The workers of a process that was killed would wait for ever.
    """
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
