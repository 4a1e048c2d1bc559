"""What `make course` starts, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import pytest
from site_lesson import write_lesson

from lessonkit import course, lab
from lessonkit.lesson import Lesson


@pytest.fixture
def lesson(tmp_path) -> Lesson:
    return Lesson(write_lesson(tmp_path / "a lesson"))


def start(lesson: Lesson, *options: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "lessonkit", "-C", str(lesson.root), "course", *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"} | environment
    # On Windows only a process in a group of its own can be sent Ctrl-Break.
    group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8", **group)


def addresses(process: subprocess.Popen) -> tuple[str, str, list[str]]:
    """The two addresses that the course prints, and the lines before them."""
    before = []
    for line in process.stdout:
        if "The lesson:" in line:
            return line.split()[-1], next(process.stdout).split()[-1], before
        before.append(line)
    raise AssertionError(f"the course stopped with {process.wait()} after {before}")


def stop(process: subprocess.Popen) -> int:
    process.send_signal(signal.SIGTERM)
    with process:  # closes its output too
        process.stdout.read()
    return process.returncode


def get(address: str, **headers: str) -> tuple[str, str]:
    with urlopen(Request(address, headers=headers), timeout=20) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to stop the course with")
def test_the_course_serves_both_keeps_a_learners_work_and_stops(lesson):
    process = start(lesson, "--no-browser")
    try:
        pages, lab, _ = addresses(process)
        assert "<h1>A small lesson of images</h1>" in get(pages)[0]
        assert "jupyter" in get(lab)[0].lower()
        host, token = lab.split("/lab?token=")
        listed = json.loads(get(f"{host}/api/contents", Authorization=f"token {token}")[0])["content"]
        assert sorted(file["name"] for file in listed) == ["01-images.ipynb", "02-transforms.ipynb"]
        with pytest.raises(HTTPError, match="403"):
            get(f"{host}/api/contents")
    finally:
        assert stop(process) == 0
    for address in (pages, host):
        with pytest.raises(URLError):
            get(address)

    # A learner answers in one notebook; an author changes both episodes.
    worked, other = (lesson.root / "notebooks" / name for name in ("01-images.ipynb", "02-transforms.ipynb"))
    mine = json.loads(worked.read_text(encoding="utf-8"))
    mine["cells"][-1]["source"] = "my own answer"
    worked.write_text(json.dumps(mine), encoding="utf-8")
    for page in lesson.episodes:
        page.path.write_text(page.text.replace("## Where", "## Just where"), encoding="utf-8")
    # The disk was full when Jupyter saved a third one.
    half = lesson.root / "notebooks" / "half.ipynb"
    half.write_text('{"cells": [', encoding="utf-8")
    # A browser that does nothing but write down what it was told to open, as the list of processes shows it.
    opened = lesson.root / "opened.txt"
    code = f"import sys; print(sys.argv[1], file=open({str(opened)!r}, 'a'))"
    process = start(lesson, DISPLAY=":0", REGSEG_NO_BROWSER="", BROWSER=f'"{sys.executable}" -c "{code}" %s')
    try:
        pages, notebooks, before = addresses(process)
        asked = wait_for(lambda: opened.exists() and len(lines := opened.read_text().split()) == 2 and lines)
        door = Path(unquote(urlsplit(asked[1]).path))
        assert asked[0] == pages and notebooks in door.read_text(encoding="utf-8")
        assert "token" not in asked[1] and stat.S_IMODE(door.stat().st_mode) == 0o600
    finally:
        assert stop(process) == 0
    assert not door.exists()
    for path in (worked, half):
        assert any(line.startswith("Kept with your changes") and path.name in line for line in before)
    assert json.loads(worked.read_text(encoding="utf-8")) == mine and half.read_text(encoding="utf-8") == '{"cells": ['
    assert "Just where" in other.read_text(encoding="utf-8")
    downloads = lesson.root / "build" / "site" / "notebooks"
    assert "my own answer" not in (downloads / worked.name).read_text(encoding="utf-8")


def wait_for(found: Callable[[], object], patience: float = 60.0) -> object:
    """What a function returns once that is true."""
    deadline = time.monotonic() + patience
    while not (something := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return something


def test_a_number_that_is_no_port_is_one_sentence(lesson):
    command = [sys.executable, "-m", "lessonkit", "-C", str(lesson.root), "course", "--no-browser", "--lab-port=99999"]
    command.append(f"--port={lab.free_port(0)}")  # the course itself may be running on the usual one
    done = subprocess.run(command, capture_output=True, text=True)
    said = "There is no port 99999: choose a number from 1024 to 65535, or leave it out\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_a_taken_port_is_replaced(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert lab.free_port(port) != port
        with course.website(tmp_path, port) as address:
            assert f":{port}/" not in address


def test_a_free_port_is_taken_as_asked():
    """Of ten ports: others on this computer may hold some of them, or take one in this very moment."""
    assert any(lab.free_port(port) == port for port in range(23450, 23460))


def test_the_server_names_types_hides_folders_and_answers_wrong_addresses(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.js", "a.wasm", "a.svg", "a.css", "index.html"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    (tmp_path / "404.html").write_text('<base href="/repo/">lost', encoding="utf-8")
    with course.website(tmp_path, 0) as address:
        types = {name: get(address + name)[1] for name in ("a.js", "a.wasm", "a.svg", "a.css")}
        for wrong in ("nothing/here.html", "sub/", "../../etc/passwd", "%00"):
            with pytest.raises(HTTPError) as error:
                get(address + wrong)
            assert error.value.code == 404
            assert error.value.read() == b'<base href="/">lost'
    assert types == {
        "a.js": "text/javascript",
        "a.wasm": "application/wasm",
        "a.svg": "image/svg+xml",
        "a.css": "text/css",
    }


def test_a_browser_opens_only_where_there_is_one(monkeypatch):
    monkeypatch.setattr(course.sys, "platform", "linux")
    for name in ("REGSEG_NO_BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not course.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert course.has_display()
    monkeypatch.setenv("REGSEG_NO_BROWSER", "1")
    assert not course.has_display()


def test_jupyterlab_opens_a_notebook_and_asks_the_network_nothing(browser, lesson):
    course.notebook.write(lesson)
    with lab.jupyterlab(lesson.root / "notebooks", 0) as (address, process), browser.new_context() as context:
        asked = []
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address.replace("/lab?", "/lab/tree/01-images.ipynb?"))
        page.locator(".jp-Notebook").wait_for(timeout=60_000)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
        host = address.split("/lab")[0]
        assert page.get_by_text("Would you like to").count() == 0
        assert [url for url in asked if not url.startswith((host, "data:", "blob:"))] == []
        assert [url for url in asked if "/lab/api/news" in url or "/lab/api/update" in url] == []
        token = address.split("token=")[1]
        assert json.loads(get(f"{host}/lab/api/news", Authorization=f"token {token}")[0])["news"] == []
    assert process.poll() is not None
