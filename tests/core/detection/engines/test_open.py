import functools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import paths
from core.detection.engines.calibrated import CalibratedEngine
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.open import EngineChoice, calibration_place, engine_key, open_engine
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.detection.engines.user_calibration import UserCalibration, write_calibration
from core.errors import CheckpointError
from core.model.checkpoints.kind import CheckpointKind
from core.model.checkpoints.model_card import WEIGHTS_NAME, ModelCard, write_card
from core.model.hashing import hash_file
from core.model.store.catalog import BUILTIN, CLASSICAL, Source, entry
from core.model.store.store import ModelStore
from core.model.synchformer.synchformer import Synchformer
from core.paths import models_dir
from core.progress import Progress


class Recorder:
    def __init__(self) -> None:
        self.stages: list[str] = []

    def report(self, progress: Progress) -> None:
        self.stages.append(progress.stage)

    def check(self) -> None:
        pass


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path / "home"))


def _install(model_id: str, kind: CheckpointKind) -> None:
    folder = models_dir() / model_id
    folder.mkdir(parents=True)
    header = json.dumps({}).encode()
    weights = len(header).to_bytes(8, "little") + header
    (folder / WEIGHTS_NAME).write_bytes(weights)
    write_card(ModelCard(kind, "Some model", "", len(weights), "", "", {}), folder)


@pytest.mark.usefixtures("builtin_weights")
@pytest.mark.parametrize("model", ["auto", "builtin"])
def test_without_models_the_built_in_one_answers(model: str) -> None:
    engine = open_engine(EngineChoice(model))
    assert (engine.id, engine.name) == (BUILTIN, "built-in model")


def test_the_classical_estimate_answers_where_it_is_wanted() -> None:
    assert open_engine(EngineChoice(CLASSICAL)) == ClassicalEngine()
    assert ClassicalEngine().id == CLASSICAL


@pytest.mark.usefixtures("builtin_weights")
def test_auto_ignores_models_other_than_the_published_one() -> None:
    _install("mine", CheckpointKind.SYNC)
    assert open_engine(EngineChoice()).id == BUILTIN


@pytest.mark.usefixtures("builtin_weights")
def test_loading_the_built_in_model_is_said() -> None:
    monitor = Recorder()
    open_engine(EngineChoice(), monitor)
    assert monitor.stages == ["Loading the built-in model"]


def test_without_shipped_data_the_built_in_model_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_ROOT", tmp_path)
    with pytest.raises(CheckpointError, match="install the application again"):
        open_engine(EngineChoice())


def test_auto_takes_the_published_model_where_it_is_installed() -> None:
    _install("24-01-04T16-39-21", CheckpointKind.SYNC)
    # Its weights are empty, so it shows itself by what it lacks.
    with pytest.raises(CheckpointError):
        open_engine(EngineChoice())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (CheckpointKind.SYNCHABILITY, "synchronizability model"),
        (CheckpointKind.EXTRACTORS, "feature extractors"),
    ],
)
def test_model_that_cannot_tell_offsets_says_what_it_is(kind: CheckpointKind, said: str) -> None:
    _install("other", kind)
    with pytest.raises(CheckpointError, match=rf"{said}.*choose a synchronization model"):
        open_engine(EngineChoice("other"))


def test_unknown_model_lists_what_there_is() -> None:
    with pytest.raises(CheckpointError, match="audioset"):
        open_engine(EngineChoice("nonsense"))


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.pt"
    path.write_text("Dear all")
    with pytest.raises(CheckpointError, match=r"letter\.pt"):
        open_engine(EngineChoice(str(path)))


def _measured(choice: EngineChoice, sha256: str = "") -> None:
    place = calibration_place(choice)
    found = UserCalibration(9, 0.02, 0.002, 0.03, sha256 or place.weights_sha256)
    write_calibration(place.path, found)


@pytest.mark.usefixtures("builtin_weights")
@pytest.mark.parametrize("model", [BUILTIN, CLASSICAL])
def test_what_was_measured_of_a_model_is_used_unless_it_is_not_wanted(model: str) -> None:
    before = engine_key(EngineChoice(model))
    _measured(EngineChoice(model))
    engine = open_engine(EngineChoice(model))
    assert isinstance(engine, CalibratedEngine)
    assert engine.id == model
    assert "bias of 20 ms towards early audio" in engine.name
    assert engine_key(EngineChoice(model)) != before
    bare = open_engine(EngineChoice(model, calibrated=False))
    assert not isinstance(bare, CalibratedEngine)


