"""Writing of the partial file of a plan.

Packets are copied as they are (`write.copy_packets`, `write.read_packets`); only their times
change, and audio that is laid out anew. The edit lists of the source are put into a complete
MP4 or MOV file. The file gets its name in `core.workflow.export`, once it is verified.
"""

import os
from pathlib import Path

from core.correction.plan.opened_source import open_source
from core.correction.plan.plan import CorrectionPlan
from core.correction.write.copy_packets import copy_packets
from core.media.formats.mp4_edit_lists import write_edit_lists
from core.progress import SILENT, Monitor


def write(plan: CorrectionPlan, partial: Path, monitor: Monitor = SILENT) -> tuple[str, ...]:
    """Write the file of a plan; the source is only read.

    Args:
        plan: The plan.
        partial: An existing file to write to, whatever its suffix.
        monitor: Told the progress, and asked whether to go on.

    Returns:
        Notes on damage in the source, and on damaged or clipped audio.

    Raises:
        ExportError: The plan is refused, or the source has changed since, cannot be read to its end
            or goes back in time.
        MediaError: The source cannot be opened.
        FFmpegError: The muxer refuses a stream or its times.
        OSError: The file cannot be written.
        Cancelled: The monitor says so.
    """
    plan.check_possible()
    plan.check_current()
    # FFmpeg opens the file again by its name to move the index, and takes a colon for a protocol.
    with (
        open_source(plan.source, plan.output) as reader,
        partial.absolute().open("r+b") as file,
    ):
        notes = copy_packets(reader, file, plan, monitor)
        file.flush()
        write_edit_lists(partial, plan.spans, plan.lead_s)
        os.fsync(file.fileno())
    return notes
