import logging
import subprocess
import sys
import textwrap

import pytest

from core.detection.cache.blob_store import BlobStore

KB = 1000


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "folder" / "kept.sqlite3", 10 * KB)


def names(store, candidates):
    return [name for name in candidates if store.read(name, ("",))]


def test_what_was_written_is_found_again_and_nothing_else(store):
    assert store.read("a", ("",)) == {}
    store.write("a", {"": b"one", "x": b"two"})
    assert store.read("a", ("", "x", "y")) == {"": b"one", "x": b"two"}
    assert store.read("b", ("",)) == {}
    store.forget("a")
    assert store.read("a", ("", "x")) == {}


def test_looking_makes_no_file(store):
    store.read("a", ("",))
    store.clear()
    store.shrink()
    assert store.usage().n_items == 0
    assert not store.path.parent.exists()


def test_what_was_not_used_for_longest_goes_first(store):
    for name in "abc":
        store.write(name, {"": bytes(3 * KB)})
    store.read("a", ("",))
    store.write("d", {"": bytes(3 * KB)})
    assert names(store, "abcd") == ["a", "c", "d"]


def test_the_parts_of_an_item_go_together(store):
    store.write("a", {"1": bytes(4 * KB)})
    store.write("a", {"2": bytes(4 * KB)})
    store.write("b", {"": bytes(4 * KB)})
    assert store.read("a", ("1", "2")) == {}
    assert names(store, "b") == ["b"]


def test_replacing_a_part_takes_no_more_room(store):
    for _ in range(20):
        store.write("a", {"": bytes(6 * KB)})
    store.write("b", {"": bytes(3 * KB)})
    assert names(store, "ab") == ["a", "b"]


def test_what_is_larger_than_the_limit_drives_nothing_out(store):
    store.write("a", {"": b"small"})
    store.write("b", {"": bytes(11 * KB)})
    store.write("c", {"1": bytes(3 * KB)})
    store.write("c", {"2": bytes(8 * KB)})
    assert names(store, "ab") == ["a"]
    assert list(store.read("c", ("1", "2"))) == ["1"]


def test_a_limit_of_nothing_keeps_and_finds_nothing(store):
    store.write("a", {"": b"one"})
    off = BlobStore(store.path, 0)
    off.write("b", {"": b"two"})
    assert names(off, "ab") == []
    assert names(store, "ab") == ["a"]


def test_a_lower_limit_gives_the_disk_its_space_back(store):
    large = BlobStore(store.path, 1000 * KB)
    for name in "abcd":
        large.write(name, {"": bytes(200 * KB)})
    assert large.usage().n_bytes > 800 * KB
    BlobStore(store.path, 300 * KB).shrink()
    assert names(large, "abcd") == ["d"]
    assert large.usage().n_bytes < 400 * KB


def test_clearing_gives_the_disk_its_space_back(store):
    large = BlobStore(store.path, 1000 * KB)
    large.write("a", {"": bytes(500 * KB)})
    large.clear()
    assert large.usage().n_items == 0
    assert large.usage().n_bytes < 50 * KB


@pytest.mark.parametrize("damage", ["no database", "torn"])
def test_a_damaged_file_is_set_aside_and_begun_anew(store, damage, caplog):
    large = BlobStore(store.path, 1000 * KB)
    large.write("a", {"": bytes(200 * KB)})
    content = bytearray(large.path.read_bytes())
    if damage == "torn":
        content[4096:150_000] = b"\xff" * (150_000 - 4096)
    else:
        content[:100] = b"not a database" * 7 + b".."
    large.path.write_bytes(content)

    with caplog.at_level(logging.WARNING):
        assert large.read("a", ("",)) == {}
    assert "is damaged" in caplog.text
    large.write("b", {"": b"new"})
    assert large.read("b", ("",)) == {"": b"new"}
    assert large.usage().n_bytes > 200 * KB
    large.clear()
    assert large.usage().n_bytes < 50 * KB


def test_a_place_that_cannot_be_used_holds_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    store = BlobStore(tmp_path / "file" / "kept.sqlite3", KB)
    store.write("a", {"": b"one"})
    assert store.read("a", ("",)) == {}
    assert "cannot be used" in caplog.text


def test_processes_write_at_once_and_lose_nothing(tmp_path):
    path = tmp_path / "kept.sqlite3"
    script = """
        import sys
        from pathlib import Path
        from core.detection.cache.blob_store import BlobStore
        store = BlobStore(Path(sys.argv[1]), 10_000_000)
        for n in range(40):
            store.write(f"{sys.argv[2]} {n}", {"": sys.argv[2].encode() * 1000})
            store.write("common", {f"{sys.argv[2]} {n}": b"x"})
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(path)]
    writers = [subprocess.Popen([*command, one], stderr=subprocess.PIPE) for one in "ab"]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, b"")

    store = BlobStore(path, 10_000_000)
    assert store.usage().n_items == 81
    assert all(store.read(f"{w} {n}", ("",))[""] == w.encode() * 1000
               for w in "ab" for n in range(40))  # fmt: skip
    assert len(store.read("common", [f"{w} {n}" for w in "ab" for n in range(40)])) == 80
