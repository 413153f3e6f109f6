"""Decodes a file with GStreamer, through its C library, and saves what is shown and heard.

    python tests/benchmarks/gstreamer_reader.py FILE OUT.npz [--seek S]

Times are running times: what GStreamer's clock shows when a buffer is played, segments and edit
lists included. The file is read in a process of its own, since a crash or a hang of a plugin ends
it. Saved are `frames` (F, 2): time and mean luma; `sounds` (S, 3): time, rate and number of
samples; and `samples`, all of them one after the other.
"""

import argparse
import ctypes
import sys
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from ctypes.util import find_library
from pathlib import Path

import numpy as np

PAUSED, PLAYING, NULL = 3, 4, 1
TIME = 3
SEEK_FLUSH_ACCURATE = 3
SECOND_NS = 1_000_000_000
NONE = 2**64 - 1
WAIT_NS = 20 * SECOND_NS
PTS_OFFSET = 72
"""Of a GstBuffer on 64-bit systems: a GstMiniObject of 64 bytes and the pool come first."""

PIPELINE = (
    'filesrc location="{path}" ! decodebin name=all '
    "all. ! queue name=vq {queue} ! videoconvert ! video/x-raw,format=GRAY8 "
    "! appsink name=pictures sync=false max-buffers=0 "
    "all. ! queue name=aq {queue} ! audioconvert ! audio/x-raw,format=F32LE,channels=1 "
    "! appsink name=sounds sync=false max-buffers=0"
)
QUEUE = "max-size-buffers=0 max-size-bytes=0 max-size-time=0"


def library() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """The two libraries, with the types of what is called."""
    names = find_library("gstreamer-1.0"), find_library("gstapp-1.0")
    if None in names:
        sys.exit("GStreamer's libraries gstreamer-1.0 and gstapp-1.0 are not installed.")
    gst, app = (ctypes.CDLL(name) for name in names)
    gst.gst_init(None, None)
    for name in ("gst_parse_launch", "gst_bin_get_by_name", "gst_sample_get_buffer"):
        getattr(gst, name).restype = c_void_p
    for name in ("gst_sample_get_segment", "gst_sample_get_caps", "gst_caps_get_structure"):
        getattr(gst, name).restype = c_void_p
    gst.gst_parse_launch.argtypes = [c_char_p, c_void_p]
    gst.gst_bin_get_by_name.argtypes = [c_void_p, c_char_p]
    gst.gst_element_set_state.argtypes = [c_void_p, c_int]
    gst.gst_element_get_state.argtypes = [c_void_p, c_void_p, c_void_p, c_uint64]
    gst.gst_element_seek_simple.argtypes = [c_void_p, c_int, c_int, c_uint64]
    for name in ("gst_sample_get_buffer", "gst_sample_get_segment", "gst_sample_get_caps"):
        getattr(gst, name).argtypes = [c_void_p]
    gst.gst_caps_get_structure.argtypes = [c_void_p, c_uint]
    gst.gst_structure_get_int.argtypes = [c_void_p, c_char_p, POINTER(c_int)]
    gst.gst_segment_to_running_time_full.argtypes = [c_void_p, c_int, c_uint64, POINTER(c_uint64)]
    gst.gst_buffer_get_size.argtypes = [c_void_p]
    gst.gst_buffer_get_size.restype = c_size_t
    gst.gst_buffer_extract.argtypes = [c_void_p, c_size_t, c_void_p, c_size_t]
    gst.gst_mini_object_unref.argtypes = [c_void_p]
    app.gst_app_sink_try_pull_sample.restype = c_void_p
    app.gst_app_sink_try_pull_sample.argtypes = [c_void_p, c_uint64]
    return gst, app


def samples_of(gst: ctypes.CDLL, app: ctypes.CDLL, sink: int) -> Iterator[tuple[float, int, bytes]]:
    """Running time in seconds, width or rate, and content of each buffer until the end."""
    while sample := app.gst_app_sink_try_pull_sample(sink, WAIT_NS):
        buffer = gst.gst_sample_get_buffer(sample)
        structure = gst.gst_caps_get_structure(gst.gst_sample_get_caps(sample), 0)
        number = c_int()
        if not gst.gst_structure_get_int(structure, b"rate", byref(number)):
            gst.gst_structure_get_int(structure, b"width", byref(number))
        pts = c_uint64.from_address(buffer + PTS_OFFSET).value
        time = c_uint64()
        segment = gst.gst_sample_get_segment(sample)
        sign = gst.gst_segment_to_running_time_full(segment, TIME, pts, byref(time))
        content = ctypes.create_string_buffer(gst.gst_buffer_get_size(buffer))
        gst.gst_buffer_extract(buffer, 0, content, len(content))
        gst.gst_mini_object_unref(sample)
        if pts != NONE and sign:
            yield sign * time.value / SECOND_NS, number.value, content.raw


def decode(path: Path, target: Path, seek_s: float | None) -> None:
    gst, app = library()
    description = PIPELINE.format(path=path, queue=QUEUE)
    pipeline = gst.gst_parse_launch(description.encode(), None)
    pictures = gst.gst_bin_get_by_name(pipeline, b"pictures")
    sounds = gst.gst_bin_get_by_name(pipeline, b"sounds")
    gst.gst_element_set_state(pipeline, PAUSED)
    gst.gst_element_get_state(pipeline, None, None, WAIT_NS)
    if seek_s is not None:
        position = round(seek_s * SECOND_NS)
        if not gst.gst_element_seek_simple(pipeline, TIME, SEEK_FLUSH_ACCURATE, position):
            sys.exit(f"GStreamer cannot seek in {path}.")
        gst.gst_element_get_state(pipeline, None, None, WAIT_NS)
    gst.gst_element_set_state(pipeline, PLAYING)
    frames = [
        (time, np.frombuffer(content, np.uint8).mean())
        for time, _, content in samples_of(gst, app, pictures)
    ]
    heard = list(samples_of(gst, app, sounds))
    gst.gst_element_set_state(pipeline, NULL)
    parts = [np.frombuffer(content, np.float32) for _, _, content in heard]
    times = [(time, rate, part.size) for (time, rate, _), part in zip(heard, parts, strict=True)]
    samples = np.concatenate([np.zeros(0, np.float32), *parts])
    np.savez(target, frames=np.array(frames), sounds=np.array(times), samples=samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("target", type=Path, help="the .npz file to write")
    parser.add_argument("--seek", type=float, help="seconds to seek to before anything is played")
    options = parser.parse_args()
    decode(options.file, options.target, options.seek)


if __name__ == "__main__":
    main()
