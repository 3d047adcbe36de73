"""Downloads against a real server on loopback that misbehaves in every way we know."""

import hashlib
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mixscope.data.disk import need_room
from mixscope.data.download import fetch
from mixscope.errors import DataError

BODY = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
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


def good(body: bytes = BODY, *, cut: int | None = None, length: int | None = None) -> Answer:
    """A server that may cut the connection after `cut` bytes, or announce another length."""
    return lambda handler: send(handler, 200, body, cut=cut, length=length)


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
    expected = {"size": len(BODY), "sha256": SHA256, "pause": 0.0, "timeout": 5.0, "tries": 3}
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


def test_a_cut_download_starts_again_and_leaves_nothing_of_the_first_attempt(server, target):
    server.answers = [good(cut=60_000), good(cut=60_000), good()]
    get(server, target)
    assert is_there(target) and len(server.requests) == 3


def test_a_chunked_answer_that_is_cut_is_requested_again(server, target):
    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"1000\r\n" + BODY[:4096] + b"\r\n1000\r\n" + BODY[4096:5000])

    server.answers = [chunked, good()]
    get(server, target, size=None)
    assert is_there(target)


def test_a_connection_that_is_always_cut_ends_after_the_tries(server, target):
    server.answers = [good(cut=1_000)]
    with pytest.raises(DataError, match=r"the connection (ended|failed) after 1,000") as raised:
        get(server, target)
    assert len(server.requests) == 3 and "\n" not in str(raised.value)
    assert left(target) == []


def test_a_process_killed_in_the_middle_leaves_no_target(server, target, tmp_path):
    begun, go_on = threading.Event(), threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, BODY, cut=150_000)
        begun.set()
        go_on.wait(60)

    server.answers = [hang, good()]
    code = (
        "import sys; from pathlib import Path; from mixscope.data.download import fetch;"
        f"fetch(['{server.url()}'], Path(sys.argv[1]), size={len(BODY)}, sha256='{SHA256}',"
        "work=Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(target), str(tmp_path)])
    try:
        assert begun.wait(60)
        process.kill()
        process.wait()
    finally:
        go_on.set()
    assert left(target) == []
    get(server, target)
    assert is_there(target)


@pytest.mark.parametrize("length", [50_000, len(BODY) + 999, 10**15])
def test_a_length_other_than_the_expected_one_is_refused_before_reading(server, second, target, length):
    server.answers, second.answers = [good(length=length)], [good()]
    with pytest.raises(DataError, match=f"has a file of {length:,} bytes, expected 200,000"):
        get(server, target)
    fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, pause=0)
    assert is_there(target)


@pytest.mark.parametrize("length", ["9" * 5_000, "-5", "x", "1e9", "9" * 19])
def test_an_absurd_length_costs_nothing(server, second, target, length):
    def absurd(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, BODY, headers={"Content-Length": length}, length=-1)

    server.answers, second.answers = [absurd], [good()]
    fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, pause=0, tries=1)
    assert is_there(target)


def test_a_missing_length_is_enough(server, target):
    server.answers = [good(length=-1)]
    get(server, target)
    assert is_there(target)


def test_a_length_that_is_too_short_is_found_by_the_checksum_when_no_size_is_known(server, target):
    server.answers = [good(length=50_000)]
    with pytest.raises(DataError, match=f"expected sha256:{SHA256} but got"):
        get(server, target, size=None)
    assert left(target) == []


def test_a_file_longer_than_expected_is_refused_without_reading_to_its_end(server, target):
    server.answers = [good(BODY + bytes(10_000_000), length=-1)]
    with pytest.raises(DataError, match="more than the 200,000 bytes"):
        get(server, target)
    assert left(target) == []


def test_a_corrupt_file_is_thrown_away_and_the_mismatch_named(server, target):
    server.answers = [good(WRONG)]
    with pytest.raises(
        DataError, match=f"expected sha256:{SHA256} but got {hashlib.sha256(WRONG).hexdigest()}"
    ) as raised:
        get(server, target)
    assert left(target) == [] and len(server.requests) == 1 and "\n" not in str(raised.value)


def test_after_a_corrupt_mirror_the_next_one_is_read(server, second, target):
    server.answers, second.answers = [good(WRONG)], [good()]
    fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, pause=0)
    assert is_there(target)


def test_every_mirror_is_named_when_all_fail(server, second, target):
    server.answers, second.answers = [status(403)], [good(WRONG)]
    with pytest.raises(DataError) as raised:
        fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, pause=0)
    assert f"{server.url()}: answers 403" in str(raised.value)
    assert f"{second.url()}: SHA256 hash of downloaded file" in str(raised.value)


def test_redirects_are_followed(server, target):
    server.answers = [status(302, location="/moved"), good()]
    get(server, target)
    assert is_there(target) and [request["path"] for request in server.requests] == ["/file", "/moved"]


BROKEN = [
    *(
        "/file",
        "file:///etc/passwd",
        "ftp://127.0.0.1/file",
        "http://",
        "http://[::1",
        "http://a..b/",
        "//:99999/",
    ),
    *(
        "http://" + "a" * 300 + ".invalid/",
        "http://127.0.0.1:99999/",
        "http://xn--a/",
        "\\\\",
        "http://\x00/",
    ),
]


@pytest.mark.parametrize("to", BROKEN)
def test_a_redirect_to_a_broken_address_leads_to_the_next_mirror(server, second, target, to):
    server.answers, second.answers = [status(302, location=to)], [good()]
    with pytest.raises(DataError, match=r"images\.tar\.gz could not be downloaded") as raised:
        get(server, target, tries=1)
    assert left(target) == [] and "\n" not in str(raised.value)
    fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, pause=0, tries=1)
    assert is_there(target)


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
    assert is_there(target)


def drip(each: int, over: threading.Event) -> Answer:
    """`each` bytes every 0.05 s."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, BODY, cut=0)
        for at in range(0, len(BODY), each):
            handler.wfile.write(BODY[at : at + each])
            handler.wfile.flush()
            if over.wait(0.05):
                return

    return answer


def test_a_mirror_that_crawls_is_left_for_the_next(server, second, target):
    over = threading.Event()
    server.answers, second.answers = [drip(100, over)], [good()]
    try:
        fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, timeout=0.5)
    finally:
        over.set()
    assert is_there(target) and len(server.requests) == len(second.requests) == 1


def test_a_mirror_that_crawls_is_good_enough_when_no_other_has_the_file(server, second, target):
    over = threading.Event()
    server.answers, second.answers = [drip(4_000, over)], [status(404)]
    try:
        fetch([server.url(), second.url()], target, size=len(BODY), sha256=SHA256, timeout=0.3, slow=400_000)
    finally:
        over.set()
    assert is_there(target) and len(server.requests) == 2


def test_a_mirror_that_only_drips_is_given_up_and_its_speed_named(server, target):
    over = threading.Event()
    server.answers = [drip(1, over)]
    try:
        with pytest.raises(DataError, match=r"sent 0\.0 kB/s over \d+ s"):
            get(server, target, timeout=0.5)
    finally:
        over.set()
    assert left(target) == [] and len(server.requests) == 2


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
        fetch([url], target, sha256=SHA256)
    assert not target.parent.exists()


def test_too_little_space_is_found_before_the_first_byte_is_written(server, target):
    size = 10**14
    server.answers = [good(length=size)]
    with pytest.raises(DataError, match="are needed on this disk"):
        get(server, target, size=size)
    assert left(target) == []


def test_space_that_is_there_is_enough(tmp_path):
    need_room(tmp_path, 1)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_data(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        get(server, tmp_path / "file" / "below" / "images.zip")
