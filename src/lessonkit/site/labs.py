"""The labs: pages on which a reader registers and segments in the browser. Here are the images that they begin with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import SimpleITK as sitk

from lessonkit.page import LessonError, Page
from regseg import data
from regseg.grid import Grid
from regseg.synth import looks, pairs, warps

NETWORKS = Path(data.__file__).parents[1] / "learn" / "weights"
SLICE = 82  # of the template: it passes the ventricles


def write(pages: Iterable[Page], folder: Path) -> None:
    """Write the images of each lab that a page names in its front matter (`lab: register`) into a folder of the site.

    Raises
    ------
    LessonError
        A page names a lab that we do not have.
    """
    for page in pages:
        if lab := page.meta.get("lab"):
            if lab not in LABS:
                what = f"there is no lab '{lab}': write one of {', '.join(LABS)}, or take the line out"
                raise LessonError(what, page.file, page.line_of("lab"))
            LABS[lab](folder)


def _register(folder: Path) -> None:
    """Three pairs with a known truth: fixed and moving images, and points of both."""
    t1, t2, mask = (data.load(name)[:, :, SLICE] for name in ("brain_t1", "brain_t2", "brain_mask"))
    other = looks.bias(looks.grey_levels(t1, 1.2, 180), 0.08, seed=78)
    still = sitk.Transform(2, sitk.sitkIdentity)
    bend = warps.bspline(Grid.of(t1), 10, reach=10.0, mesh=(10, 10), still=3)
    known = [
        {
            "name": "contrasts",
            "title": "One slice, T1 and T2",
            "about": "A slice of the template (T1-weighted MR), and a synthetic T2 of the same slice. They lie on each "
            "other until you spoil it. Where one is bright the other is dark.",
            "kind": "rigid",
            "pair": pairs.make(t1, mask, still, seed=101, moving=t2, shrink=1),
        },
        {
            "name": "bent",
            "title": "One slice, bent",
            "about": "A slice of the template (T1-weighted MR), and the same slice as another scanner might show it. "
            "The fixed image is bent by a known deformation, which no rotation undoes.",
            "kind": "bspline",
            "pair": pairs.make(t1, mask, bend, seed=102, moving=other, shrink=1),
        },
        {
            "name": "heads",
            "title": "3-D, T1 and T2, 2 mm",
            "about": "The pair of heads of episode 04: the template (T1-weighted MR) and a synthetic T2, already "
            "turned and shifted against each other. You see three planes of the volume; elastix sees all of it.",
            "kind": "rigid",
            "pair": data.load_pair("pair_multimodal"),
        },
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for each in known:
        pair = each.pop("pair")
        for side in ("fixed", "moving"):
            each[side] = f"{each['name']}-{side}.nii.gz"
            sitk.WriteImage(_bytes(getattr(pair, side)), folder / each[side])
            each[f"{side}Points"] = getattr(pair, f"{side}_points").round(3).tolist()
    (folder / "pairs.json").write_text(json.dumps(known), encoding="utf-8")


def _segment(folder: Path) -> None:
    """A scan, and the network of the course where it is there as an ONNX file."""
    folder.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(data.load("brain_t1_2mm"), folder / "scan.nii.gz")
    given = {
        "scan": "scan.nii.gz",
        "about": "The lesson's scan: the template of a brain, T1-weighted MR.",
        "network": None,
    }
    for network in NETWORKS.glob("segment*.onnx"):
        given["network"] = shutil.copyfile(network, folder / network.name).name
    (folder / "segment.json").write_text(json.dumps(given), encoding="utf-8")


def _bytes(image: sitk.Image) -> sitk.Image:
    """The image in 256 grey levels: a smaller file."""
    top = float(sitk.GetArrayViewFromImage(image).max())
    return sitk.Cast(sitk.IntensityWindowing(image, 0.0, top), sitk.sitkUInt8)


LABS: dict[str, Callable[[Path], None]] = {"register": _register, "segment": _segment}
