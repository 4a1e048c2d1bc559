"""Files that SimpleITK reads, and some that it should not: they are read whole, or a sentence says why not."""

import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import volumes

VALUES = np.random.default_rng(0).random((20, 24, 28)).astype(np.float32)


def refused(path, why):
    for read in volumes.header, lambda path: volumes.save(path, path.parent / "copy.zarr"):
        with pytest.raises(volumes.VolumeError, match=why):
            read(path)
    assert not (path.parent / "copy.zarr").exists()


def test_a_folder_of_something_else_is_not_taken_for_an_image(tmp_path, capfd):
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "1.txt").write_text("no slice")
    refused(tmp_path / "series", "series is a folder, and no DICOM slices lie in it: give a file, or the folder of a")
    assert capfd.readouterr().err == ""


def test_what_is_not_there_is_said(tmp_path):
    refused(tmp_path / "no.mha", "no.mha cannot be read as an image: there is no such file")


def test_the_reason_of_itk_is_kept(tmp_path):
    """And not its addresses and places in its code."""
    affine = np.eye(4)
    affine[0, 1] = 0.01
    image = nibabel.Nifti1Image(VALUES.T, affine)
    image.set_sform(affine, 1)
    image.set_qform(None, 0)
    nibabel.save(image, tmp_path / "sheared.nii.gz")
    refused(tmp_path / "sheared.nii.gz", "sheared.nii.gz cannot be read as an image: ITK only supports orthonormal dir")
    (tmp_path / "notes.mha").write_text("not an image")
    refused(tmp_path / "notes.mha", "notes.mha cannot be read as an image: Unable to determine ImageIO reader")


def test_a_sheared_image_is_refused_wherever_it_comes_from(tmp_path):
    image = sitk.GetImageFromArray(VALUES)
    image.SetDirection((1, np.sin(0.4), 0, 0, np.cos(0.4), 0, 0, 0, 1))
    for name in "sheared.nrrd", "sheared.mha":
        sitk.WriteImage(image, tmp_path / name)
        refused(tmp_path / name, f"The axes of .*{name} are not perpendicular: resample it")
    with pytest.raises(volumes.VolumeError, match="The axes of this image are not perpendicular"):
        volumes.save(image, tmp_path / "sheared.zarr")


def test_a_series_in_time_is_no_volume(tmp_path):
    image = sitk.GetImageFromArray(VALUES)
    sitk.WriteImage(sitk.JoinSeries([image, image]), tmp_path / "film.nii.gz")
    refused(tmp_path / "film.nii.gz", "film.nii.gz has 4 dimensions: take one image of 2 or 3 out of it")


def test_voxels_must_be_real_numbers_and_the_file_is_named(tmp_path):
    image = sitk.GetImageFromArray(VALUES)
    sitk.WriteImage(sitk.RealAndImaginaryToComplex(image, image), tmp_path / "phase.mha")
    refused(tmp_path / "phase.mha", "A voxel of .*phase.mha holds several numbers|phase.mha are of type complex")
    section = sitk.Cast(image[:, :, 3] * 255, sitk.sitkUInt8)
    sitk.WriteImage(sitk.Compose([section] * 3), tmp_path / "section.png")
    refused(tmp_path / "section.png", "A voxel of .*section.png holds several numbers; save one component at a time")
    with pytest.raises(volumes.VolumeError, match="The voxels of this image are of type label"):
        volumes.save(sitk.Cast(sitk.Image([8, 8, 8], sitk.sitkUInt8), sitk.sitkLabelUInt8), tmp_path / "labels.zarr")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("part", [0.5, 0.99])
def test_half_a_file_is_not_read_as_zeros(tmp_path, name, part):
    sitk.WriteImage(sitk.GetImageFromArray(VALUES), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(part * len(content))])
    with pytest.raises(volumes.VolumeError, match=f"{name} cannot be read as an image") as found:
        volumes.save(tmp_path / name, tmp_path / "copy.zarr")
    assert "No such file" not in str(found.value)
    assert not (tmp_path / "copy.zarr").exists()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_whole_nifti_file_is_whole(tmp_path, order, ending):
    """In either byte order: only a cut one is refused."""
    path = tmp_path / f"a{ending}"
    header = nibabel.Nifti1Image.header_class(endianness=order)
    nibabel.save(nibabel.Nifti1Image(VALUES.T.astype(f"{order}f4"), np.eye(4), header), path)
    np.testing.assert_array_equal(volumes.save(path, tmp_path / "copy.zarr").array[:], VALUES)
    if ending == ".nii":
        assert struct.unpack_from(f"{order}i", path.read_bytes())[0] == 348
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(volumes.VolumeError, match="a part of the file is missing"):
            volumes.save(path, tmp_path / "copy.zarr")


def test_a_damaged_archive_is_said(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(VALUES), tmp_path / "a.nii.gz")
    content = bytearray((tmp_path / "a.nii.gz").read_bytes())
    content[20_000:20_100] = bytes(100)
    (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises(volumes.VolumeError, match="a.nii.gz cannot be read as an image"):
        volumes.save(tmp_path / "a.nii.gz", tmp_path / "copy.zarr")


# --- labels and masks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(32, 32, 32), (33, 31), (40, 20, 7)])
def test_levels_of_labels_hold_only_labels(tmp_path, size):
    values = np.random.default_rng(0).choice([1, 3, 200], size[::-1]).astype(np.uint8)
    volumes.save(sitk.GetImageFromArray(values), tmp_path / "labels.zarr", labels=True, coarsest=4)
    found = volumes.levels(tmp_path / "labels.zarr")
    assert len(found) > 2
    for level in found:
        assert set(np.unique(level.array[:])) <= {1, 3, 200}


def test_a_coarse_label_is_that_of_most_voxels(tmp_path):
    values = np.array([[7, 7, 2, 9], [7, 1, 9, 9]], np.uint16)
    volumes.save(sitk.GetImageFromArray(values), tmp_path / "labels.zarr", labels=True, coarsest=2)
    assert volumes.levels(tmp_path / "labels.zarr")[1].array[:].tolist() == [[7, 9]]


@pytest.mark.parametrize("value", [1, 255, 0.6, -3])
def test_a_thin_mask_is_not_lost(tmp_path, value):
    """Whatever its voxels hold: above 0.5 is inside."""
    values = np.zeros((48, 56, 64), np.float32)
    values[23] = value
    volumes.save_mask(sitk.GetImageFromArray(values), tmp_path / "mask.zarr")
    for level in volumes.levels(tmp_path / "mask.zarr"):
        inside = level.array[:]
        assert inside.dtype == np.uint8
        assert inside.max() == (value > 0.5)
        assert np.any(inside, axis=(1, 2)).sum() == (value > 0.5)
        read = volumes.read_level(sitk.GetImageFromArray(values), level.level, slab=16, mask=True)
        np.testing.assert_array_equal(read, inside)
