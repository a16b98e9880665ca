"""A file from a server that cuts, lies, is slow, busy or away: whole in the end, or a sentence."""

import hashlib
import socket
import time

import pytest

from helpers.loopback import answer, cut, elsewhere, instead, serving, silent
from nodules.base import downloads
from nodules.base.downloads import Patience, Unreachable
from nodules.base.files import UserError

CONTENT = bytes(range(256)) * 4000  # a megabyte
SUM = hashlib.md5(CONTENT).hexdigest()
QUICK = Patience(pause=0.001, longest=0.01, timeout=5)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as here:
        here.files["/scan"] = CONTENT
        yield here


def complaint(path):
    return "" if downloads.md5(path) == SUM else "its MD5 is another"


def fetch(server, folder, patience=QUICK, tell=lambda done, total: None):
    target = folder / "new" / "scan.zip"
    downloads.fetch(f"{server.url}/scan", target, complaint, patience, tell)
    return target


def beside(target):
    return [path.name for path in target.parent.iterdir() if path != target]


def test_a_file_arrives_whole_and_how_far_it_is_told(server, tmp_path):
    told = []
    target = fetch(server, tmp_path, tell=lambda *far: told.append(far))
    assert target.read_bytes() == CONTENT and not beside(target)
    assert told[0] == (0, len(CONTENT)) and told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert server.agents == {"luna16-nodules"} and server.busiest == 1


def test_a_cut_file_is_gone_on_with_and_no_byte_comes_twice(server, tmp_path):
    server.faults["/scan"] = [cut(300_000), cut(400_000)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == ["", "bytes=300000-", "bytes=700000-"]
    assert server.sent == len(CONTENT)


def test_many_cuts_do_not_end_it_as_long_as_something_comes(server, tmp_path):
    server.faults["/scan"] = [cut(40_000)] * 20
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_that_begins_anew_and_is_cut_each_time_is_given_up(server, tmp_path):
    server.ranges = False
    server.faults["/scan"] = [cut(300_000), *[cut(200_000), cut(250_000)] * 20]
    with pytest.raises(UserError, match=r"cut after 2\d0000 of 1024000 bytes"):
        fetch(server, tmp_path)
    assert len(server.asked) == 6


def test_a_server_that_cannot_go_on_begins_anew(server, tmp_path):
    server.ranges = False
    server.faults["/scan"] = [cut(300_000)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_file_of_untold_length_that_ends_early_is_fetched_anew(server, tmp_path):
    server.lengths = server.ranges = False
    server.faults["/scan"] = [cut(300_000)]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_that_goes_on_elsewhere_is_not_believed(server, tmp_path):
    server.faults["/scan"] = [cut(300_000), elsewhere]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_long_wait_is_told(server, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    server.faults["/scan"] = [answer(503, Retry_After="7"), answer(503)]
    fetch(server, tmp_path, Patience(pause=1))
    (told,) = caplog.messages
    assert "the server answers 503 (Service Unavailable); trying again in 7 s" in told


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloads.time, "sleep", pauses.append)
    server.faults["/scan"] = [answer(503, Retry_After="7"), answer(429), answer(500)]
    fetch(server, tmp_path, Patience(pause=2))
    assert pauses == [7, 4, 8]


def test_a_date_to_wait_for_is_understood(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloads.time, "sleep", pauses.append)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
    server.faults["/scan"] = [answer(503, Retry_After=date)]
    fetch(server, tmp_path, Patience(pause=2))
    assert len(pauses) == 1 and 80 < pauses[0] <= 90


def test_nobody_waits_for_days(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(downloads.time, "sleep", pauses.append)
    server.faults["/scan"] = [answer(503, Retry_After="999999")]
    fetch(server, tmp_path, Patience(longest=300))
    assert pauses == [300]


def test_what_is_refused_is_told_at_once(server, tmp_path):
    server.files["/scan"] = b""
    server.faults["/scan"] = [answer(403)]
    with pytest.raises(UserError, match=r"/scan: the server answers 403 \(Forbidden\)\. Start"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1


def test_a_server_that_stays_busy_is_given_up_and_gone_on_with_another_day(server, tmp_path):
    server.faults["/scan"] = [cut(300_000), *[answer(503)] * 6]
    with pytest.raises(UserError, match=r"503 .*what is there stays"):
        fetch(server, tmp_path)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["scan.zip.part"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=300000-"


def test_a_wrong_file_is_fetched_once_more(server, tmp_path):
    server.faults["/scan"] = [instead(CONTENT[:-1] + b"x")]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_file_that_stays_wrong_is_told_and_not_kept(server, tmp_path):
    server.files["/scan"] = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match=r"/scan: its MD5 is another\. Start again later"):
        fetch(server, tmp_path)
    assert not list((tmp_path / "new").iterdir()) and len(server.asked) == 2


def test_interrupted_it_goes_on_where_it_was(server, tmp_path):
    def interrupt(done, total):
        if done >= 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server, tmp_path, tell=interrupt)
    assert not (tmp_path / "new/scan.zip").exists()
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert int(server.asked[-1][1].removeprefix("bytes=").rstrip("-")) >= 500_000


def test_killed_before_the_last_step_nothing_is_fetched_again(server, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/scan.zip.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.sent == 0


def test_a_part_of_another_version_is_thrown_away(server, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/scan.zip.part").write_bytes(b"another" * 50_000)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_that_is_silent_is_asked_again(server, tmp_path):
    server.faults["/scan"] = [silent(0.6)]
    assert fetch(server, tmp_path, Patience(pause=0.001, timeout=0.2)).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_offline_is_told_soon_and_in_words(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    url = f"http://{address}/scan"
    with pytest.raises(Unreachable, match=rf"^{address}: cannot be reached \(.*refused\)\. Check"):
        downloads.fetch(url, tmp_path / "scan", complaint, QUICK)
    with pytest.raises(Unreachable):
        downloads.get_json(url, QUICK)


def test_an_unknown_name_reads_as_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(Unreachable, match=r"its name is not known: no network\?"):
        downloads.fetch("http://no.such.invalid/scan", tmp_path / "scan", complaint, QUICK)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "the server sent nothing"),
        (b"\n<html>Sorry</html>", "the server sent a web page"),
        (b"error\x1b[2J", r"the server sent something else \(it begins 'error\\x1b\[2J'"),
    ],
)
def test_what_is_no_json_is_named(server, sent, told):
    server.files["/record"] = sent
    with pytest.raises(UserError, match=rf"/record: {told}.*, but JSON was expected"):
        downloads.get_json(f"{server.url}/record", QUICK)


def test_json_of_a_busy_server(server):
    server.files["/record"] = b'{"files": []}'
    server.faults["/record"] = [answer(502), cut(3)]
    assert downloads.get_json(f"{server.url}/record", QUICK) == {"files": []}
