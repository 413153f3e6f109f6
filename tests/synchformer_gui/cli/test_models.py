import pytest

from core.model.store.catalog import CATALOG
from core.paths import models_dir
from synchformer_gui.cli.main import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path / "home"))


def test_all_published_models_are_listed(capsys):
    assert main(["models", "list"]) == 0

    out = capsys.readouterr().out
    assert all(entry.alias in out and entry.id in out for entry in CATALOG)
    assert str(models_dir()) in out
    assert "yes" not in out


def test_the_built_in_model_heads_the_list(capsys):
    main(["models", "list"])

    first = capsys.readouterr().out.splitlines()[1]
    assert first.startswith("builtin ")
    assert " always " in first
    assert "trained on generated clips" in first


def test_a_damaged_model_is_shown_not_hidden(capsys):
    (models_dir() / CATALOG[0].id).mkdir(parents=True)
    (models_dir() / "mine").mkdir()

    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[-1] for line in out.splitlines() if "mine" in line] == ["again"]
    assert " damaged " in next(line for line in out.splitlines() if "audioset " in line)
    assert main(["models", "verify"]) == 3
    assert len(capsys.readouterr().err.splitlines()) >= 2
    assert main(["models", "remove", "mine"]) == 0
    assert not (models_dir() / "mine").exists()


def test_verifying_nothing_says_so(capsys):
    assert main(["models", "verify"]) == 0
    assert "No model is installed" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["download", "verify", "remove"])
def test_an_unknown_model_is_named(capsys, command):
    assert main(["models", command, "nobody"]) == 3
    assert "nobody" in capsys.readouterr().err


def test_a_file_that_holds_no_weights_is_refused(tmp_path, capsys):
    (tmp_path / "weights.pt").write_text("nothing of the kind")

    assert main(["models", "import", str(tmp_path / "weights.pt")]) == 3
    assert "weights.pt" in capsys.readouterr().err
    assert main(["models", "list"]) == 0
    assert "yes" not in capsys.readouterr().out
