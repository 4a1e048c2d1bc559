"""The client of a label server, against servers that fail in every way that a notebook may meet."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from regseg.label_server import LabelServer, LabelServerError

INFO = {"models": {"segment": {"labels": {"ventricles": 1}}}, "strategies": {"active": {}}}


@pytest.fixture
def serve():
    """Start a server that gives prepared answers to (method, path): a status and what stands in its body."""
    running = []

    def start(answers: dict) -> str:
        class Prepared(BaseHTTPRequestHandler):
            def answer(self) -> None:
                status, body = answers.get((self.command, self.path.partition("?")[0]), (404, {"detail": "Not Found"}))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if status is None:  # as a server that dies
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                """Nothing is written to the terminal."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Prepared)
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def label_server(serve):
    """A client, and the answers to come."""
    answers = {("GET", "/info/"): (200, INFO)}
    return LabelServer(serve(answers)), answers


def test_no_server_means_start_one():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LabelServerError, match="start it in a terminal with make label-server"):
        LabelServer(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("said", ["<html>a notebook</html>", "[]", {"name": "something else"}, {"models": {}}])
def test_another_program_on_the_port_is_told_from_a_label_server(serve, said):
    with pytest.raises(LabelServerError, match="another program has the port"):
        LabelServer(serve({("GET", "/info/"): (200, said)}))


def trained(status: str, *details: str) -> dict:
    return {("POST", "/train/segment"): (200, {}), ("GET", "/train/"): (200, {"status": status, "details": details})}


@pytest.mark.parametrize(
    ("last_lines", "said"),
    [
        (["  File ...", "ValueError: there is no annotation yet: annotate one"], "failed: there is no annotation yet"),
        (["numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB"], "its memory ran out"),
        (["RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"], "its memory ran out"),
        (["torch.OutOfMemoryError: CUDA out of memory. Tried to"], "its memory ran out"),
        (["training:  40%|##  | 4/10 [00:02<00:03]", "5/10 ["], "without a word, as it does when memory runs out"),
        ([], "without a word"),
    ],
)
def test_a_training_that_failed_says_why(label_server, last_lines, said):
    server, answers = label_server
    answers |= trained("ERROR", *last_lines)
    with pytest.raises(LabelServerError, match=said):
        server.train(progress=False)


def test_a_training_that_is_stopped_is_told(label_server):
    server, answers = label_server
    answers |= trained("STOPPED", "training: 1/10 [")
    with pytest.raises(LabelServerError, match="was stopped"):
        server.train(progress=False)


def test_a_second_training_has_to_wait(label_server):
    server, answers = label_server
    answers["POST", "/train/segment"] = (429, {"detail": "+++ Train Task is Already Running"})
    with pytest.raises(LabelServerError, match="trains already"):
        server.train(progress=False)


def test_a_training_tells_what_came_of_it(label_server):
    server, answers = label_server
    answers |= trained("DONE", "10/10 [", '[INFO] - Result: {"scans": 2, "first_loss": 1.5, "last_loss": 0.5}')
    assert server.train(progress=False) == {"scans": 2, "first_loss": 1.5, "last_loss": 0.5}


def test_a_server_that_dies_while_it_works_is_told_from_one_that_never_ran(label_server):
    server, answers = label_server
    answers["POST", "/infer/segment"] = (None, "")
    with pytest.raises(LabelServerError, match="its terminal says why it ended"):
        server.segment("scan_1")


def test_the_reason_of_a_refusal_is_passed_on(label_server):
    server, answers = label_server
    answers["POST", "/infer/segment"] = (422, {"detail": "scan_1.nii.gz is 2-D, and the network wants 3-D scans"})
    with pytest.raises(LabelServerError, match="the network wants 3-D scans"):
        server.segment("scan_1")


def test_memory_that_runs_out_while_a_scan_is_segmented_is_told(label_server):
    server, answers = label_server
    answers["POST", "/infer/segment"] = (500, {"detail": "[enforce fail] DefaultCPUAllocator: can't allocate memory"})
    with pytest.raises(LabelServerError, match="its memory ran out"):
        server.segment("scan_1")


def test_a_proxy_is_not_asked_for_this_computer(serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # where nobody listens
    assert LabelServer(serve({("GET", "/info/"): (200, INFO)})).label_names == {1: "ventricles"}
