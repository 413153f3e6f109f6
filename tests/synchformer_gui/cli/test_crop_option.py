import json

import pytest

from synchformer_gui.cli.main import main


@pytest.mark.parametrize("command", ["detect", "check"])
def test_an_unknown_place_to_look_is_wrong_usage(make_clip, capsys, command):
    clip = make_clip(duration_s=1.0)
    target = clip if command == "detect" else clip.parent
    assert main([command, str(target), "--crop", "left"]) == 64
    assert "auto, centre, multi" in " ".join(capsys.readouterr().err.split())


def test_where_to_look_is_part_of_the_answer(make_clip, capsys):
    clip = str(make_clip(duration_s=6.0))
    main(["detect", clip, "--model", "classical", "--crop", "auto", "--json", "--no-cache"])
    document = json.loads(capsys.readouterr().out)
    assert document["config"]["crop"] == "auto"
    assert document["crops"] == []
