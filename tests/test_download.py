"""Downloads against a real server on loopback that misbehaves in every way we know."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mixscope.data.disk import need_room
from mixscope.data.download import fetch
from mixscope.errors import DataError

BODY = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()
WRONG = bytes(len(BODY))

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each request with the next of `answers`; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                try:
                    answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client had enough
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def url(self, path: str = "/file") -> str:
        return f"http://127.0.0.1:{self.http.server_port}{path}"

    def ranges(self) -> list[str | None]:
        return [request.get("range") for request in self.requests]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    cut: int | None = None,
    length: int | None = None,
) -> None:
    """Sends `body`, or only its first `cut` bytes, under a Content-Length that may be a lie (-1: none)."""
    handler.send_response(status)
    if length != -1:
        handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body[:cut])
    handler.wfile.flush()


def good(
    body: bytes = BODY,
    *,
    etag: str | None = None,
    cut: int | None = None,
    length: int | None = None,
    ranges: bool = True,
    if_range: bool = True,
) -> Answer:
    """A server that knows ranges and If-Range, and may cut the connection after `cut` bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        headers = {} if etag is None else {"ETag": etag}
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        condition = handler.headers.get("If-Range")
        if not ranges or wanted is None or (if_range and condition is not None and condition != etag):
            return send(handler, 200, body, headers=headers, cut=cut, length=length)
        first = int(wanted[1])
        if first >= len(body):
            return send(handler, 416, b"", headers={"Content-Range": f"bytes */{len(body)}"})
        headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        send(handler, 206, body[first:], headers=headers, cut=cut)

    return answer


def status(code: int, **headers: str) -> Answer:
    return lambda handler: send(handler, code, b"a page", headers={k.title(): v for k, v in headers.items()})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "images.tar.gz"


def get(server: Server, target: Path, **changes: object) -> Path:
    expected = {"size": len(BODY), "md5": MD5, "sha256": SHA256, "pause": 0.0, "timeout": 5.0, "tries": 3}
    return fetch([server.url()], target, **(expected | changes))


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def is_there(target: Path) -> bool:
    return target.read_bytes() == BODY and left(target) == [target.name]


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(server, target):
    server.answers = [good()]
    seen = []
    assert get(server, target, progress=lambda done, total: seen.append((done, total))) == target
    assert is_there(target)
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_complete_target_is_left_alone_without_asking_the_server(server, target):
    server.answers = [good()]
    get(server, target)
    written = target.stat().st_mtime_ns
    get(server, target)
    assert len(server.requests) == 1 and target.stat().st_mtime_ns == written


def test_a_damaged_target_is_replaced(server, target):
    server.answers = [good()]
    target.parent.mkdir()
    target.write_bytes(WRONG)
    get(server, target)
    assert is_there(target)


def test_a_damaged_target_stays_when_nothing_better_can_be_had(server, target):
    server.answers = [status(404)]
    target.parent.mkdir()
    target.write_bytes(WRONG)
    with pytest.raises(DataError, match="404"):
        get(server, target)
    assert target.read_bytes() == WRONG and left(target) == [target.name]


@pytest.mark.parametrize("etag", [None, '"v1"'])
def test_a_cut_download_goes_on_where_it_was_cut(server, target, etag):
    server.answers = [good(cut=60_000, etag=etag), good(cut=60_000, etag=etag), good(etag=etag)]
    get(server, target)
    assert is_there(target)
    assert server.ranges() == [None, "bytes=60000-", "bytes=120000-"]
    assert [request.get("if-range") for request in server.requests] == [None, etag, etag]


def test_a_chunked_answer_that_is_cut_is_taken_up_again(server, target):
    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"1000\r\n" + BODY[:4096] + b"\r\n1000\r\n" + BODY[4096:5000])

    server.answers = [chunked, good()]
    get(server, target, size=None)
    assert is_there(target)


def test_a_connection_that_is_always_cut_ends_after_the_tries_and_keeps_what_arrived(server, target):
    server.answers = [good(cut=1_000)]
    with pytest.raises(DataError, match=r"ended after 3,000 of 200,000 bytes") as raised:
        get(server, target)
    assert len(server.requests) == 3 and "\n" not in str(raised.value)
    assert left(target) == [target.name + ".part"]
    assert (target.parent / (target.name + ".part")).read_bytes() == BODY[:3_000]


