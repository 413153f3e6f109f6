"""The steps of an export one by one, each with a plan of its own."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from core.correction.compatibility.stream_plan import StreamPlan
from core.correction.correction import Correction
from core.correction.plan.destination import FileIdentity
from core.correction.plan.moves import Move
from core.correction.plan.plan import CorrectionPlan, plan
from core.correction.verify.verify import Verification, verify
from core.media.formats.output_format import MKV, Layout, OutputFormat
from core.media.info import MediaInfo
from core.progress import SILENT, Monitor
from core.workflow.export import ExportRequest, export, preview

plan_correction = plan

LATER = Correction((1,), Fraction(4, 25))


def unread_plan(
    output: OutputFormat = MKV,
    moves: tuple[Move, ...] = (),
    source: str = "clip.mkv",
    target: str = "out.mkv",
    correction: Correction = LATER,
) -> CorrectionPlan:
    """Plan of a source that no one has opened."""
    info = MediaInfo(Path("/a") / source, output.reads_as, 10.0, 1000, (), (), ())
    streams = StreamPlan(output, (), (), ())
    identity = FileIdentity(1000, 0)
    return CorrectionPlan(info, identity, correction, Path("/a") / target, None, streams, moves)


def write_corrected(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    *,
    overwrite: bool = False,
    layout: Layout | None = None,
    keeps_times: bool = False,
    monitor: Monitor = SILENT,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Export a corrected file without its verification; `tell` takes the notes."""
    request = ExportRequest(
        info, target, correction, overwrite, layout, keeps_times, verifies=False
    )
    exported = export(preview(request), monitor)
    for note in exported.notes:
        if tell is not None:
            tell(note)
    return target


def verify_corrected(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    monitor: Monitor = SILENT,
    layout: Layout | None = None,
) -> Verification:
    """Compare a file with its source, as a correction asks for it."""
    return verify(plan(info, correction, target, layout), target, monitor)
