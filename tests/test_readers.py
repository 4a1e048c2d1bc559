"""Transforms and images from files: read as they are, or named in one sentence."""

import re
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from regseg import readers, volumes
from regseg.grid import Grid


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


MOVE = (3.0, -4.0, 5.0)  # mm, LPS


def field_of(move=MOVE) -> sitk.Image:
    """A displacement field that moves each point alike, turned against the patient's axes."""
    field = sitk.GetImageFromArray(np.full((7, 6, 5, 3), move, np.float32), isVector=True)
    field.SetSpacing((2.0, 2.0, 2.0))
    field.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    return field


def as_nifti(path: Path, shape: tuple[int, ...], code: int, name: str = "") -> Path:
    """The same number of mm at each voxel as another program writes them: in RAS, with what its header calls them."""
    values = np.broadcast_to(np.float32((-MOVE[0], -MOVE[1], MOVE[2])), (*shape, 3))
    image = nibabel.Nifti1Image(values, np.diag((2, 2, 2, 1)))
    image.header["intent_code"], image.header["intent_name"] = code, name
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["1Warp.nii.gz", "warp.nii", "warp.mha", "warp.nrrd", "grid.h5", "grid.tfm"])
@pytest.mark.parametrize("kind", [sitk.sitkVectorFloat32, sitk.sitkVectorFloat64])
def test_a_field_of_itk_is_read_from_each_file_that_ants_elastix_and_slicer_write(tmp_path, name, kind):
    field = sitk.Cast(field_of(), kind)
    if name.startswith("grid"):
        sitk.WriteTransform(sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64)), tmp_path / name)
    else:
        sitk.WriteImage(field, tmp_path / name)
    moved = readers.read_transform(tmp_path / name, fields=True).TransformPoint((4.0, -4.0, 4.0))
    assert moved == pytest.approx(np.add((4, -4, 4), MOVE))


def test_displacements_of_nifti_are_turned_from_ras(tmp_path):
    """Intent 1006, as Slicer writes them."""
    path = as_nifti(tmp_path / "slicer.nii.gz", (5, 6, 7, 1), 1006)
    moved = readers.read_transform(path, fields=True).TransformPoint((-4.0, -4.0, 4.0))
    assert moved == pytest.approx(np.add((-4, -4, 4), MOVE))


@pytest.mark.parametrize(
    ("shape", "code", "name", "why"),
    [
        ((5, 6, 7), 2006, "", "is a warp of three volumes, as FSL writes it.* Convert it to a warp of ITK"),
        ((5, 6, 7), 2007, "", "is a warp of three volumes, as FSL writes it"),
        ((5, 6, 7), 0, "", "is a warp of three volumes, as FSL writes it"),
        ((5, 6, 7, 1), 1007, "Mapping", "is a warp of SPM, which holds positions and no displacements. Convert it"),
        ((5, 6, 7, 1), 1007, "NREG_TRANS", "is a warp of NiftyReg, which counts to the right and to the front"),
        ((5, 6, 7, 1), 0, "", "is an image of 1 number.s. per voxel"),
    ],
)
def test_warps_that_count_otherwise_are_refused_by_name(tmp_path, shape, code, name, why):
    """ITK takes some of them for displacements in LPS."""
    with pytest.raises(ValueError, match=f"warp.nii.gz {why}"):
        readers.read_transform(as_nifti(tmp_path / "warp.nii.gz", shape, code, name), fields=True)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"kinds:", b"displacement field type:=modeling\nkinds:", "from the moving image to the fixed one, as Slicer"),
        (b"kinds:", b'space units: "um" "um" "um"\nkinds:', "lengths in another unit than mm"),
        (b"kinds:", b"measurement frame: (0,1,0) (1,0,0) (0,0,1)\nkinds:", "along the axes of the patient, LPS"),
        (b"left-posterior-superior", b"right-anterior-superior", "along the axes of the patient, LPS"),
    ],
)
def test_vectors_of_nrrd_that_itk_would_misread_are_refused(tmp_path, old, new, why):
    sitk.WriteImage(field_of(), tmp_path / "grid.nrrd")
    content = (tmp_path / "grid.nrrd").read_bytes()
    same = b"displacement field type:=resampling\nmeasurement frame: (1,0,0) (0,1,0) (0,0,1)\nkinds:"
    (tmp_path / "grid.nrrd").write_bytes(content.replace(b"kinds:", same, 1))
    assert readers.read_transform(tmp_path / "grid.nrrd", fields=True).TransformPoint((0.0,) * 3)[2] == 5
    (tmp_path / "grid.nrrd").write_bytes(content.replace(old, new, 1))
    with pytest.raises(ValueError, match=why):
        readers.read_transform(tmp_path / "grid.nrrd", fields=True)


