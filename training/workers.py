"""What processes that work for another one have in common."""

import multiprocessing
import os
import threading

import cv2


def calm_worker() -> None:
    """Keep a worker to one thread, since there is one per core, and let it end with its parent.

    The workers of a pool whose process was killed would wait for ever.
    """
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
