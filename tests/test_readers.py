"""Transforms and images from files: read as they are, or named in one sentence."""

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import readers, volumes


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
        tmp_path: "is a folder, and no DICOM slices lie in it",
        tmp_path / "none.nii": "cannot be read as an image: there is no such file",
    }.items():
        with pytest.raises(readers.VolumeError, match=f"{re.escape(str(path))} {why}"):
            readers.read_image(path)


TILT = np.radians(20)
SAGITTAL = "0\\1\\0\\0\\0\\-1"


def series(folder: Path, positions, orientation="1\\0\\0\\0\\1\\0", uid="1.2.3.4") -> Path:
    """A DICOM series of slices of 6 x 5 pixels, 0.5 mm wide, in file names that do not tell their order."""
    folder.mkdir(exist_ok=True)
    for number, position in enumerate(positions):
        image = sitk.GetImageFromArray(np.full((1, 5, 6), number, np.int16))
        image.SetSpacing((0.5, 0.5, 1))
        tags = {
            "0008|0060": "CT",
            "0020|000d": "1.2.3",
            "0020|000e": uid,
            "0008|0018": f"{uid}.{number + 1}",
            "0020|0032": "\\".join(f"{n:.6f}" for n in position),
            "0020|0037": orientation,
        }
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{uid}-{(7 * number) % 11}.dcm"))
        writer.Execute(image)
    return folder


def test_a_dicom_series_lies_where_its_slices_say(tmp_path):
    upwards = [(1.0, 2.0, 3.0 + 2.5 * n) for n in range(5)]
    image = readers.read_image(series(tmp_path / "axial", upwards))
    assert (image.GetSize(), image.GetSpacing()) == ((6, 5, 5), pytest.approx((0.5, 0.5, 2.5)))
    assert [image[0, 0, n] for n in range(5)] == [0, 1, 2, 3, 4]
    assert image.TransformIndexToPhysicalPoint((2, 1, 3)) == pytest.approx((2.0, 2.5, 10.5))
    to_the_left = [(1.0 + 2 * n, 2.0, 3.0) for n in range(4)]
    image = readers.read_image(series(tmp_path / "sagittal", to_the_left, SAGITTAL))
    place = image.TransformIndexToPhysicalPoint((2, 1, 1))
    assert image[2, 1, 1] == round((place[0] - 1) / 2)
    assert place[1:] == pytest.approx((3.0, 2.5))
    volume = volumes.save(tmp_path / "axial", tmp_path / "axial.zarr")
    assert volume.grid.points((2, 1, 3)) == pytest.approx((2.0, 2.5, 10.5))


@pytest.mark.parametrize(
    ("positions", "why"),
    [
        ([(0, 2 * n * np.sin(TILT), 2 * n * np.cos(TILT)) for n in range(6)], "gantry tilted by 20.0 degrees"),
        ([(0, 0, 2.0 * n) for n in (0, 1, 2, 4, 5)], "4 mm lie between slices 3 and 4, and 2 mm elsewhere"),
        ([(0, 0, 2.0 * n) for n in (0, 1, 1, 2)], "shows one place more than once"),
        ([(0, 0, 2.0 * n + 0.02 * n**2) for n in range(10)], "do not follow evenly"),
    ],
)
def test_slices_that_make_no_straight_stack_are_refused(tmp_path, positions, why):
    """SimpleITK reads each of them without a word, and puts slices where they were not."""
    for read in readers.read_image, volumes.header:
        with pytest.raises(readers.VolumeError, match=why):
            read(series(tmp_path / "series", positions))


def test_positions_are_rounded_and_not_tilted(tmp_path):
    positions = [(0.001 * (-1) ** n, 0, 0.6 * n) for n in range(8)]
    assert readers.read_image(series(tmp_path / "series", positions)).GetSpacing()[2] == pytest.approx(0.6, rel=0.01)


def test_a_folder_of_two_series_is_asked_for_one(tmp_path):
    straight = [(0, 0, 2.0 * n) for n in range(3)]
    series(tmp_path / "both", straight)
    series(tmp_path / "both", straight, uid="1.2.3.5")
    with pytest.raises(readers.VolumeError, match="both holds 2 DICOM series: put the slices of one into a folder"):
        readers.read_image(tmp_path / "both")


def test_slices_of_two_planes_are_no_stack(tmp_path):
    series(tmp_path / "both", [(0, 0, 2.0 * n) for n in range(3)])
    series(tmp_path / "more", [(2.0 * n, 0, 0) for n in range(3)], SAGITTAL)
    image = sitk.ReadImage(str(next((tmp_path / "more").iterdir())))
    for key in image.GetMetaDataKeys():
        if key == "0020|000e":
            image.SetMetaData(key, "1.2.3.4")
    sitk.WriteImage(image, str(tmp_path / "both" / "more.dcm"))
    with pytest.raises(readers.VolumeError, match="2 DICOM series|different planes"):
        readers.read_image(tmp_path / "both")
