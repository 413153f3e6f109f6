"""What is said before and after a corrected file is written, in the window."""

from fractions import Fraction
from pathlib import Path

from core.correction.correction import Inexact
from core.correction.plan.moves import Choice, Method
from core.correction.plan.plan import CorrectionPlan
from core.correction.verify.sentences import LEAST_REMAINDER_S, verification_sentence
from core.detection.result import Detection
from core.detection.sync_map import MapKind
from core.units import delay_text, ms_text
from core.workflow.export import Exported, ExportPreview
from synchformer_gui.wording import sync_map as map_wording


def promise_sentence(plan: CorrectionPlan) -> str:
    """Say what stays as it is."""
    methods = {move.method for move in plan.moves}
    if methods & {Method.DECODED, Method.RETIMED}:
        kept = "The picture is copied as it is; of the sound, what is named above is encoded again."
    elif methods <= {Method.TIMES}:
        kept = (
            "Nothing is encoded again: every packet is copied, only the timing of the audio "
            "changes."
        )
    else:
        kept = (
            "The picture is copied as it is; the sound gets silence in front or loses its "
            "beginning."
        )
    return f"{kept} The original stays as it is."


def problem_text(preview: ExportPreview) -> str:
    """Sentences on why nothing can be written, a line each; empty if it can."""
    problems = preview.problems(" or agree to replace it")
    if preview.needs_choice:
        problems.append("Choose how the sound is to be moved.")
    return "\n".join(problems)


def note_sentences(plan: CorrectionPlan) -> tuple[str, ...]:
    """Say what will differ from the source, and from what was asked for."""
    source, target = plan.source.path, plan.target
    notes = list(plan.notes)
    # The note of a plan that moves whole packets says so itself.
    is_told = bool(plan.choice_refusal) or any(move.method is Method.PACKETS for move in plan.moves)
    if abs(plan.remainder_s) >= LEAST_REMAINDER_S and not is_told:
        way = "later" if plan.remainder_s > 0 else "earlier"
        notes.insert(
            0,
            f"The sound will be {ms_text(plan.remainder_s)} {way} than asked for, as near as "
            f"{_container(target)} gets.",
        )
    if target.suffix.lower() != source.suffix.lower():
        notes.insert(0, f"{source.name} is rewritten as {_container(target)}.")
    return tuple(notes)


def retiming_title(detection: Detection) -> str:
    """Offer to repair an offset that changes, as the text of a button."""
    found = detection.changing_map
    is_drift = found is not None and found.kind is MapKind.DRIFT
    return f"Ret&ime the sound, as the {'drift was' if is_drift else 'jumps were'} measured"


def encoded_again_sentence(plan: CorrectionPlan | None) -> str:
    """Say that retiming encodes sound again, and how if a plan of that tells.

    Args:
        plan: Of a retiming; any other tells nothing.
    """
    codings = [move.coding.words for move in plan.moves if move.coding] if plan else []
    how = f", as {', '.join(dict.fromkeys(codings))}" if codings else ""
    return f"It is encoded again{how}; all else is copied."


def choices_sentence(target: Path) -> str:
    """Ask what to do where a container cannot carry the exact shift."""
    return (
        f"{_container(target)} keeps no times, so this coded sound cannot be moved to its exact "
        "place in it. Choose one:"
    )


def choice_text(choice: Choice) -> str:
    """Say what a choice does, as the text of a button."""
    match choice.inexact:
        case Inexact.NEAREST:
            return f"{choice.words[:1].upper()}{choice.words[1:]}, nothing encoded again"
        case Inexact.REENCODE:
            return "Encode that sound again, as PCM (exact)"
        case None:
            return "Another container, MKV (exact), nothing encoded again"


def command_sentence(preview: ExportPreview | None, problem: str) -> str:
    """Say that the ffmpeg command was copied, or why there is none."""
    if preview is not None and preview.command:
        return (
            "The command is on the clipboard. It moves the sound alike; covers, timecode and the "
            "like are what ffmpeg makes of them."
        )
    if preview is None or preview.plan is None or not preview.plan.is_possible:
        return f"There is no command yet. {problem}"
    if any(move.method is Method.RETIMED for move in preview.plan.moves):
        return "The ffmpeg program has no command that retimes the sound alike."
    return "The ffmpeg program has no command that moves this sound alike."


def exported_lines(exported: Exported, name: str) -> list[str]:
    """Say what was written, how it was found to be, and where that is certified.

    Args:
        exported: What was written.
        name: How the file is called here, with or without its folder.
    """
    found = exported.verification
    said = map_wording.retiming_text(exported.correction, exported.plan)
    lines = [f"Wrote {name}: audio {said}.", *exported.notes]
    if found is None:
        lines.append("It was not compared with its source.")
    else:
        lines.append(verification_sentence(found, exported.plan))
    if found is not None and found.changed_metadata:
        lines.append(f"These texts differ: {', '.join(found.changed_metadata)}.")
    if exported.detected is not None:
        lines.append(map_wording.recheck_sentence(exported.detected))
    if exported.certificate is not None:
        lines.append(f"Certificate: {exported.certificate.name}, beside it.")
    if exported.certificate_problem:
        lines.append(exported.certificate_problem)
    return lines


def abandoned_sentence(target: Path) -> str:
    """Say that a file was not written, since another clip was opened."""
    return (
        f"Writing {target.name} was cancelled, since another clip was opened; it was not written."
    )


def hint_action(delay_s: Fraction) -> str:
    """Offer a delay for the export, as the text of a button."""
    return f"Move the sound {delay_text(delay_s)} {'later' if delay_s > 0 else 'earlier'}…"


def _container(target: Path) -> str:
    return target.suffix.removeprefix(".").upper()
