"""Exports in words: the preview of a corrected file, and the report on a written one."""

from fractions import Fraction
from pathlib import Path

from core.correction.correction import Correction, Inexact
from core.correction.plan.moves import Choice, Method
from core.correction.plan.plan import CorrectionPlan
from core.correction.verify.sentences import LEAST_REMAINDER_S, moved_text, verification_sentence
from core.detection.result import Detection
from core.detection.sync_map import MapKind
from core.units import delay_text, ms_text
from core.workflow.export import Exported, ExportPreview
from synchformer_gui.wording.verdict import recheck_sentence

_LARGEST_COMMON = 2000
"""Largest denominator of common ratios, shown as fractions: 1001/1000, 960/1001."""


def way_sentence(plan: CorrectionPlan) -> str:
    """Way of writing the file, and the reason for it."""
    if plan.time_patch is not None:
        return f"Patch of the {plan.time_patch.way}; every other byte is copied as it is."
    return f"Written anew, packet by packet, because {plan.anew_reason}."


def in_place_question(plan: CorrectionPlan) -> str:
    """Question before a file is corrected in place."""
    assert plan.time_patch is not None
    patch = plan.time_patch.patch
    name, n_bytes = plan.source.path.name, patch.n_new_bytes
    return f"Write {n_bytes:,} bytes of {patch.n_bytes:,} into {name} itself?"


def promise_sentence(plan: CorrectionPlan) -> str:
    """Parts of the source to be copied unchanged."""
    if plan.time_patch is not None:
        return (
            "Nothing is encoded again: every byte of the file is copied, only the times of the "
            "audio change. The original file is not changed."
        )
    methods = {move.method for move in plan.moves}
    if methods & {Method.DECODED, Method.RETIMED}:
        kept = "The picture is copied unchanged; only the audio named above is encoded again."
    elif methods <= {Method.TIMES}:
        kept = (
            "Nothing is encoded again: every packet is copied, only the timing of the audio "
            "changes."
        )
    else:
        kept = (
            "The picture is copied unchanged; the audio gets silence in front or loses its "
            "beginning."
        )
    return f"{kept} The original file is not changed."


def problem_text(preview: ExportPreview) -> str:
    """Reasons against an export, a line each; empty without one."""
    problems = preview.problems(" or agree to replace it")
    if preview.needs_choice:
        problems.append("Choose how the audio is to be moved.")
    return "\n".join(problems)


def note_sentences(plan: CorrectionPlan) -> tuple[str, ...]:
    """Differences from the source, and from the requested correction."""
    source, target = plan.source.path, plan.target
    notes = list(plan.notes)
    # A plan that moves whole packets has a note about it already.
    is_noted = plan.choice_refusal or any(move.method is Method.PACKETS for move in plan.moves)
    if abs(plan.remainder_s) >= LEAST_REMAINDER_S and not is_noted:
        way = "later" if plan.remainder_s > 0 else "earlier"
        notes.insert(
            0,
            f"The audio will be {ms_text(plan.remainder_s)} {way} than asked for, the closest "
            f"that {_container(target)} allows.",
        )
    if target.suffix.lower() == source.suffix.lower() and plan.anew_reason:
        notes.insert(0, way_sentence(plan))
    elif target.suffix.lower() != source.suffix.lower():
        notes.insert(0, f"{source.name} is rewritten as {_container(target)}.")
    return tuple(notes)


def correction_text(correction: Correction, plan: CorrectionPlan | None = None) -> str:
    """Effect of a correction on the audio, as the end of a sentence: "moved 160 ms later".

    Args:
        correction: The correction.
        plan: Its plan, to show a shift other than the requested one.
    """
    retiming, delay_s = correction.retiming, correction.audio_delay_s
    moved = moved_text(delay_s, None if plan is None else plan.moved_s)
    if retiming is None:
        return moved
    if not retiming.is_stretched:
        return f"moved in {len(retiming.pieces)} pieces"
    ratio = retiming.pieces[0].ratio
    pitch = ", its pitch kept" if retiming.keeps_pitch else ""
    is_common = ratio.denominator <= _LARGEST_COMMON
    times = str(ratio) if is_common else f"{float(ratio):.6f}"
    stretched = f"made {times} times as long{pitch}"
    return f"{stretched}, then {moved}" if delay_s else stretched