def test_colours_are_no_displacements(tmp_path):
    sitk.WriteImage(sitk.Image([4, 5, 6], sitk.sitkVectorUInt8), tmp_path / "photo.mha")
    with pytest.raises(ValueError, match="photo.mha holds 3 whole numbers per voxel, such as colours"):
        readers.read_transform(tmp_path / "photo.mha", fields=True)


def test_a_transform_that_only_slicer_turns_round_is_refused_by_name(tmp_path):
    """Slicer writes such a class where a field leads from the moving image to the fixed one."""
    path = tmp_path / "grid.tfm"
    sitk.WriteTransform(sitk.DisplacementFieldTransform(sitk.Cast(field_of(), sitk.sitkVectorFloat64)), path)
    path.write_text(path.read_text().replace("Transform: Disp", "Transform: InverseDisp"))
    with pytest.raises(ValueError, match="grid.tfm holds an InverseDisplacementFieldTransform, which Slicer alone"):
        readers.read_transform(path)


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


# --- what a header says, held against the file


def small(spacing=(2.0, 2.0, 3.0)) -> sitk.Image:
    image = sitk.GetImageFromArray(np.arange(120, dtype=np.int16).reshape(4, 5, 6))
    image.SetSpacing(spacing)
    image.SetOrigin((7.0, 8.0, 9.0))
    return image


def nifti(path: Path, **numbers) -> Path:
    """The small image as NIfTI, with other numbers at some bytes of its header: f80=(0,) is a float at byte 80."""
    sitk.WriteImage(small(), str(path))
    content = bytearray(path.read_bytes())
    for place, values in numbers.items():
        struct.pack_into(f"<{len(values)}{place[0]}", content, int(place[1:]), *values)
    path.write_bytes(content)
    return path


TURNED = (0, -2, 0, 5, 2, 0, 0, 6, 0, 0, 3, 9)
WIDER = (-4, 0, 0, -7, 0, -4, 0, -8, 0, 0, 6, 9)


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ({"f80": (0,)}, "has voxels of the width 0 x 2 x 3, which cannot be"),
        ({"f80": (-2,)}, "has voxels of the width -2 x 2 x 3, which cannot be"),
        ({"f84": (np.nan,)}, "has voxels of the width 2 x nan x 3, which cannot be"),
        ({"f88": (np.inf,)}, "has voxels of the width 2 x 2 x inf, which cannot be"),
        ({"h252": (1, 1), "f280": WIDER}, "says two things about where it lies"),
        ({"h252": (1, 2), "f280": (*TURNED[:3], np.nan, *TURNED[4:])}, "says two things|cannot be read as an image"),
    ],
)
def test_a_nifti_file_says_one_place_or_is_refused(tmp_path, numbers, why):
    path = nifti(tmp_path / "scan.nii", **numbers)
    for read in readers.read_image, volumes.header:
        with pytest.raises(volumes.VolumeError, match=why):
            read(path)


@pytest.mark.parametrize("code", [1, 2, 4])
@pytest.mark.parametrize("other", [0, 1])
def test_the_place_of_a_nifti_file_is_its_sform_or_it_is_refused(tmp_path, code, other):
    """As nibabel has it: where ITK takes the qform, although the sform says something else, nothing is read."""
    path = nifti(tmp_path / "scan.nii", h252=(other, code), f280=TURNED)
    try:
        grid, _ = volumes.header(path)
    except volumes.VolumeError as error:
        assert "says two things about where it lies" in str(error)
        assert other
        return
    affine = nibabel.load(path).affine
    found = np.diag((-1, -1, 1, 1)) @ affine @ (3, 2, 1, 1)
    assert grid.points((3, 2, 1)) == pytest.approx(found[:3], abs=1e-4)


@pytest.mark.parametrize("values", ["-2 2 3", "0 2 3", "nan 2 3"])
def test_voxels_without_a_width_are_refused(tmp_path, values):
    sitk.WriteImage(small(), str(tmp_path / "scan.mha"))
    content = (tmp_path / "scan.mha").read_bytes()
    (tmp_path / "scan.mha").write_bytes(
        content.replace(b"ElementSpacing = 2 2 3", f"ElementSpacing = {values}".encode())
    )
    with pytest.raises(volumes.VolumeError, match="has voxels of the width .*, which cannot be: correct its header"):
        readers.read_image(tmp_path / "scan.mha")


