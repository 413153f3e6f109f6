"""A detection as JSON and back, without loss.

Dataclasses are converted by msgspec. Written by hand are only the parts whose JSON differs from
them: opinions and spans are flat, likelihoods are base64 or follow from class logits.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from core.detection.config import DetectionConfig
from core.detection.crop_plan import CropPlan, ShotSquare, Square
from core.detection.evidence import (
    AXIS_STEP_S,
    ClassLogits,
    OffsetEvidence,
    evidence_from_classes,
    offset_axis,
)
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Stop
from core.detection.sync_map import SyncMap
from core.detection.windows import Window
from core.media.info import MediaInfo
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from core.timing import VIDEO_FPS, TimeSpan

VERSION = 2
"""Version of the document; raised by any change that breaks a reader."""

_T = TypeVar("_T")


def detection_to_json(detection: Detection) -> dict[str, object]:
    """Document of plain JSON values; seconds end in `_s`, audio early is positive."""
    config, second = detection.config, detection.second_opinion
    axis_s = detection.evidence[0].axis_s
    has_classes = any(item.posterior for item in detection.evidence)
    document: dict[str, object] = {
        "version": VERSION,
        **_opinion_to_json(detection.opinion),
        "second_opinion": _opinion_to_json(second) if second else None,
        "warnings": list(detection.warnings),
        "elapsed_s": detection.elapsed_s,
        "coverage": {
            "stop": detection.coverage.stop.value,
            "spans_s": [[span.start_s, span.end_s] for span in detection.coverage.spans],
        },
        "sync_map": _map_to_json(detection.sync_map) if detection.sync_map else None,
        "crops": [_crop_to_json(plan) for plan in detection.crops],
        "file": _plain(detection.info),
        "video_stream_index": detection.video_stream_index,
        "audio_stream_index": detection.audio_stream_index,
        "config": _plain(config),
        "offset_grid_s": [round(float(x), 1) for x in OFFSET_GRID_S] if has_classes else [],
        "offset_axis": {
            "start_s": round(float(axis_s[0]), 6),
            "step_s": AXIS_STEP_S,
            "count": len(axis_s),
        },
        "windows": [_evidence_to_json(item) for item in detection.evidence],
    }
    if config.window_start_s is not None:
        document["crop_start_s"] = int(config.window_start_s * VIDEO_FPS) / VIDEO_FPS
    return document


def detection_from_json(data: Mapping[str, Any]) -> Detection:
    """Read the document of a detection.

    Raises:
        ValueError: The document has another version, lacks a value or has a wrong one.
    """
    if data.get("version") != VERSION:
        raise ValueError(
            f"this is a detection report of version {data.get('version')!r}, and only version"
            f" {VERSION} can be read; run the detection again"
        )
    try:
        config = _config_from_json(data["config"])
        second, sync_map = data["second_opinion"], data.get("sync_map")
        return Detection(
            info=_convert(data["file"], MediaInfo),
            config=config,
            opinion=_opinion_from_json(data),
            second_opinion=_opinion_from_json(second) if second else None,
            evidence=tuple(_evidence_from_json(item, config) for item in data["windows"]),
            video_stream_index=data["video_stream_index"],
            audio_stream_index=data["audio_stream_index"],
            warnings=tuple(data["warnings"]),
            elapsed_s=data["elapsed_s"],
            coverage=Coverage(
                tuple(TimeSpan(*span) for span in data["coverage"]["spans_s"]),
                Stop(data["coverage"]["stop"]),
            ),
            sync_map=_map_from_json(sync_map) if sync_map else None,
            crops=tuple(_crop_from_json(shots) for shots in data["crops"]),
        )
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ValueError(f"the detection report is incomplete or damaged: {error}") from error


def _plain(value: object) -> dict[str, Any]:
    """Convert a dataclass to JSON values; paths and fractions ("30000/1001") become text."""
    plain: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_plain_value)
    return plain


def _plain_value(value: object) -> object:
    if isinstance(value, float):
        return float(value)  # NumPy's, which msgspec does not know.
    if isinstance(value, Path | Fraction):
        return str(value)
    raise NotImplementedError(f"no JSON for {type(value)}")


def _convert(data: object, kind: type[_T]) -> _T:
    """Convert JSON values back to a dataclass; unknown keys are ignored."""
    return msgspec.convert(data, kind, dec_hook=lambda hint, text: hint(text))


def _opinion_to_json(opinion: Opinion) -> dict[str, object]:
    names = {"model": opinion.engine_name, "model_id": opinion.engine_id}
    return {**_plain(opinion.estimate), **names}


def _opinion_from_json(data: Mapping[str, Any]) -> Opinion:
    return Opinion(data["model"], data["model_id"], _convert(data, OffsetEstimate))


def _map_to_json(sync_map: SyncMap) -> dict[str, object]:
    document = _plain(sync_map)
    document["pieces"] = [{**piece.pop("span"), **piece} for piece in document["pieces"]]
    return document


def _map_from_json(data: Mapping[str, Any]) -> SyncMap:
    return _convert({**data, "pieces": [{**one, "span": one} for one in data["pieces"]]}, SyncMap)


def _config_from_json(data: Mapping[str, Any]) -> DetectionConfig:
    known = [field.name for field in fields(DetectionConfig)]
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise ValueError(f"unknown options {', '.join(unknown)}; known are {', '.join(known)}")
    return _convert(data, DetectionConfig)


def _evidence_to_json(item: OffsetEvidence) -> dict[str, object]:
    window = item.window
    record: dict[str, object] = {
        "index": window.index,
        "start_s": window.span.start_s,
        "end_s": window.span.end_s,
        "first_frame": window.first_frame,
        "n_segments": window.n_segments,
        "offset_s": round(float(item.axis_s[item.log_likelihood.argmax()]), 6),
        "resolution_s": item.resolution_s,
        "synchronizability": item.synchronizability,
    }
    if item.posterior:
        record["audio_shift_s"] = item.posterior.audio_shift_s
        record["logits"] = [float(x) for x in item.posterior.logits]
    if not _follows_from_classes(item):
        raw = item.log_likelihood.astype("<f4").tobytes()
        record["log_likelihood_base64_f32le"] = base64.b64encode(raw).decode("ascii")
    return record


def _follows_from_classes(item: OffsetEvidence) -> bool:
    """Whether the likelihood can be computed from the class logits, so it is not written."""
    if item.posterior is None:
        return False
    made = evidence_from_classes(item.window, item.posterior, float(item.axis_s[-1]))
    return np.array_equal(made.log_likelihood, item.log_likelihood)


def _evidence_from_json(data: Mapping[str, Any], config: DetectionConfig) -> OffsetEvidence:
    window = _convert(data, Window)
    posterior = None
    if "logits" in data:
        logits = np.array(data["logits"], np.float32)
        posterior = ClassLogits(data["audio_shift_s"], logits)
    if posterior is not None and "log_likelihood_base64_f32le" not in data:
        log_likelihood = evidence_from_classes(window, posterior, config.range_s).log_likelihood
    else:
        raw = base64.b64decode(data["log_likelihood_base64_f32le"])
        log_likelihood = np.frombuffer(raw, "<f4").astype(np.float32)
    return OffsetEvidence(
        window=window,
        axis_s=offset_axis(config.range_s),
        log_likelihood=log_likelihood,
        resolution_s=data["resolution_s"],
        posterior=posterior,
        synchronizability=data.get("synchronizability"),
    )


def _crop_to_json(plan: CropPlan) -> list[object]:
    """Squares of the shots, null for the centre; an empty list is the centre throughout."""
    return [
        {
            "first_frame": shot.first_frame,
            "square_px": list(astuple(shot.square)) if shot.square else None,
        }
        for shot in plan.shots
    ]


def _crop_from_json(shots: Sequence[Mapping[str, Any]]) -> CropPlan:
    return CropPlan(
        tuple(
            ShotSquare(
                shot["first_frame"], Square(*shot["square_px"]) if shot["square_px"] else None
            )
            for shot in shots
        )
    )
