from core.detection.calibration.trials import try_clips
from core.detection.engines.classical import ClassicalEngine


def test_clips_are_analyzed_at_known_offsets_and_unusable_ones_give_a_reason(
    make_clip, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("core.detection.calibration.trials.OFFSETS_S", (-0.31, 0.63))
    silent = make_clip("silent.mp4", silent=True, duration_s=6)
    (tmp_path / "notes.mp4").write_text("no clip")
    seen = []
    clips = try_clips(
        [make_clip("good.mp4"), silent, tmp_path / "notes.mp4"],
        ClassicalEngine(),
        on_clip=seen.append,
    )
    good, useless, broken = clips
    assert seen == list(clips)
    assert [trial.offset_s for trial in good.trials] == [-0.31, 0.63]
    assert abs(good.bias_s) < 0.06
    assert not useless.trials
    assert "confident" in useless.why_not
    assert not broken.trials
    assert "notes.mp4" in broken.why_not