@pytest.mark.parametrize(
    ("unit", "wanted"), [("um", 1e-3), ("microns", 1e-3), ("nm", 1e-6), ("mm", 1), ("m", 1000), ("", 1), (None, 1)]
)
def test_the_unit_of_an_nrrd_file_is_looked_at(tmp_path, unit, wanted):
    """ITK passes over it."""
    path = tmp_path / "scan.nrrd"
    sitk.WriteImage(small(), str(path))
    line = b"" if unit is None else b"space units: " + b" ".join([f'"{unit}"'.encode()] * 3) + b"\n"
    path.write_bytes(path.read_bytes().replace(b"endian:", line + b"endian:", 1))
    for grid in volumes.header(path)[0], Grid.of(readers.read_image(path)):
        assert grid.spacing == pytest.approx(np.multiply((2, 2, 3), wanted))
        assert grid.origin == pytest.approx(np.multiply((7, 8, 9), wanted))
    saved = volumes.save(path, tmp_path / "scan.zarr")
    assert saved.grid.spacing == pytest.approx(np.multiply((2, 2, 3), wanted))
    np.testing.assert_array_equal(saved.array[:], sitk.GetArrayFromImage(small()))


@pytest.mark.parametrize("units", ['"parsec" "parsec" "parsec"', '"mm" "mm" "um"'])
def test_a_unit_of_nrrd_that_is_no_length_here_is_named(tmp_path, units):
    path = tmp_path / "scan.nrrd"
    sitk.WriteImage(small(), str(path))
    path.write_bytes(path.read_bytes().replace(b"endian:", f"space units: {units}\nendian:".encode(), 1))
    with pytest.raises(volumes.VolumeError, match="has lengths in (parsec|mm, mm, um).*: write it in mm"):
        readers.read_image(path)


def test_mrc_counts_in_angstrom(tmp_path):
    sitk.WriteImage(small(), str(tmp_path / "scan.mrc"))
    assert volumes.header(tmp_path / "scan.mrc")[0].spacing == pytest.approx((2e-7, 2e-7, 3e-7))


@pytest.mark.parametrize("name", ["scan.img", "scan.hdr", "scan.gipl", "scan.mrc", "scan.vtk", "scan.tif", "scan.mhd"])
@pytest.mark.parametrize("part", [0.5, 0.99])
def test_half_of_a_file_of_any_kind_is_not_read(tmp_path, name, part):
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 1000, (20, 20, 20)).astype(np.int16))
    sitk.WriteImage(image, str(tmp_path / name))
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(readers.read_image(tmp_path / name)), sitk.GetArrayFromImage(image)
    )
    [data] = [file for file in tmp_path.iterdir() if file.stat().st_size > 8000]
    data.write_bytes(data.read_bytes()[: int(part * data.stat().st_size)])
    with pytest.raises(volumes.VolumeError, match="cannot be read as an image"):
        readers.read_image(tmp_path / name)


def test_frames_whose_places_nobody_has_compared_are_refused(tmp_path):
    """An enhanced CT with a tilted gantry: ITK reads its frames as a straight stack, and says nothing."""
    pydicom = pytest.importorskip("pydicom")
    frames = []
    for number in range(5):
        frame, place = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [1, 2 + 0.7 * number, 3 + 2 * number]
        frame.PlanePositionSequence = [place]
        frames.append(frame)
    shared, width, plane = (pydicom.Dataset() for _ in range(3))
    width.PixelSpacing, width.SliceThickness, plane.ImageOrientationPatient = [0.5, 0.5], 2, [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [width], [plane]
    scan = pydicom.Dataset()
    scan.file_meta = pydicom.dataset.FileMetaDataset()
    scan.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    scan.file_meta.MediaStorageSOPClassUID = scan.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    scan.file_meta.MediaStorageSOPInstanceUID = scan.SOPInstanceUID = "1.2.3"
    scan.Rows, scan.Columns, scan.NumberOfFrames, scan.SamplesPerPixel = 8, 10, 5, 1
    scan.PhotometricInterpretation, scan.BitsAllocated, scan.BitsStored, scan.HighBit = "MONOCHROME2", 16, 16, 15
    scan.PixelRepresentation, scan.PixelData = 1, np.arange(400, dtype="<i2").tobytes()
    scan.SharedFunctionalGroupsSequence, scan.PerFrameFunctionalGroupsSequence = [shared], frames
    scan.save_as(tmp_path / "scan.dcm", enforce_file_format=True)
    for source in tmp_path / "scan.dcm", tmp_path:
        with pytest.raises(volumes.VolumeError, match="scan.dcm is a DICOM file of 5 frames, which ITK stacks"):
            readers.read_image(source)
