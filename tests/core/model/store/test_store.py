import functools
import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import Cancelled, CheckpointError
from core.model.checkpoints import checkpoint
from core.model.checkpoints.checkpoint import expected_shapes, read_checkpoint
from core.model.checkpoints.kind import CheckpointKind
from core.model.store.catalog import CatalogEntry, Source, entry
from core.model.store.store import ModelStore
from core.model.synchformer.synchformer import Synchformer
from core.progress import Progress


@pytest.fixture(autouse=True)
def narrow_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace the published network by one of 24 channels and one block per tower."""
    narrow = functools.partial(Synchformer, width=24, depth=1)
    monkeypatch.setattr(checkpoint, "Synchformer", narrow)
    expected_shapes.cache_clear()
    yield
    expected_shapes.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "home" / "models")


def write_file(path: Path, kind: CheckpointKind = CheckpointKind.SYNC, fill: float = 0.5) -> Path:
    torch.save({n: torch.full(s, fill) for n, s in expected_shapes(kind).items()}, path)
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder served on this computer, and its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def source_of(path: Path, url: str) -> Source:
    content = path.read_bytes()
    return Source(f"{url}/{path.name}", hashlib.md5(content).hexdigest()[:7], len(content))


def offered(*sources: Source) -> CatalogEntry:
    return replace(entry("audioset"), sources=sources)


def test_fresh_store_is_empty(store: ModelStore) -> None:
    assert store.installed() == ()
    assert not store.folder.exists()


def test_imported_file_is_listed_found_and_readable(store: ModelStore, tmp_path: Path) -> None:
    path = write_file(tmp_path / "My model (v2).pt", CheckpointKind.SYNCHABILITY)
    before = path.read_bytes()
    model = store.import_file(path)
    assert model.id == "My-model-v2"
    assert model.kind is CheckpointKind.SYNCHABILITY
    assert model.title == "My model (v2).pt"
    assert store.installed() == (model,)
    assert store.find("My-model-v2") == model
    assert read_checkpoint(model.weights_path).kind is CheckpointKind.SYNCHABILITY
    assert model.sha256 == hashlib.sha256(model.weights_path.read_bytes()).hexdigest()
    card = json.loads((model.folder / "model.json").read_text())
    assert card["source_sha256"] == hashlib.sha256(before).hexdigest()
    assert path.read_bytes() == before


def test_published_file_is_recognised_by_content(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path / "renamed.pt")
    known = offered(source_of(path, "https://example.org"))
    monkeypatch.setattr("core.model.store.catalog.CATALOG", (known,))
    model = store.import_file(path)
    assert (model.id, model.title) == (known.id, "Synchformer, trained on AudioSet")
    assert store.find("audioset") == model
    other = store.import_file(path, model_id="mine")
    assert (other.title, other.published_id) == (known.title, known.id)
    assert store.find("mine") == other


def test_a_file_of_no_published_model_is_none_under_whatever_name(
    store: ModelStore, tmp_path: Path
) -> None:
    name = entry("vggsound").id
    assert store.import_file(write_file(tmp_path / "a.pt"), model_id=name).published_id == ""


def test_a_model_whose_description_does_not_say_is_known_by_its_name(
    store: ModelStore, tmp_path: Path
) -> None:
    name = entry("vggsound").id
    model = store.import_file(write_file(tmp_path / "a.pt"), model_id=name)
    card = json.loads((model.folder / "model.json").read_text())
    del card["published_id"]
    (model.folder / "model.json").write_text(json.dumps(card))
    assert store.find(name).published_id == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("24-01-04T16-39-21.pt", "24-01-04T16-39-21-2"),
        ("audioset.pt", "audioset-2"),
        ("..pt", "model"),
        ("Ünïcode ✓.pt", "n-code"),
        (".hidden.pt", "hidden"),
        ("x" * 200 + ".pt", "x" * 58),
    ],
)
def test_name_is_made_from_that_of_the_file(
    store: ModelStore, tmp_path: Path, name: str, expected: str
) -> None:
    assert store.import_file(write_file(tmp_path / name)).id == expected


def test_second_file_of_the_same_name_gets_another_one(store: ModelStore, tmp_path: Path) -> None:
    path = write_file(tmp_path / "mine.pt")
    assert [store.import_file(path).id for _ in range(3)] == ["mine", "mine-2", "mine-3"]


@pytest.mark.parametrize("name", ["auto", "builtin", "classical"])
def test_a_word_that_stands_for_something_else_names_no_model(
    store: ModelStore, tmp_path: Path, name: str
) -> None:
    path = write_file(tmp_path / f"{name}.pt")
    with pytest.raises(CheckpointError, match="reserved name"):
        store.import_file(path, model_id=name)
    assert store.import_file(path).id == f"{name}-2"


def test_taken_name_is_refused(store: ModelStore, tmp_path: Path) -> None:
    path = write_file(tmp_path / "mine.pt")
    store.import_file(path, model_id="chosen")
    with pytest.raises(CheckpointError, match="chosen is installed already"):
        store.import_file(path, model_id="chosen")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc", ".x", "x.", "C:", "a b", "x" * 65, "a\n"]
)
def test_unsafe_name_is_refused_everywhere(store: ModelStore, tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path / "mine.pt")
    store.folder.mkdir(parents=True)
    with pytest.raises(CheckpointError, match="cannot be the name"):
        store.import_file(path, model_id=name)
    for use in (store.find, store.verify, store.remove):
        with pytest.raises(CheckpointError):
            use(name)
    assert path.exists()
    assert store.folder.exists()


def test_refused_file_leaves_nothing(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("not a model")
    with pytest.raises(CheckpointError, match=r"notes\.pt"):
        store.import_file(tmp_path / "notes.pt")
    assert not store.folder.exists()


def test_verification_finds_a_changed_byte(store: ModelStore, tmp_path: Path) -> None:
    model = store.import_file(write_file(tmp_path / "mine.pt"))
    store.verify("mine")
    content = bytearray(model.weights_path.read_bytes())
    content[-1] ^= 1
    model.weights_path.write_bytes(content)
    with pytest.raises(CheckpointError, match="mine have changed"):
        store.verify("mine")


def test_removed_model_is_gone_and_others_stay(store: ModelStore, tmp_path: Path) -> None:
    path = write_file(tmp_path / "mine.pt")
    store.import_file(path)
    other = store.import_file(path)
    store.remove("mine")
    assert store.installed() == (other,)
    assert [folder.name for folder in store.folder.iterdir()] == ["mine-2"]
    with pytest.raises(CheckpointError, match="No model called mine"):
        store.remove("mine")


@pytest.mark.parametrize("damage", ["no card", "no weights", "short", "not json", "old", "list"])
def test_damaged_model_is_left_out_with_a_warning_and_can_be_removed(
    store: ModelStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = write_file(tmp_path / "mine.pt")
    good = store.import_file(path, model_id="good")
    bad = store.import_file(path, model_id="bad")
    card = bad.folder / "model.json"
    match damage:
        case "no card":
            card.unlink()
        case "no weights":
            bad.weights_path.unlink()
        case "short":
            bad.weights_path.write_bytes(bad.weights_path.read_bytes()[:-1])
        case "not json":
            card.write_text("{")
        case "old":
            card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 0}))
        case "list":
            card.write_text("[]")
    with caplog.at_level(logging.WARNING):
        assert store.installed() == (good,)
    assert "bad" in caplog.text
    with pytest.raises(CheckpointError, match="bad"):
        store.find("bad")
    store.remove("bad")
    assert not bad.folder.exists()


def test_unknown_model_is_answered_with_what_there_is(store: ModelStore, tmp_path: Path) -> None:
    store.import_file(write_file(tmp_path / "mine.pt"))
    with pytest.raises(CheckpointError, match=r"installed: mine; .*audioset, vggsound"):
        store.find("other")
    with pytest.raises(CheckpointError, match=r"\(Synchformer, trained on LRS3.* not installed"):
        store.find("lrs3")


def test_download_installs_and_leaves_no_pickle(store: ModelStore, site: tuple[Path, str]) -> None:
    folder, url = site
    path = write_file(folder / "model.pt")
    model = store.download(offered(source_of(path, url)))
    assert model.id == "24-01-04T16-39-21"
    assert load_file(model.weights_path)["vproj.bias"][0] == 0.5
    assert list((store.folder / ".downloads").iterdir()) == []
    assert store.find("audioset") == model
    path.unlink()
    assert store.download(offered(source_of(model.weights_path, url))) == model


def test_failing_sources_fall_through_to_the_next(
    store: ModelStore, site: tuple[Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    folder, url = site
    good = write_file(folder / "good.pt")
    missing = replace(source_of(good, url), url=f"{url}/missing.pt")
    wrong = replace(source_of(good, url), md5_prefix="0000000")
    (folder / "text.pt").write_text("the published file, but of no use")
    useless = source_of(folder / "text.pt", url)
    with caplog.at_level(logging.WARNING):
        model = store.download(offered(missing, wrong, useless, source_of(good, url)))
    assert store.installed() == (model,)
    assert list((store.folder / ".downloads").iterdir()) == []
    assert all(word in caplog.text for word in ("404", "MD5", "not a file of model weights"))


def test_failure_of_every_source_is_told(store: ModelStore, site: tuple[Path, str]) -> None:
    url = site[1]
    sources = (Source(f"{url}/a.pt", "0000000", 1), Source(f"{url}/b.pt", "0000000", 1))
    with pytest.raises(CheckpointError, match="any of its 2 addresses") as caught:
        store.download(offered(*sources))
    assert "a.pt" in caught.value.details
    assert "b.pt" in caught.value.details
    assert store.installed() == ()


def test_damaged_model_is_replaced_by_a_download(store: ModelStore, site: tuple[Path, str]) -> None:
    folder, url = site
    source = source_of(write_file(folder / "model.pt"), url)
    (store.download(offered(source)).folder / "model.json").unlink()
    model = store.download(offered(source))
    assert store.installed() == (model,)


def test_cancelled_download_installs_nothing_and_goes_on_later(
    store: ModelStore, site: tuple[Path, str]
) -> None:
    class CancelsTheCheck:
        stage = ""

        def report(self, progress: Progress) -> None:
            self.stage = progress.stage

        def check(self) -> None:
            if self.stage == "Checking the file":
                raise Cancelled

    folder, url = site
    path = write_file(folder / "model.pt")
    known = offered(source_of(path, url))
    with pytest.raises(Cancelled):
        store.download(known, CancelsTheCheck())
    assert store.installed() == ()
    path.unlink()
    # The file is gone from the server; the completed download is used.
    assert store.download(known).id == known.id