def test_an_attempt_that_brings_much_is_not_counted(server, target):
    body = BODY * 20
    server.answers = [good(body, cut=1_100_000)]
    md5 = hashlib.md5(body).hexdigest()
    get(server, target, size=len(body), md5=md5, sha256=None, tries=1)
    assert target.read_bytes() == body and len(server.requests) == 4


def test_a_mirror_that_brings_the_same_again_and_again_is_given_up(server, target):
    body = BODY * 20
    far, near = good(body, cut=1_200_000, ranges=False), good(body, cut=1_000, ranges=False)
    server.answers = [far, near] * 20
    with pytest.raises(DataError, match="ended after 1,000 of 4,000,000 bytes"):
        get(server, target, size=len(body))
    assert len(server.requests) == 4


def test_a_later_call_takes_up_the_part_of_an_earlier_one(server, target):
    server.answers = [good(cut=150_000), status(404)]
    with pytest.raises(DataError, match="404"):
        get(server, target)
    server.answers = [good()]
    get(server, target)
    assert server.ranges()[-1] == "bytes=150000-" and is_there(target)


def test_a_process_killed_in_the_middle_leaves_no_target_and_the_next_one_goes_on(server, target):
    def hang(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, BODY, cut=150_000)
        time.sleep(1)

    server.answers = [hang, good()]
    code = (
        "import sys; from pathlib import Path; from mixscope.data.download import fetch;"
        f"fetch(['{server.url()}'], Path(sys.argv[1]), size={len(BODY)}, md5='{MD5}')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(target)])
    part = target.with_name(target.name + ".part")
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size >= 100_000):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not target.exists()
    arrived = part.stat().st_size
    get(server, target)
    assert is_there(target) and server.ranges()[-1] == f"bytes={arrived}-"


@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_server_that_ignores_ranges_is_read_from_the_start(server, target, size):
    server.answers = [good(cut=60_000), good(ranges=False)]
    get(server, target, size=size)
    assert is_there(target) and server.ranges() == [None, "bytes=60000-"]


def test_a_content_length_that_is_too_short_does_not_shorten_the_file(server, target):
    server.answers = [good(length=50_000), good()]
    get(server, target)
    assert is_there(target) and server.ranges() == [None, "bytes=50000-"]


@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_content_length_that_is_too_long_does_not_lose_the_file(server, target, size):
    server.answers = [good(length=len(BODY) + 999), good()]
    get(server, target, size=size)
    assert is_there(target)


def test_a_content_length_that_is_too_short_is_found_by_the_checksum_when_no_size_is_known(server, target):
    server.answers = [good(length=50_000)]
    with pytest.raises(DataError, match=f"its md5 is [0-9a-f]{{32}}, expected {MD5}"):
        get(server, target, size=None)
    assert left(target) == []


def test_a_missing_content_length_is_enough_when_the_size_is_known(server, target):
    server.answers = [good(length=-1, cut=10), good()]
    get(server, target)
    assert is_there(target)


def test_a_file_longer_than_expected_is_refused_without_reading_to_its_end(server, target):
    server.answers = [good(BODY + bytes(10_000_000))]
    with pytest.raises(DataError, match="more than the 200,000 bytes"):
        get(server, target)
    assert left(target) == []


def test_a_corrupt_file_is_thrown_away_and_the_mismatch_named(server, target):
    server.answers = [good(WRONG)]
    found = hashlib.md5(WRONG).hexdigest()
    with pytest.raises(DataError, match=f"its md5 is {found}, expected {MD5}"):
        get(server, target)
    assert left(target) == [] and len(server.requests) == 1


def test_our_sha256_is_checked_beside_the_published_md5(server, target):
    server.answers = [good()]
    with pytest.raises(DataError, match=f"its sha256 is {SHA256}, expected {'0' * 64}"):
        get(server, target, sha256="0" * 64)


def test_after_a_corrupt_mirror_the_next_one_is_read_from_its_start(server, second, target):
    server.answers, second.answers = [good(WRONG)], [good()]
    fetch([server.url(), second.url()], target, size=len(BODY), md5=MD5, pause=0)
    assert is_there(target) and second.ranges() == [None]


