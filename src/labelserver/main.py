"""The annotation loop of `regseg.learn.annotation` as an app of MONAI Label: copy it, and put your own network in.

A folder of scans is all it needs. It keeps the annotations in `labels/final` there, and the weights that it trains in
`model/weights.safetensors`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from fastapi import HTTPException
from monailabel.datastore.local import LocalDatastore
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import DefaultLabelTag
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from regseg.learn import annotation, segment, train

LABELS = {name: label for label, name in enumerate(segment.NAMES) if label}


def read(uri: str) -> sitk.Image:
    """A scan of the folder."""
    if not Path(uri).is_file():
        raise HTTPException(404, "there is no such scan in the folder of this server")
    scan = sitk.ReadImage(uri, sitk.sitkFloat32)
    if scan.GetDimension() != 3:
        raise HTTPException(422, f"{Path(uri).name} is {scan.GetDimension()}-D, and the network wants 3-D scans")
    return scan


class Weights:
    """The network with the newest weights: those trained here, or else those that come with the course."""

    def __init__(self, file: Path):
        self.file, self.time, self.network = file, None, None

    def __call__(self) -> segment.UNet:
        newest = self.file.stat().st_mtime_ns if self.file.exists() else 0
        if newest != self.time:
            self.network = segment.load(self.file) if newest else segment.load()
            self.time = newest
        return self.network


class Segment(InferTask):
    """Labels a scan, on the scan's own grid."""

    def __init__(self, weights: Weights, studies: LocalDatastore):
        super().__init__(InferType.SEGMENTATION, LABELS, 3, "Parts of the brain", {"align_to": ""})
        self.weights, self.studies = weights, studies

    def is_valid(self) -> bool:
        return True

    def __call__(self, request: dict) -> tuple[str, dict]:
        began = time.perf_counter()
        align_to = request.get("align_to") or None
        reference = align_to and read(self.studies.get_image_uri(align_to))
        try:
            labels = annotation.segmented(read(request["image"]), self.weights(), reference)
        except (MemoryError, RuntimeError) as error:  # elastix and PyTorch tell their troubles so
            raise HTTPException(500, f"{error}".splitlines()[0]) from error
        with tempfile.NamedTemporaryFile(suffix=".nii.gz", delete=False) as file:  # the server sends it, and deletes it
            sitk.WriteImage(labels, file.name, useCompression=True)
        return file.name, {"label_names": LABELS, "latencies": {"total": round(time.perf_counter() - began, 2)}}


class Train(TrainTask):
    """Trains the network further, on all that is annotated; MONAI Label runs it in a process of its own."""

    def __init__(self, weights: Weights):
        super().__init__("Train a bit more")
        self.weights, self.losses = weights, []

    def config(self) -> dict:
        return {"steps": 60, "seed": 1}

    def __call__(self, request: dict, datastore: LocalDatastore) -> dict:
        network, request = self.weights(), self.config() | request
        annotated = [(read(each["image"]), sitk.ReadImage(each["label"])) for each in datastore.datalist()]
        losses = annotation.train_more(network, annotated, steps=int(request["steps"]), seed=int(request["seed"]))
        self.weights.file.parent.mkdir(exist_ok=True)
        train.save_weights(self.weights.file, network, scans=len(annotated), steps=len(losses), seed=request["seed"])
        return {"scans": len(annotated), "first_loss": losses[0], "last_loss": losses[-1]}


class Next(Strategy):
    """One of the strategies of `annotation`, among the scans that have no annotation yet."""

    def __init__(self, choose: annotation.Strategy, weights: Weights):
        super().__init__((choose.__doc__ or "").splitlines()[0])
        self.choose, self.weights = choose, weights

    def __call__(self, request: dict, datastore: LocalDatastore) -> dict | None:
        names = sorted(datastore.get_unlabeled_images())
        if not names:
            return None

        def predict(name: str) -> np.ndarray:
            return annotation.likely(read(datastore.get_image_uri(name)), self.weights())

        return {"id": self.choose(names, predict, np.random.default_rng(request.get("seed")))}


class Studies(LocalDatastore):
    """A folder of scans that takes no annotation on another grid, and loses none."""

    def __init__(self, folder: str):
        super().__init__(folder, extensions=["*.nii.gz", "*.nii", "*.nrrd"])
        self.folder = folder

    def save_label(self, image_id: str, label_filename: str, label_tag: str, label_info: dict) -> str:
        scan, tags = read(self.get_image_uri(image_id)), [tag.value for tag in DefaultLabelTag]
        if label_tag not in tags:
            raise HTTPException(422, f"the tag of an annotation is one of {', '.join(tags)}, and not {label_tag}")
        try:
            labels = sitk.ReadImage(label_filename)
            annotation.keep(labels, scan, Path(self.folder, "labels", label_tag, f"{image_id}.nii.gz"))
        except (OSError, RuntimeError, ValueError) as error:
            raise HTTPException(422, f"{error}".strip().splitlines()[-1]) from error
        self.refresh()
        self.update_label_info(image_id, label_tag, label_info)
        return image_id


class BrainApp(MONAILabelApp):
    """What MONAI Label looks for in this file."""

    def __init__(self, app_dir: str, studies: str, conf: dict):
        self.weights = Weights(Path(studies, "model", "weights.safetensors"))
        super().__init__(app_dir, studies, conf, "Align, annotate, learn", "The brain in six parts", labels=LABELS)

    def init_datastore(self) -> LocalDatastore:
        return Studies(self.studies)

    def init_infers(self) -> dict[str, InferTask]:
        return {"segment": Segment(self.weights, self._datastore)}

    def init_trainers(self) -> dict[str, TrainTask]:
        return {"segment": Train(self.weights)}

    def init_strategies(self) -> dict[str, Strategy]:
        return {name: Next(choose, self.weights) for name, choose in annotation.STRATEGIES.items()}
