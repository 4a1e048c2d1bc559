"""One pair, and its files."""

import numpy as np
import pytest
import SimpleITK as sitk
from known import SHIFT, labels, landmarks, moving, through


@pytest.fixture(scope="session")
def truth() -> sitk.Transform:
    """Moves a point of the fixed image by `SHIFT`."""
    return sitk.TranslationTransform(3, SHIFT)


@pytest.fixture(scope="session")
def pair(truth) -> tuple[sitk.Image, sitk.Image]:
    """Fixed and moving."""
    return through(moving(), truth), moving()


@pytest.fixture(scope="session")
def files(tmp_path_factory, pair, truth):
    """A folder with all of it as files."""
    folder = tmp_path_factory.mktemp("files")
    for name, image in zip(("fixed.nii.gz", "moving.nii.gz"), pair, strict=True):
        sitk.WriteImage(image, folder / name)
    sitk.WriteImage(through(labels(), truth, sitk.sitkNearestNeighbor), folder / "fixed-labels.nii.gz")
    sitk.WriteImage(labels(), folder / "moving-labels.nii.gz")
    sitk.WriteTransform(truth, folder / "truth.tfm")
    sitk.WriteTransform(truth.GetInverse(), folder / "inverse.tfm")
    np.savetxt(folder / "points.csv", np.hstack(landmarks(truth)), delimiter=",", header="fixed, moving (mm; LPS)")
    return folder
