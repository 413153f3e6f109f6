"""What is said before and after a corrected file is written, in the window."""

from fractions import Fraction
from pathlib import Path

from core.media.correction import Inexact
from core.media.plan import Choice, CorrectionPlan, Method
from synchformer_gui import wording
from synchformer_gui.exporting import Exported, ExportRequest, Outlook
from synchformer_gui.kept_wording import LEAST_REMAINDER_S
from synchformer_gui.quantities import delay_text


def promise_sentence(plan: CorrectionPlan) -> str:
    """Say what stays as it is."""
    methods = {move.method for move in plan.moves}
    if Method.DECODED in methods:
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


def note_sentences(request: ExportRequest, plan: CorrectionPlan) -> tuple[str, ...]:
    """Say what will differ from the source, and from what was asked for."""
    source, target = request.info.path, request.target
    notes = list(plan.notes)
    if abs(plan.remainder_s) >= LEAST_REMAINDER_S and not plan.choices:
        way = "later" if plan.remainder_s > 0 else "earlier"
        steps = "whole packets get" if not plan.is_exact else f"{_container(target)} gets"
        notes.insert(
            0,
            f"The sound will be {_tenths(plan.remainder_s)} {way} than asked for, as near as "
            f"{steps}.",
        )
    if target.suffix.lower() != source.suffix.lower():
        notes.insert(0, f"{source.name} is rewritten as {_container(target)}.")
    return tuple(notes)


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


def command_sentence(outlook: Outlook) -> str:
    """Say that the ffmpeg command was copied, or why there is none."""
    if outlook.command:
        return (
            "The command is on the clipboard. It moves the sound alike; covers, timecode and the "
            "like are what ffmpeg makes of them."
        )
    if outlook.plan is None or outlook.plan.refused:
        return f"There is no command yet. {outlook.problem}"
    return "The ffmpeg program has no command that moves coded sound by whole packets."


def exported_sentences(exported: Exported) -> str:
    """Say what was written, how it was found to be, and where that is certified."""
    found = exported.verification
    delay_s, plan = exported.correction.audio_delay_s, exported.plan
    parts = [f"✔ {wording.written_sentence(exported.path.name, delay_s, plan.moved_s)}"]
    if found is None:
        parts.append("It was not measured again.")
    else:
        parts.append(wording.verification_sentence(found, plan.moves))
    if found is not None and found.changed_metadata:
        parts.append(f"These texts differ: {', '.join(found.changed_metadata)}.")
    parts += exported.problems
    if exported.certificate is not None:
        parts.append(f"Certificate: {exported.certificate.name}, beside it.")
    if exported.certificate_problem:
        parts.append(exported.certificate_problem)
    return " ".join(parts)


def hint_action(delay_s: Fraction) -> str:
    """Offer a delay for the export, as the text of a button."""
    return f"Move the sound {delay_text(delay_s)} {'later' if delay_s > 0 else 'earlier'}…"


def _container(target: Path) -> str:
    return target.suffix.removeprefix(".").upper()


def _tenths(seconds: Fraction) -> str:
    return f"{abs(float(1000 * seconds)):.1f} ms"
