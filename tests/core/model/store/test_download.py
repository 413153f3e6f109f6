import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from core.errors import Cancelled, CheckpointError
from core.model.store.catalog import Source
from core.model.store.download import SourceError, fetch
from core.progress import Progress

CONTENT = bytes(range(256)) * 8192  # 2 MiB
MD5 = hashlib.md5(CONTENT).hexdigest()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@dataclass
class Server:
    """Content of the local server, and its requests."""

    url: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    knows_ranges: bool = True
    names_length: bool = True
    status: int = 200
    redirects: dict[str, str] = field(default_factory=dict)
    """Target of the redirection of each path."""
    breaks_at: list[int] = field(default_factory=list)
    """Number of bytes before the response breaks off, per request."""
    ranges: list[str] = field(default_factory=list)

    def source(self, md5_prefix: str = MD5[:7]) -> Source:
        return Source(f"{self.url}/model.pt", md5_prefix, len(CONTENT))


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            server.ranges.append(asked)
            if self.path in server.redirects:
                self.send_response(302)
                self.send_header("Location", server.redirects[self.path])
                self.end_headers()
                return
            if server.status != 200:
                self.send_error(server.status)
                return
            first = int(re.findall(r"\d+", asked)[0]) if asked and server.knows_ranges else 0
            if self.headers.get("If-Range", server.etag) != server.etag:
                first = 0
            if first >= len(server.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.content)}")
                self.end_headers()
                return
            self.answer(first)

        def answer(self, first: int) -> None:
            n_total = len(server.content)
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{n_total - 1}/{n_total}")
            if server.names_length:
                self.send_header("Content-Length", str(n_total - first))
            if server.etag:
                self.send_header("ETag", server.etag)
            self.end_headers()
            end = server.breaks_at.pop(0) if server.breaks_at else n_total
            self.wfile.write(server.content[first:end])

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,0.0.0.0")
    state = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(state)) as running:
        state.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        running.shutdown()
        thread.join()


class CancelAfter:
    def __init__(self, n_bytes_mb: float) -> None:
        self.fraction = n_bytes_mb * 1e6 / len(CONTENT)
        self.reports: list[Progress] = []

    def report(self, progress: Progress) -> None:
        self.reports.append(progress)

    def check(self) -> None:
        if any((report.fraction or 0) > self.fraction for report in self.reports):
            raise Cancelled


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_arrives_complete_and_verified(server: Server, tmp_path: Path) -> None:
    monitor = CancelAfter(99)
    download, hashes = fetch(server.source(MD5), tmp_path / "new" / "folder", "run", monitor)
    assert download.path.read_bytes() == CONTENT
    assert hashes.md5 == MD5
    assert hashes.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert Progress("Downloading (2 of 2 MB)", 1.0) in monitor.reports
    download.discard()
    assert names_in(tmp_path / "new" / "folder") == []


def test_broken_connection_is_taken_up_again(server: Server, tmp_path: Path) -> None:
    server.breaks_at = [1_000_000, 1_500_000]
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT
    assert len(server.ranges) == 3
    assert server.ranges[0] == ""
    assert all(asked.startswith("bytes=") for asked in server.ranges[1:])


def test_cancelled_download_goes_on_in_the_next_run(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(server.source(), tmp_path, "run", CancelAfter(1))
    assert names_in(tmp_path) == [f"run.{MD5[:7]}.partial~", f"run.{MD5[:7]}.partial~.json"]
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT
    first = int(re.findall(r"\d+", server.ranges[1])[0])
    assert 900_000 < first < 1_200_000


def test_complete_download_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    fetch(server.source(), tmp_path, "run")
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT
    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda server: setattr(server, "knows_ranges", False),
        lambda server: setattr(server, "etag", '"two"'),
        lambda server: setattr(server, "etag", ""),
        lambda server: (setattr(server, "etag", 'W/"weak"'), setattr(server, "content", CONTENT)),
    ],
    ids=["no ranges", "changed", "no longer marked", "weakly marked"],
)
def test_server_that_cannot_go_on_is_asked_anew(
    server: Server, tmp_path: Path, change: Callable[[Server], None]
) -> None:
    with pytest.raises(Cancelled):
        fetch(server.source(), tmp_path, "run", CancelAfter(1))
    change(server)
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT


def test_partial_file_longer_than_the_whole_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT * 2
    with pytest.raises(Cancelled):
        fetch(server.source(), tmp_path, "run", CancelAfter(1.2))
    server.content = CONTENT
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT
    assert server.ranges[1].startswith("bytes=")
    assert server.ranges[2] == ""


def test_unreadable_notes_start_the_download_anew(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(server.source(), tmp_path, "run", CancelAfter(1))
    (tmp_path / f"run.{MD5[:7]}.partial~.json").write_text("{")
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT


def test_server_that_names_no_length_is_served(server: Server, tmp_path: Path) -> None:
    server.names_length = False
    download, _ = fetch(server.source(), tmp_path, "run")
    assert download.path.read_bytes() == CONTENT


def test_other_content_is_refused_and_deleted(server: Server, tmp_path: Path) -> None:
    server.content = b"<html>Please log in</html>"
    with pytest.raises(SourceError, match="not the published one"):
        fetch(server.source(), tmp_path, "run")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_refusing_server_is_named_with_its_answer(
    server: Server, tmp_path: Path, status: int
) -> None:
    server.status = status
    with pytest.raises(SourceError, match=rf"model\.pt could not .* {status}"):
        fetch(server.source(), tmp_path, "run")
    assert names_in(tmp_path) == []


def test_refusing_server_leaves_what_has_arrived(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch(server.source(), tmp_path, "run", CancelAfter(1))
    server.status = 503
    with pytest.raises(SourceError):
        fetch(server.source(), tmp_path, "run")
    assert (tmp_path / f"run.{MD5[:7]}.partial~").stat().st_size > 900_000


def test_connection_that_brings_nothing_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="connection failed"):
        fetch(Source("http://127.0.0.1:9/model.pt", MD5, 1), tmp_path, "run")


def test_unsafe_redirection_is_refused(server: Server, tmp_path: Path) -> None:
    elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")
    server.redirects = {"/model.pt": f"{elsewhere}/other.pt"}
    with pytest.raises(SourceError, match="not https"):
        fetch(server.source(), tmp_path, "run")
    assert names_in(tmp_path) == []


def test_unsafe_step_on_the_way_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = b"short"
    elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")
    server.redirects = {"/model.pt": f"{elsewhere}/step.pt", "/step.pt": f"{server.url}/end.pt"}
    with pytest.raises(SourceError, match="not https"):
        fetch(server.source(), tmp_path, "run")
    assert names_in(tmp_path) == []


def test_full_disk_is_noticed_before_the_download(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 2 * len(CONTENT) - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free, 0, free))
    with pytest.raises(CheckpointError, match="make room") as caught:
        fetch(server.source(), tmp_path, "run")
    assert not isinstance(caught.value, SourceError)
    assert names_in(tmp_path) == []


def test_folder_that_cannot_be_made_gets_a_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="cannot be kept"):
        fetch(server.source(), tmp_path / "file", "run")
