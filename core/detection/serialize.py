"""A detection as JSON and back, without loss."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.crop_plan import CropPlan, ShotSquare, Square
from core.detection.evidence import (
    AXIS_STEP_S,
    OffsetEvidence,
    WindowPosterior,
    evidence_from_classes,
    offset_axis,
)
from core.detection.result import (
    Coverage,
    Detection,
    OffsetEstimate,
    Opinion,
    Reason,
    Stop,
    Verdict,
)
from core.detection.sync_map import DriftCause, MapKind, Piece, SyncMap
from core.detection.windows import Window
from core.media.info import AudioStream, MediaInfo, OtherStream, VideoStream
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from core.timing import VIDEO_FPS, TimeSpan, Tolerance

VERSION = 1
"""Of the document; any change that a reader could stumble over raises it."""


def detection_to_json(detection: Detection) -> dict[str, object]:
    """Return a document of plain JSON values; seconds end in `_s`, audio early is positive."""
    config = detection.config
    has_classes = any(item.posterior for item in detection.evidence)
    document: dict[str, object] = {
        "version": VERSION,
        **_opinion_to_json(detection.opinion),
        "second_opinion": (
            _opinion_to_json(detection.second_opinion) if detection.second_opinion else None
        ),
        "warnings": list(detection.warnings),
        "elapsed_s": detection.elapsed_s,
        "coverage": {
            "stop": detection.coverage.stop.value,
            "spans_s": [[span.start_s, span.end_s] for span in detection.coverage.spans],
        },
        "sync_map": _map_to_json(detection.sync_map) if detection.sync_map else None,
        "crops": [crop_to_json(plan) for plan in detection.crops],
        "file": _info_to_json(detection.info),
        "video_stream_index": detection.video_stream_index,
        "audio_stream_index": detection.audio_stream_index,
        "config": asdict(config),
        "offset_grid_s": [round(float(x), 1) for x in OFFSET_GRID_S] if has_classes else [],
        "offset_axis": _axis_to_json(detection.evidence[0].axis_s),
        "windows": [_evidence_to_json(item) for item in detection.evidence],
    }
    if config.window_start_s is not None:
        document["crop_start_s"] = int(config.window_start_s * VIDEO_FPS) / VIDEO_FPS
    return document


def detection_from_json(data: Mapping[str, Any]) -> Detection:
    """Return the detection that a document describes.

    Raises:
        ValueError: The document is of another version or is incomplete.
    """
    if data.get("version") != VERSION:
        raise ValueError(
            f"this is a detection report of version {data.get('version')!r}, and only version"
            f" {VERSION} can be read; run the detection again"
        )
    try:
        config = _config_from_json(data["config"])
        second = data["second_opinion"]
        return Detection(
            info=_info_from_json(data["file"]),
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
            sync_map=_map_from_json(data["sync_map"]) if data.get("sync_map") else None,
            crops=tuple(crop_from_json(shots) for shots in data["crops"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the detection report is incomplete: {error}") from error


def _opinion_to_json(opinion: Opinion) -> dict[str, object]:
    estimate = opinion.estimate
    return {
        "offset_s": estimate.offset_s,
        "interval_s": list(estimate.interval_s),
        "level": estimate.level,
        "confidence": estimate.confidence,
        "verdict": estimate.verdict.value,
        "reason": estimate.reason.value,
        "windows_used": estimate.windows_used,
        "least_margin_s": estimate.least_margin_s,
        "synchronizability": estimate.synchronizability,
        "model": opinion.engine_name,
        "model_id": opinion.engine_id,
    }


def _opinion_from_json(data: Mapping[str, Any]) -> Opinion:
    low, high = data["interval_s"]
    estimate = OffsetEstimate(
        offset_s=data["offset_s"],
        interval_s=(low, high),
        level=data["level"],
        confidence=data["confidence"],
        verdict=Verdict(data["verdict"]),
        reason=Reason(data["reason"]),
        windows_used=data["windows_used"],
        least_margin_s=data["least_margin_s"],
        synchronizability=data.get("synchronizability"),
    )
    return Opinion(data["model"], data["model_id"], estimate)


def _map_to_json(sync_map: SyncMap) -> dict[str, object]:
    return {
        "kind": sync_map.kind.value,
        "confidence": sync_map.confidence,
        "drift_ppm": sync_map.drift_ppm,
        "drift_interval_ppm": list(sync_map.drift_interval_ppm),
        "cause": sync_map.cause.value,
        "pieces": [
            {
                "start_s": piece.span.start_s,
                "end_s": piece.span.end_s,
                "start_offset_s": piece.start_offset_s,
                "end_offset_s": piece.end_offset_s,
                "start_interval_s": list(piece.start_interval_s),
                "end_interval_s": list(piece.end_interval_s),
                "start_margin_s": piece.start_margin_s,
            }
            for piece in sync_map.pieces
        ],
    }


def _map_from_json(data: Mapping[str, Any]) -> SyncMap:
    low, high = data["drift_interval_ppm"]
    return SyncMap(
        kind=MapKind(data["kind"]),
        pieces=tuple(_piece_from_json(piece) for piece in data["pieces"]),
        confidence=data["confidence"],
        drift_ppm=data["drift_ppm"],
        drift_interval_ppm=(low, high),
        cause=DriftCause(data["cause"]),
    )


def _piece_from_json(data: Mapping[str, Any]) -> Piece:
    (start_low, start_high), (end_low, end_high) = (
        data["start_interval_s"],
        data["end_interval_s"],
    )
    return Piece(
        span=TimeSpan(data["start_s"], data["end_s"]),
        start_offset_s=data["start_offset_s"],
        end_offset_s=data["end_offset_s"],
        start_interval_s=(start_low, start_high),
        end_interval_s=(end_low, end_high),
        start_margin_s=data["start_margin_s"],
    )


def _config_from_json(data: Mapping[str, Any]) -> DetectionConfig:
    known = [field.name for field in fields(DetectionConfig)]
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise ValueError(f"unknown options {', '.join(unknown)}; known are {', '.join(known)}")
    return DetectionConfig(**{**data, "tolerance": Tolerance(**data["tolerance"])})


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
    """Tell whether the likelihood is that of the class logits and need not be written."""
    if item.posterior is None:
        return False
    made = evidence_from_classes(item.posterior, float(item.axis_s[-1]))
    return np.array_equal(made.log_likelihood, item.log_likelihood)


def _axis_to_json(axis_s: NDArray[np.float64]) -> dict[str, object]:
    """Describe the offsets that the likelihoods of all windows are over."""
    return {
        "start_s": round(float(axis_s[0]), 6),
        "step_s": AXIS_STEP_S,
        "count": len(axis_s),
    }


def _evidence_from_json(data: Mapping[str, Any], config: DetectionConfig) -> OffsetEvidence:
    window = Window(data["index"], data["first_frame"], data["n_segments"])
    posterior = None
    if "logits" in data:
        logits = np.array(data["logits"], np.float32)
        posterior = WindowPosterior(window, data["audio_shift_s"], logits)
    if posterior is not None and "log_likelihood_base64_f32le" not in data:
        log_likelihood = evidence_from_classes(posterior, config.range_s).log_likelihood
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


def _info_to_json(info: MediaInfo) -> dict[str, object]:
    plain = _plain({field.name: getattr(info, field.name) for field in fields(info)})
    if not isinstance(plain, dict):
        raise TypeError(f"expected a dictionary, got {type(plain)}")
    return plain


def _plain(value: object) -> object:
    """Write paths and fractions ("30000/1001") as text, streams as dictionaries."""
    if isinstance(value, Path | Fraction):
        return str(value)
    if isinstance(value, VideoStream | AudioStream | OtherStream):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _info_from_json(data: Mapping[str, Any]) -> MediaInfo:
    return MediaInfo(
        **{
            **data,
            "path": Path(data["path"]),
            "videos": tuple(VideoStream(**_with_fractions(v)) for v in data["videos"]),
            "audios": tuple(AudioStream(**_with_fractions(a)) for a in data["audios"]),
            "others": tuple(OtherStream(**o) for o in data["others"]),
        }
    )


def _with_fractions(stream: Mapping[str, Any]) -> dict[str, Any]:
    rates = {
        key: Fraction(stream[key])
        for key in ("frame_rate", "time_base")
        if stream.get(key) is not None
    }
    return {**stream, **rates}


def crop_to_json(plan: CropPlan) -> list[object]:
    """Write the squares of shots, null for the centre; an empty list is the centre all along."""
    return [
        {
            "first_frame": shot.first_frame,
            "square_px": [shot.square.left_px, shot.square.top_px, shot.square.side_px]
            if shot.square
            else None,
        }
        for shot in plan.shots
    ]


def crop_from_json(shots: Sequence[Mapping[str, Any]]) -> CropPlan:
    """Return the plan that was written.

    Raises:
        KeyError, TypeError: It is incomplete.
    """
    return CropPlan(
        tuple(
            ShotSquare(
                shot["first_frame"], Square(*shot["square_px"]) if shot["square_px"] else None
            )
            for shot in shots
        )
    )
