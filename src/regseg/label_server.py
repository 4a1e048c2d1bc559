"""A MONAI Label server, as a notebook talks to it: over HTTP, and without a package of MONAI Label.

    server = LabelServer()                # started in a terminal by `make label-server STUDIES=folder`
    name = server.next_scan("active")
    found = server.segment(name)          # labels on the grid of the scan
    server.submit(name, painter.labels)   # what a person made of them
    server.train()

Whatever goes wrong, one sentence says what to do.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import requests
import SimpleITK as sitk
from tqdm.auto import tqdm

from regseg.grid import Grid

_STEP = re.compile(r"(\d+)/\d+ \[")  # as the bar of the training writes it
_ERROR = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception): ?(?P<text>.*)")  # the last line of a traceback
_NO_MEMORY = re.compile(r"MemoryError|out of memory|allocate|bad_alloc", re.I)


class LabelServerError(RuntimeError):
    """The server cannot do it; the message says why, and what to do."""


class LabelServer:
    """A server of MONAI Label that runs the app in `src/labelserver`, or another one with one model.

    Parameters
    ----------
    address : str
        Where it listens.

    Attributes
    ----------
    model : str
        The name of what segments and is trained.
    label_names : dict of int to str
        The labels that it gives.

    Raises
    ------
    LabelServerError
        Nothing answers there, or something else than a label server.
    """

    def __init__(self, address: str = "http://127.0.0.1:8000") -> None:
        self.address = address.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy has no business with this computer
        models = self._info()["models"]
        self.model = next(iter(models))
        self.label_names = {int(label): name for name, label in models[self.model]["labels"].items()}

    def scans(self, annotated: bool | None = None) -> list[str]:
        """The names of the scans: all, or those that have an annotation already, or those that have none yet."""
        objects = self._ask("GET", "/datastore/", params={"output": "all"}).json()["objects"]
        return sorted(n for n, each in objects.items() if annotated is None or annotated == ("final" in each["labels"]))

    def scan(self, name: str) -> sitk.Image:
        """A scan of the server's folder."""
        return _image(self._ask("GET", "/datastore/image", name, params={"image": name}).content)

    def annotation(self, name: str) -> sitk.Image:
        """The annotation that the server has of a scan."""
        return _image(self._ask("GET", "/datastore/label", name, params={"label": name, "tag": "final"}).content)

    def next_scan(self, strategy: str, seed: int | None = None) -> str | None:
        """The name of the scan that should be annotated next; None when all of them are.

        Parameters
        ----------
        strategy : str
            One of the server's: "active", "random" or "foreground_random".
        seed : int, optional
            Of the lot; without it, another one each time.
        """
        known = self._info()["strategies"]
        if strategy not in known:
            raise LabelServerError(f'the server has no strategy "{strategy}": choose one of {", ".join(known)}')
        return self._ask("POST", f"/activelearning/{strategy}", json={"seed": seed}).json().get("id")

    def segment(self, name: str, align_to: str | None = None) -> sitk.Image:
        """The labels that the server's network gives to a scan, on the grid of the scan.

        `align_to` names another scan: elastix turns this one to it before it is segmented, and the labels come back.
        """
        form = {"params": (None, json.dumps({"align_to": align_to or ""}))}
        answer = self._ask("POST", f"/infer/{self.model}", name, params={"image": name, "output": "image"}, files=form)
        return _image(answer.content)

    def submit(self, name: str, labels: sitk.Image) -> None:
        """Hand in the annotation of a scan, and see that it arrived; an earlier one is kept by the server.

        Raises
        ------
        ValueError
            The labels lie on another grid than the scan. Nothing was sent.
        LabelServerError
            The server did not take it, or has something else now. The file of your painter still has what you painted.
        """
        if not Grid.of(labels).matches(Grid.of(self.scan(name))):
            raise ValueError(
                f"these labels lie on another grid than the scan {name}: carry them over with sitk.Resample(labels, "
                "scan, sitk.Transform(), sitk.sitkNearestNeighbor), and look whether they are in the right place"
            )
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "labels.nii.gz")
            sitk.WriteImage(labels, file, useCompression=True)
            form = {"label": (file.name, file.read_bytes()), "params": (None, "{}")}
        self._ask("PUT", "/datastore/label", name, params={"image": name, "tag": "final"}, files=form)
        if not np.array_equal(sitk.GetArrayFromImage(self.annotation(name)), sitk.GetArrayViewFromImage(labels)):
            raise LabelServerError(f"what the server has of {name} is not what was sent: submit it once more")

    def train(self, steps: int = 60, seed: int = 1, progress: bool = True) -> dict[str, float]:
        """Let the server train its network further on all annotations, and wait for it.

        Returns
        -------
        dict
            "scans", how many annotations it learned from, "first_loss" and "last_loss".

        Raises
        ------
        LabelServerError
            It trains already, or failed. The network is then what it was, and the annotations too.
        """
        self._ask("POST", f"/train/{self.model}", json={"steps": steps, "seed": seed})
        with tqdm(total=steps, desc="training", unit="step", disable=not progress, leave=False) as bar:
            # It is not "running" before its process has begun, so ask for the end, and not for the running.
            while (task := self._ask("GET", "/train/").json())["status"] in ("SUBMITTED", "RUNNING"):
                done = _STEP.findall(" ".join(task.get("details", [])))
                bar.update(int(done[-1]) - bar.n if done else 0)
                time.sleep(0.5)
        said = list(task.get("details", []))
        if task["status"] == "STOPPED":
            raise LabelServerError("the training was stopped; the network is what it was before")
        if task["status"] != "DONE":
            raise LabelServerError(f"the training failed: {_reason(said)}")
        return json.loads(next(line for line in reversed(said) if "Result: " in line).partition("Result: ")[2])

    def stop_training(self) -> None:
        """End a training; the network stays what it was before."""
        self._ask("DELETE", "/train/")

    def _info(self) -> dict[str, Any]:
        try:
            info = self._ask("GET", "/info/").json()
        except (LabelServerError, ValueError) as error:
            if isinstance(error.__cause__, requests.ConnectionError):
                raise
            info = None
        if not (isinstance(info, dict) and info.get("models")):
            raise LabelServerError(
                f"what answers at {self.address} is no label server: another program has the port. Start the server "
                'with make label-server PORT=8010, and say LabelServer("http://127.0.0.1:8010")'
            )
        return info

    def _ask(self, method: str, path: str, scan: str | None = None, **more: Any) -> requests.Response:
        """The server's answer, or one sentence."""
        try:
            answer = self._session.request(method, self.address + path, timeout=(5, 600), **more)
        except requests.ConnectionError as error:
            raise LabelServerError(
                f"no label server answers at {self.address}: start it in a terminal with make label-server "
                "STUDIES=folder. If it ran until now, its terminal says why it ended; all that was submitted is kept"
            ) from error
        except requests.Timeout as error:
            raise LabelServerError(
                f"the server at {self.address} is busy for ten minutes: look at its terminal"
            ) from error
        if answer.ok:
            return answer
        if answer.status_code == 404 and scan is not None:
            raise LabelServerError(f"the server has no {scan} of that kind; its scans are {', '.join(self.scans())}")
        if answer.status_code == 429:
            raise LabelServerError("the server trains already: wait for the end, or stop it with stop_training()")
        try:
            said = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            said = answer.text
        raise LabelServerError(_reason([said]))


def _reason(lines: list[str]) -> str:
    """What the last lines of a program that failed mean."""
    found = [match["text"] or line for line in lines if (match := _ERROR.match(line))]
    text = found[-1] if found else (lines[-1] if len(lines) == 1 else "")
    if _NO_MEMORY.search(" ".join(lines)):
        return "its memory ran out: close other programs, or take scans with larger voxels"
    return text or "its process ended without a word, as it does when memory runs out: look at the server's terminal"


def _image(content: bytes) -> sitk.Image:
    """The image in the bytes of a file."""
    ending = ".nii.gz" if content[:2] == b"\x1f\x8b" else ".nrrd" if content[:4] == b"NRRD" else ".nii"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"image{ending}")
        file.write_bytes(content)
        return sitk.ReadImage(file)
