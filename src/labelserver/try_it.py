"""Play one round of annotation with MONAI Label's own client, as 3D Slicer does: python try_it.py ADDRESS LABELS STEPS

LABELS is a folder with the right labels of each scan of the server, under the scan's name, as .nii.gz, and with
on_another_grid.nii.gz, which the server shall refuse; STEPS is how long it trains. What happened is printed as one line
of JSON. The annotations stay on the server.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException

from regseg.grid import Grid


def dice(one: sitk.Image, other: sitk.Image) -> float:
    """The mean over the structures of the first."""
    a, b = (sitk.GetArrayViewFromImage(labels) for labels in (one, other))
    return float(
        np.mean([2 * np.sum((a == n) & (b == n)) / (np.sum(a == n) + np.sum(b == n)) for n in np.unique(a)[1:]])
    )


def main(address: str, truths: Path, steps: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        client = MONAILabelClient(address, tmpdir=folder)
        info = client.info()
        (model,) = info["models"]
        said = {"models": list(info["models"]), "strategies": list(info["strategies"])}
        said["next"] = {name: client.next_sample(name, {"seed": 1})["id"] for name in info["strategies"]}

        def infer(name: str, **params) -> dict:
            file, _ = client.infer(model, name, params)
            found, truth = sitk.ReadImage(file), sitk.ReadImage(truths / f"{name}.nii.gz")
            return {"on the grid": Grid.of(found).matches(Grid.of(truth)), "dice": dice(truth, found)}

        first = said["next"]["active"]
        said["before"], said["aligned"] = infer(first), infer(first, align_to=said["next"]["random"])
        try:
            client.save_label(first, str(truths / "on_another_grid.nii.gz"), "final", {})
        except MONAILabelClientException as error:
            said["refused"] = str(error.msg)
        client.save_label(first, str(truths / f"{first}.nii.gz"), "final", {})
        client.save_label(first, str(truths / f"{first}.nii.gz"), "final", {})
        said["datastore"] = client.info()["datastore"]
        client.train_start(model, {"steps": steps})
        while (task := client.train_status())["status"] in ("SUBMITTED", "RUNNING"):
            time.sleep(0.5)
        said["train"], said["after"] = task["status"], infer(first)
        return said


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
