"""Transforms and images from files: read as they are, or named in one sentence."""

import re

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import readers


@pytest.fixture
def shift(tmp_path):
    """The image of a displacement field, in the file of ANTs' warp: 3 mm along x everywhere."""
    field = sitk.GetImageFromArray(np.full((4, 5, 6, 3), (3.0, 0.0, 0.0), np.float32), isVector=True)
    sitk.WriteImage(field, tmp_path / "1Warp.nii")
    return tmp_path / "1Warp.nii"


def test_the_image_of_a_field_is_a_transform_where_one_is_asked_for(shift):
    assert readers.read_transform(shift, fields=True).TransformPoint((1.0, 2.0, 3.0)) == pytest.approx((4, 2, 3))
    with pytest.raises(ValueError, match=r"1Warp.nii is an image, such as the warp of ANTs"):
        readers.read_transform(shift)


def test_half_a_field_is_no_field(shift):
    shift.write_bytes(shift.read_bytes()[:-40])
    with pytest.raises(ValueError, match="a part of the file is missing"):
        readers.read_transform(shift, fields=True)


def test_a_scan_is_no_transform(tmp_path):
    sitk.WriteImage(sitk.Image([4, 5, 6], sitk.sitkFloat32), tmp_path / "scan.nii.gz")
    with pytest.raises(ValueError, match=r"scan.nii.gz is an image of 1 number.* of 3 dimensions has 3, in mm"):
        readers.read_transform(tmp_path / "scan.nii.gz", fields=True)


def test_an_image_is_read_whole_or_named(tmp_path):
    image = sitk.GetImageFromArray(np.arange(120, dtype=np.int16).reshape(4, 5, 6))
    sitk.WriteImage(image, tmp_path / "scan.mha")
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(readers.read_image(tmp_path / "scan.mha")), sitk.GetArrayFromImage(image)
    )
    for path, why in {
        tmp_path: "is a folder. If it holds the slices of a DICOM series",
        tmp_path / "none.nii": "cannot be read as an image: there is no such file",
    }.items():
        with pytest.raises(readers.VolumeError, match=f"{re.escape(str(path))} {why}"):
            readers.read_image(path)