@pytest.mark.usefixtures("builtin_weights")
def test_a_calibration_of_other_weights_is_not_used() -> None:
    _measured(EngineChoice(BUILTIN), sha256="other")
    assert open_engine(EngineChoice(BUILTIN)).name == "built-in model"


def test_a_file_that_is_not_installed_cannot_be_calibrated(tmp_path: Path) -> None:
    (tmp_path / "some.pt").write_text("")
    with pytest.raises(CheckpointError, match=r"install .*some\.pt first"):
        calibration_place(EngineChoice(str(tmp_path / "some.pt")))


@pytest.mark.parametrize(
    ("device", "precision", "is_asked_anew"),
    [
        ("auto", "auto", True),
        ("cpu", "auto", True),
        ("auto", "float32", True),
        ("cpu", "float32", False),
    ],
)
def test_a_network_is_another_one_where_auto_may_mean_other_arithmetic(
    monkeypatch: pytest.MonkeyPatch, device: str, precision: str, is_asked_anew: bool
) -> None:
    _install("mine", CheckpointKind.SYNC)
    choice = EngineChoice("mine", device, precision)
    before = engine_key(choice)
    assert engine_key(choice) == before
    monkeypatch.setattr(
        "core.detection.engines.open.machine_fingerprint", lambda: "another machine"
    )
    assert (engine_key(choice) != before) is is_asked_anew


@pytest.mark.usefixtures("builtin_weights")
@pytest.mark.parametrize("model", [BUILTIN, CLASSICAL])
def test_what_runs_alike_everywhere_is_the_same_everywhere(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    before = engine_key(EngineChoice(model))
    monkeypatch.setattr(
        "core.detection.engines.open.machine_fingerprint", lambda: "another machine"
    )
    assert engine_key(EngineChoice(model)) == before


def test_who_would_answer_is_found_out_without_torch() -> None:
    _install("mine", CheckpointKind.SYNC)
    code = (
        "import sys; from core.detection.engines.open import EngineChoice, engine_key;"
        "engine_key(EngineChoice('mine')); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def published_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small network in a file that the catalogue knows as the one trained on VGGSound."""
    narrow = functools.partial(Synchformer, width=24, depth=1)
    monkeypatch.setattr("core.model.checkpoints.build.Synchformer", narrow)
    shapes = {name: tuple(one.shape) for name, one in narrow().state_dict().items()}
    monkeypatch.setattr("core.model.checkpoints.checkpoint.expected_shapes", lambda _: shapes)
    path = tmp_path / "renamed.pt"
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    source = Source("https://example.org/a.pt", hash_file(path).md5, 1)
    known = replace(entry("vggsound"), sources=(source,))
    monkeypatch.setattr("core.model.store.catalog.CATALOG", (known,))
    return path


def _opened(choice: EngineChoice) -> SynchformerEngine:
    engine = open_engine(choice)
    assert isinstance(engine, SynchformerEngine)
    return engine


@pytest.mark.parametrize("is_imported", [False, True])
def test_a_published_model_is_known_under_any_name(published_file: Path, is_imported: bool) -> None:
    name = str(published_file)
    if is_imported:
        name = ModelStore(models_dir()).import_file(published_file, model_id="mine").id
    engine = _opened(EngineChoice(name))
    assert engine.audio_lead_s == 0.064
    assert engine.id == ("mine" if is_imported else "renamed.pt")
    assert "Synchformer, trained on VGGSound" in engine.name
    assert "64 ms early" in engine.name
    assert _opened(EngineChoice(name, legacy_alignment=False)).audio_lead_s == 0


def test_another_model_under_a_published_name_is_taken_for_what_it_is(
    published_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = entry("vggsound").id
    monkeypatch.setattr("core.model.store.catalog.CATALOG", (entry("vggsound"),))
    published_file.write_bytes(published_file.read_bytes() + b"\0")
    ModelStore(models_dir()).import_file(published_file, model_id=name)
    assert _opened(EngineChoice(name)).audio_lead_s == 0
    assert _opened(EngineChoice(str(published_file))).name.startswith("renamed.pt")
