"""Set-up of worker processes."""

import multiprocessing
import os
import threading

import cv2


def calm_worker() -> None:
    """Limit a worker to one thread, as there is one worker per core, and end it with its parent."""
    cv2.setNumThreads(1)
    end_with_parent()


def end_with_parent() -> None:
    """End this worker as soon as its parent process is gone.

    The workers of a killed process would wait forever.
    """
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