def test_every_mirror_is_named_when_all_fail(server, second, target):
    server.answers, second.answers = [status(403)], [good(WRONG)]
    with pytest.raises(DataError) as raised:
        fetch([server.url(), second.url()], target, size=len(BODY), md5=MD5, pause=0)
    assert f"{server.url()}: answers 403" in str(raised.value)
    assert f"{second.url()}: its md5 is" in str(raised.value)


def test_the_next_mirror_goes_on_with_what_the_first_brought(server, second, target):
    server.answers, second.answers = [good(cut=60_000), status(404)], [good()]
    fetch([server.url(), second.url()], target, size=len(BODY), md5=MD5, pause=0)
    assert is_there(target) and second.ranges() == ["bytes=60000-"]


def test_a_mirror_is_not_blamed_for_wrong_bytes_that_came_from_elsewhere(server, second, target):
    server.answers, second.answers = [good(WRONG, cut=60_000), status(404)], [good()]
    fetch([server.url(), second.url()], target, size=len(BODY), md5=MD5, pause=0)
    assert is_there(target) and second.ranges() == ["bytes=60000-", None]


def test_bytes_of_several_mirrors_are_blamed_on_none_of_them(server, second, target):
    server.answers, second.answers = (
        [good(cut=60_000), status(404), good()],
        [good(WRONG, cut=60_000), status(404)],
    )
    fetch([server.url(), second.url(), server.url()], target, size=len(BODY), md5=MD5, pause=0)
    assert is_there(target) and server.ranges() == [None, "bytes=60000-", "bytes=120000-", None]


def test_a_complete_part_with_wrong_bytes_is_downloaded_again(server, target):
    server.answers = [good()]
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(WRONG)
    get(server, target)
    assert is_there(target) and server.ranges() == [None]


def test_a_complete_part_needs_no_server(server, target):
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(BODY)
    get(server, target)
    assert is_there(target) and server.requests == []


def test_a_complete_part_of_unknown_size_is_recognised_by_the_answer_416(server, target):
    server.answers = [good()]
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(BODY)
    get(server, target, size=None)
    assert is_there(target) and server.ranges() == [f"bytes={len(BODY)}-"]


def test_a_part_longer_than_the_file_starts_over(server, target):
    server.answers = [good()]
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(BODY + b"more")
    get(server, target)
    assert is_there(target) and server.ranges() == [None]


def test_an_answer_416_in_the_middle_starts_over(server, target):
    server.answers = [good(cut=60_000), status(416), good()]
    get(server, target)
    assert is_there(target) and server.ranges() == [None, "bytes=60000-", None]


def test_an_answer_416_for_ever_ends(server, target):
    server.answers = [status(416)]
    with pytest.raises(DataError, match="416"):
        get(server, target)
    assert left(target) == []


@pytest.mark.parametrize("header", ["bytes 0-199999/200000", "bytes 59999-199999/200000", "nonsense", None])
def test_a_partial_answer_for_another_range_is_not_believed(server, target, header):
    headers = {} if header is None else {"Content-Range": header}
    server.answers = [
        good(cut=60_000),
        lambda handler: send(handler, 206, BODY[60_000:], headers=headers),
        good(),
    ]
    get(server, target)
    assert is_there(target) and server.ranges() == [None, "bytes=60000-", None]


def test_a_partial_answer_that_nobody_asked_for_is_refused(server, target):
    server.answers = [
        lambda handler: send(handler, 206, BODY, headers={"Content-Range": "bytes 0-199999/200000"})
    ]
    with pytest.raises(DataError, match="answers 206"):
        get(server, target)


def test_a_mirror_with_a_file_of_another_length_does_not_cost_what_arrived(server, second, target):
    server.answers, second.answers = [good(cut=60_000), status(404)], [good(BODY + b"x")]
    with pytest.raises(DataError, match="has a file of 200,001 bytes, expected 200,000"):
        fetch([server.url(), second.url()], target, size=len(BODY), md5=MD5, pause=0)
    assert target.with_name(target.name + ".part").read_bytes() == BODY[:60_000]


