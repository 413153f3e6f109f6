from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtMultimedia import QVideoFrame
from pytestqt.qtbot import QtBot

from core.media.probe import probe
from synchformer_gui.playback.player import Player

pytestmark = pytest.mark.gui

FRAME_S = 0.04


class Screen:
    def __init__(self, player: Player) -> None:
        self.frames: list[QVideoFrame] = []
        player.frame_shown.connect(self.frames.append)

    @property
    def start_s(self) -> float:
        return self.frames[-1].startTime() / 1e6 if self.frames else -1.0


@pytest.fixture
def player(qtbot: QtBot) -> Iterator[Player]:
    player = Player()
    yield player
    player.close()
    player.deleteLater()


@pytest.fixture
def screen(qtbot: QtBot, player: Player, make_clip: Callable[..., Path]) -> Screen:
    screen = Screen(player)
    player.open(probe(make_clip(duration_s=3.0)))
    qtbot.waitUntil(lambda: bool(screen.frames), timeout=5000)
    return screen


def test_opening_shows_the_first_frame_paused(player: Player, screen: Screen) -> None:
    assert screen.start_s == pytest.approx(0.0, abs=0.001)
    assert not player.is_playing
    assert player.position_s == 0.0
    assert player.duration_s == pytest.approx(3.0, abs=0.1)


def test_playing_advances_and_pausing_holds(qtbot: QtBot, player: Player, screen: Screen) -> None:
    player.play()
    qtbot.waitUntil(lambda: player.position_s > 0.3, timeout=5000)
    player.pause()
    held_s = player.position_s
    qtbot.wait(150)

    assert player.position_s == held_s
    assert len(screen.frames) > 3


def test_seek_shows_the_frame_at_that_time(qtbot: QtBot, player: Player, screen: Screen) -> None:
    player.seek(1.2)

    qtbot.waitUntil(lambda: abs(screen.start_s - 1.2) < 0.002, timeout=5000)
    assert player.position_s == 1.2


def test_seek_stays_within_the_clip(player: Player, screen: Screen) -> None:
    player.seek(99.0)
    assert player.position_s <= player.duration_s
    player.seek(-1.0)
    assert player.position_s == 0.0


def test_steps_go_frame_by_frame(qtbot: QtBot, player: Player, screen: Screen) -> None:
    for number in range(1, 6):
        player.step(1)
        expected_s = number * FRAME_S
        qtbot.waitUntil(lambda: abs(screen.start_s - expected_s) < 0.002, timeout=5000)  # noqa: B023
    player.step(-1)

    qtbot.waitUntil(lambda: abs(screen.start_s - 4 * FRAME_S) < 0.002, timeout=5000)
    assert player.position_s == pytest.approx(4 * FRAME_S)


def test_end_is_reached_and_can_be_left_again(qtbot: QtBot, player: Player, screen: Screen) -> None:
    player.seek(2.7)
    player.play()
    qtbot.waitUntil(lambda: not player.is_playing, timeout=5000)
    assert player.position_s == pytest.approx(player.duration_s, abs=0.1)

    player.seek(1.0)

    qtbot.waitUntil(lambda: abs(screen.start_s - 1.0) < 0.002, timeout=5000)
    assert not player.is_playing


def test_closing_lets_another_clip_be_opened(
    qtbot: QtBot, player: Player, screen: Screen, make_clip: Callable[..., Path]
) -> None:
    other = probe(make_clip("other.mkv", duration_s=2.0, fps=Fraction(30), size=(160, 128)))
    player.close()
    player.open(other)

    qtbot.waitUntil(lambda: screen.frames[-1].width() == 160, timeout=5000)
    assert player.position_s == 0.0


def test_audio_can_be_chosen_before_the_file_has_been_read(
    qtbot: QtBot, player: Player, make_clip: Callable[..., Path]
) -> None:
    info = probe(make_clip(duration_s=2.0))
    player.open(info)
    player.choose_audio(info.audios[0].index)

    qtbot.waitUntil(lambda: player._media.activeAudioTrack() == 0, timeout=5000)
