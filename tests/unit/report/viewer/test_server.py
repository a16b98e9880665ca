"""The server answers its own page alone, and keeps only readings of its scans."""

import http.client
import json
import socket
import struct
import threading
import time

import numpy as np
import pytest

from helpers import reader_pages
from nodules.base.files import UserError
from nodules.report.viewer import levels, server

CASE = reader_pages.example().case


@pytest.fixture
def running(tmp_path):
    """A desk with one scan, its server and the server's port."""
    desk = server.Desk(
        [server.Item(reader_pages.UID, "3 <findings>", reader_pages.example)], tmp_path / "readings"
    )
    with server.serve(desk) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield desk, http_server.server_address[1]
        http_server.shutdown()
        thread.join()


def ask(running, path, method="GET", body=None, **headers):
    """Status and content of an answer; {t} in the path is the token."""
    desk, port = running
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path.format(t=desk.token), body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_work_list_leads_to_a_page_and_its_voxels(running):
    status, listed = ask(running, "/{t}/")
    assert status == 200 and b'href="scan/0/"' in listed and b"not begun" in listed
    status, html = ask(running, "/{t}/scan/0/")
    assert status == 200 and b"connect-src 'self'" in html
    shown = reader_pages.example()
    status, piece = ask(running, "/{t}/scan/0/voxels/0")
    voxels = levels.FULL[np.frombuffer(piece, "<u2")].reshape(shown.voxels.shape)
    assert np.array_equal(voxels, np.clip(shown.voxels, levels.LOWEST, levels.HIGHEST))


ELSEWHERE = "/ /x/ /x/scan/0/ /{t} /{t}/scan/1/ /{t}/scan/-1/ /{t}/scan/0/voxels/99"
BEYOND = "/{t}/scan/x/readings /{t}/scan/0/../../etc /{t}/scan/0/prior/0 /{t}/scan/0/voxels/x"


@pytest.mark.parametrize("path", [*ELSEWHERE.split(), *BEYOND.split()])
def test_anything_else_is_not_there(running, path):
    assert ask(running, path)[0] == 404


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_another_page_is_not_answered(running, headers):
    assert ask(running, "/{t}/", **headers)[0] == 404


def test_a_reading_is_kept_and_found_again(running, tmp_path):
    reading = reader_pages.decided(reader="Dr <B>", case=CASE)
    text = json.dumps(reading)
    assert ask(running, "/{t}/scan/0/readings", "PUT", text)[0] == 200
    assert ask(running, "/{t}/scan/0/readings", "PUT", text)[0] == 200
    names = sorted(path.suffix for path in (tmp_path / "readings").iterdir())
    assert names == [".csv", ".json"]
    (told,) = json.loads(ask(running, "/{t}/scan/0/readings")[1])
    assert json.loads(told) == reading
    assert b"Dr &lt;B&gt;: finished" in ask(running, "/{t}/")[1]
    (table,) = (tmp_path / "readings").glob("*.csv")
    assert table.read_text().splitlines()[1] == f"{reader_pages.UID},1.0,2.0,3.0,1.0"


def test_the_list_tells_of_findings_once_a_first_read_is_over(running):
    def listed(**changes):
        reading = reader_pages.decided(**{"case": CASE, "finished": ""} | changes)
        (running[0].folder / "a.json").write_text(json.dumps(reading))
        return b"3 &lt;findings&gt;" in ask(running, "/{t}/")[1]

    running[0].folder.mkdir()
    ask(running, "/{t}/scan/0/")
    assert not listed(first_read_finished="")
    assert not listed(case="of earlier findings")
    assert listed()


def test_readings_of_earlier_findings_stay_and_hide_no_other(running, tmp_path):
    earlier, now = reader_pages.decided(), reader_pages.decided(reader="B", case=CASE)
    (tmp_path / "readings").mkdir()
    (tmp_path / "readings" / "a.json").write_text(json.dumps(earlier))
    assert ask(running, "/{t}/scan/0/readings", "PUT", json.dumps(now))[0] == 200
    told = json.loads(ask(running, "/{t}/scan/0/readings")[1])
    assert [json.loads(text) for text in told] == [now]
    listed = ask(running, "/{t}/")[1]
    assert b"B: finished, A: finished (of earlier findings)<" in listed


def test_a_reading_that_was_begun_anew_does_not_replace_the_kept_one(running, tmp_path):
    kept = json.dumps(reader_pages.decided(case=CASE))
    assert ask(running, "/{t}/scan/0/readings", "PUT", kept)[0] == 200
    other = json.dumps(reader_pages.decided(case=CASE, verdicts="", begun="later"))
    status, reason = ask(running, "/{t}/scan/0/readings", "PUT", other)
    assert status == 409 and b"another reading of A, begun b." in reason
    (path,) = (tmp_path / "readings").glob("*.json")
    assert path.read_text() == f"{kept}\n"
    path.write_text("{")
    status, reason = ask(running, "/{t}/scan/0/readings", "PUT", kept)
    assert status == 409 and b"holds something else" in reason and path.read_text() == "{"


OTHERS = [reader_pages.decided(uid="2.25.9"), reader_pages.decided(case="of earlier findings")]


@pytest.mark.parametrize("body", ["{", "null", *map(json.dumps, OTHERS)])
def test_what_is_no_reading_of_the_scan_is_refused_with_a_reason(running, tmp_path, body):
    status, reason = ask(running, "/{t}/scan/0/readings", "PUT", body)
    assert status == 422 and reason and not (tmp_path / "readings").exists()


LONG = "9" * 5000


@pytest.mark.parametrize("path", [f"/{{t}}/scan/{LONG}/", f"/{{t}}/scan/0/voxels/{LONG}"])
def test_a_number_without_end_is_not_there(running, path):
    assert ask(running, path)[0] == 404


def test_of_a_reading_without_the_token_nothing_is_read(running):
    assert ask(running, "/x/scan/0/readings", "PUT", b"", **{"Content-Length": LONG})[0] == 404
    length = {"Content-Length": LONG}
    assert ask(running, "/{t}/scan/0/readings", "PUT", b"", **length)[0] == 422


@pytest.mark.parametrize("content", [None, "[" * 100_000, b"\xff"])
def test_what_is_no_reading_in_the_folder_is_left(running, content):
    desk = running[0]
    place = desk.folder / "x.json"
    place.parent.mkdir()
    if content is None:
        place.mkdir()
    else:
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert ask(running, "/{t}/")[0] == 200
    assert ask(running, "/{t}/scan/0/readings")[1] == b"[]"


def test_a_defect_is_told_in_a_sentence(running, monkeypatch):
    monkeypatch.setattr(server.Desk, "worklist", lambda self: 1 / 0)
    status, told = ask(running, "/{t}/")
    assert status == 500
    assert told == b"The server failed unexpectedly (ZeroDivisionError). Please report it.\n"


def test_a_tab_that_is_closed_is_not_worth_a_word(running, capfd):
    with socket.create_connection(("127.0.0.1", running[1])) as tab:
        linger = struct.pack("ii", 1, 0)  # closed at once, as a tab that is gone
        tab.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        tab.sendall(b"GET /")
    assert ask(running, "/{t}/")[0] == 200
    time.sleep(0.2)
    assert capfd.readouterr().err == ""


def test_a_reading_without_its_length_is_refused(running):
    length = {"Content-Length": str(1 << 40)}
    assert ask(running, "/{t}/scan/0/readings", "PUT", b"", **length)[0] == 422


def test_a_port_in_use_is_a_sentence(running):
    with pytest.raises(UserError, match="--port"):
        server.serve(running[0], running[1])