def retiming_title(detection: Detection) -> str:
    """Button to repair a changing offset."""
    found = detection.changing_map
    is_drift = found is not None and found.kind is MapKind.DRIFT
    return f"Ret&ime the audio to undo the measured {'drift' if is_drift else 'jumps'}"


def encoded_again_sentence(plan: CorrectionPlan | None) -> str:
    """Warning about the encoding of retimed audio, with the codec if it is known.

    Args:
        plan: Plan of a retiming, if there is one yet.
    """
    codings = [move.coding.words for move in plan.moves if move.coding] if plan else []
    how = f", as {', '.join(dict.fromkeys(codings))}" if codings else ""
    return f"This audio is encoded again{how}; everything else is copied."


def choices_sentence(target: Path) -> str:
    """Question about a container without timestamps: it cannot hold the exact shift."""
    return (
        f"{_container(target)} stores no timestamps, so this compressed audio cannot be moved by "
        "the exact amount. Choose one:"
    )


def choice_text(choice: Choice) -> str:
    """Button for one choice."""
    match choice.inexact:
        case Inexact.NEAREST:
            return f"{choice.words[:1].upper()}{choice.words[1:]}, nothing encoded again"
        case Inexact.REENCODE:
            return "Encode the audio again as PCM (exact)"
        case None:
            return "Write MKV instead (exact), nothing encoded again"


def command_sentence(preview: ExportPreview | None, problem: str) -> str:
    """Confirmation of the copied ffmpeg command, or the reason why there is none."""
    if preview is not None and preview.command:
        return (
            "The command is on the clipboard. It moves the audio in the same way; cover images, "
            "timecode and the like may come out differently."
        )
    if preview is None or preview.plan is None or not preview.plan.is_possible:
        return f"There is no command yet. {problem}"
    if any(move.method is Method.RETIMED for move in preview.plan.moves):
        return "ffmpeg cannot retime audio in the same way, so there is no equivalent command."
    return "ffmpeg cannot make the same change, so there is no equivalent command."


def exported_lines(exported: Exported, name: str) -> list[str]:
    """Report on a written file: correction, notes, verification, detection and certificate.

    Args:
        exported: Result of the export.
        name: Name of the file as shown here, with or without its folder.
    """
    found = exported.verification
    correction = correction_text(exported.correction, exported.plan)
    lines = [f"Wrote {name}: audio {correction}.", *exported.notes]
    if found is None:
        lines.append("Not verified: the file was not compared with its source.")
    else:
        lines.append(verification_sentence(found, exported.plan))
    if found is not None and found.changed_metadata:
        lines.append(f"Changed metadata: {', '.join(found.changed_metadata)}.")
    if exported.detected is not None:
        lines.append(recheck_sentence(exported.detected))
    if exported.certificate is not None:
        lines.append(f"Certificate: {exported.certificate.name}, beside it.")
    if exported.certificate_problem:
        lines.append(exported.certificate_problem)
    return lines


def abandoned_sentence(target: Path) -> str:
    """Message about an export cancelled by the opening of another clip."""
    return f"{target.name} was not written because another clip was opened."


_CONTAINERS = {".mkv": "Matroska", ".mp4": "MP4", ".mov": "MOV"}


def other_container_sentence(source: Path, target: Path) -> str:
    """Message about a copy in another container, because the container of the source cannot do."""
    name = source.suffix.removeprefix(".").upper() or "This container"
    other = _CONTAINERS.get(target.suffix, target.suffix.removeprefix(".").upper())
    return f"{name} cannot be written with these streams; writing {other} instead: {target.name}."


def hint_action(delay_s: Fraction) -> str:
    """Button to start an export with a delay."""
    return f"Move the audio {delay_text(delay_s)} {'later' if delay_s > 0 else 'earlier'}…"


def _container(target: Path) -> str:
    return target.suffix.removeprefix(".").upper()