def test_the_page_of_a_gateway_does_not_cost_what_arrived(server, target):
    server.answers = [good(cut=60_000), status(200), good()]
    get(server, target)
    assert is_there(target) and server.ranges() == [None, "bytes=60000-", "bytes=60000-"]


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changes_on_the_server_starts_over(server, target, if_range):
    server.answers = [
        good(WRONG, etag='"old"', cut=60_000, if_range=if_range),
        good(etag='"new"', if_range=if_range),
    ]
    get(server, target, md5=None, sha256=None)
    assert is_there(target) and server.requests[1]["if-range"] == '"old"'


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_checksum_and_etag_nothing_is_taken_up(server, target, etag):
    server.answers = [good(WRONG, etag=etag, cut=60_000), good(etag=etag)]
    get(server, target, md5=None, sha256=None, size=None)
    assert is_there(target) and server.ranges() == [None, None]


def test_without_checksum_the_part_of_an_earlier_call_is_not_trusted(server, target):
    server.answers = [good()]
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(WRONG[:1000])
    get(server, target, md5=None, sha256=None)
    assert is_there(target) and server.ranges() == [None]


def test_redirects_are_followed_also_when_taking_up(server, target):
    server.answers = [
        status(302, location="/moved"),
        good(cut=60_000),
        status(301, location="/moved"),
        good(),
    ]
    get(server, target)
    assert is_there(target)
    assert [request["path"] for request in server.requests] == ["/file", "/moved", "/file", "/moved"]
    assert server.ranges()[-1] == "bytes=60000-"


@pytest.mark.parametrize("to", ["/file", "file:///etc/passwd", "ftp://127.0.0.1/file"])
def test_redirects_in_a_circle_or_out_of_the_web_are_refused(server, target, to):
    server.answers = [status(302, location=to)]
    with pytest.raises(DataError):
        get(server, target)
    assert left(target) == []


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_a_clear_no_is_not_asked_again(server, target, code):
    server.answers = [status(code)]
    with pytest.raises(DataError, match=f"answers {code}"):
        get(server, target)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_an_error_that_may_pass_is_asked_again(server, target, code):
    server.answers = [status(code), status(code), good()]
    get(server, target)
    assert is_there(target)


def test_pauses_between_tries_double(server, target, monkeypatch):
    pauses = []
    monkeypatch.setattr("mixscope.data.download.time.sleep", pauses.append)
    server.answers = [status(503)]
    with pytest.raises(DataError, match="503"):
        get(server, target, tries=4, pause=0.5)
    assert pauses == [0.5, 1.0, 2.0] and len(server.requests) == 4


def test_a_server_that_falls_silent_is_left_after_the_timeout(server, target):
    quiet = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, BODY, cut=1_000)
        quiet.wait(10)

    server.answers = [stall, good()]
    try:
        get(server, target, timeout=0.3)
    finally:
        quiet.set()
    assert is_there(target) and server.ranges() == [None, "bytes=1000-"]


def test_a_server_that_is_not_there_is_named(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    gone = Server()
    gone.close()
    with pytest.raises(DataError, match=f"{re.escape(gone.url())}: cannot be reached: .*refused"):
        get(gone, target)


def test_an_answer_that_is_no_http_is_an_error_of_the_mirror(server, target):
    server.answers = [lambda handler: handler.wfile.write(b"\x00\x01 what?\r\n\r\n") and None]
    with pytest.raises(DataError, match="cannot be reached"):
        get(server, target)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "images.zip", "data:,x"])
def test_only_web_addresses_are_taken(target, url):
    with pytest.raises(DataError, match="only http and https"):
        fetch([url], target)
    assert not target.parent.exists()


def test_too_little_room_is_found_before_the_first_byte_is_written(server, target):
    size = 10**17
    server.answers = [good(length=size)]
    with pytest.raises(DataError, match="are needed on this disk"):
        get(server, target, size=size)
    assert left(target) == []


def test_room_that_is_there_is_enough(tmp_path):
    need_room(tmp_path, 1)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_data(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        get(server, tmp_path / "file" / "below" / "images.zip")


def test_two_downloads_of_one_file_do_not_meet(server, target):
    waiting, go_on = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        waiting.set()
        go_on.wait(10)
        good()(handler)

    server.answers = [slow]
    first = threading.Thread(target=get, args=(server, target))
    first.start()
    assert waiting.wait(10)
    try:
        with pytest.raises(DataError, match="another process"):
            get(server, target)
    finally:
        go_on.set()
        first.join()
    assert is_there(target) and len(server.requests) == 1
