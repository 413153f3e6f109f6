from core.paths import data_dir, log_dir, models_dir


def test_one_variable_moves_everything_the_application_keeps(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path))

    assert data_dir() == tmp_path
    assert models_dir() == tmp_path / "models"
    assert log_dir() == tmp_path / "logs"


def test_without_it_the_folders_of_the_system_are_used(monkeypatch):
    monkeypatch.delenv("SYNCHFORMER_HOME", raising=False)

    assert models_dir().is_absolute()
    assert "synchformer-gui" in str(log_dir())
