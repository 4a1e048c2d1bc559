"""The embedded images are what their cards say, and are the same on every machine.

`python tests/data/test_data_images.py` writes the fingerprints anew after a deliberate change of a maker.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from regseg import data
from regseg.data import kinds, recipes
from regseg.data.cards import by_name
from regseg.grid import Grid

FINGERPRINTS = Path(__file__).with_name("data_fingerprints.json")
PAIRS = ("pair_rigid", "pair_multimodal", "pair_bspline", "pair_composite")
EMBEDDED = [name for name, card in by_name().items() if card.embedded]


def array(name: str) -> np.ndarray:
    return sitk.GetArrayFromImage(data.load(name))


def series(name: str) -> sitk.Image:
    return sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(data.path(name))))


def same_space(one: sitk.Image, other: sitk.Image) -> bool:
    return one.IsSameImageGeometryAs(other, 1e-9, 1e-9)


def fingerprint(name: str) -> dict[str, list[float]]:
    """A few numbers that any change of the image would move."""
    holds = data.card(name).holds
    if isinstance(holds, kinds.Pair):
        pair = data.load_pair(name)
        images = {"fixed": pair.fixed, "moving": pair.moving, "mask": pair.mask}
        print_ = {"points": [*pair.fixed_points.mean(axis=0), *pair.moving_points.mean(axis=0)]}
    else:
        images, print_ = {"image": series(name) if isinstance(holds, kinds.Series) else data.load(name)}, {}
    for part, image in images.items():
        values = sitk.GetArrayFromImage(image).astype(np.float64)
        along = [
            float(np.average(np.arange(n), weights=np.abs(values - values.min()).sum(axis=others)))
            for n, others in zip(values.shape, ((1, 2), (0, 2), (0, 1)), strict=True)
        ]
        print_[part] = [*image.GetSize(), *image.GetOrigin(), values.mean(), values.std(), *along]
    return {part: [round(float(value), 6) for value in numbers] for part, numbers in print_.items()}


@pytest.mark.parametrize("name", EMBEDDED)
def test_fingerprint(name):
    """Tolerance: 0.1 %, or 0.001 around zero, for other processors, compilers and thread counts."""
    expected = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))[name]
    found = fingerprint(name)
    assert found.keys() == expected.keys()
    for part in found:
        np.testing.assert_allclose(found[part], expected[part], rtol=1e-3, atol=1e-3, err_msg=f"{name}: {part}")


def test_one_thread_makes_the_same_image():
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        made = recipes.brain_flair(data.load("brain_mask"))
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(made), array("brain_flair"))


def test_template_keeps_its_geometry():
    t1 = data.load("brain_t1")
    assert t1.GetSize() == (197, 233, 189)
    assert t1.GetDirection() == (-1, 0, 0, 0, -1, 0, 0, 0, 1)
    assert t1.GetOrigin() == (98, 134, -72)
    family = ("mask", "labels", "t2", "flair")
    assert all(same_space(t1, data.load(f"brain_{member}")) for member in family)
    assert same_space(t1, data.load("head_ct")) and same_space(t1, data.load("lesion_labels"))


def test_left_and_right_differ_only_where_the_cards_say_so():
    t1, lesions = array("brain_t1"), array("lesion_labels") > 0
    np.testing.assert_array_equal(t1, t1[:, :, ::-1])
    assert (lesions & lesions[:, :, ::-1]).sum() < 0.1 * lesions.sum()


def test_labels_fill_the_mask_and_follow_the_intensities():
    labels, mask, t1 = array("brain_labels"), array("brain_mask"), array("brain_t1")
    np.testing.assert_array_equal(labels > 0, mask > 0)
    csf, grey, white = (t1[labels == k].mean() for k in (1, 2, 3))
    assert csf < grey - 20 and grey < white - 20


def test_synthetic_contrasts_order_the_tissues():
    labels = array("brain_labels")
    deep = sitk.GetArrayFromImage(sitk.BinaryErode(data.load("brain_mask"), [12] * 3)) > 0
    t2, flair = ([array(name)[(labels == k) & deep].mean() for k in (1, 2, 3)] for name in ("brain_t2", "brain_flair"))
    assert t2[0] > t2[1] > t2[2]  # CSF brightest
    assert flair[1] > flair[2] > flair[0]  # CSF dark, grey a little above white


def test_head_ct_has_the_hounsfield_values_of_its_tissues():
    ct, labels, mask = array("head_ct"), array("brain_labels"), array("brain_mask")
    for label, expected in ((2, 37), (3, 30)):
        assert abs(np.median(ct[labels == label]) - expected) < 4
    assert ct.min() >= -1024 and abs(np.median(ct[:, :5]) + 1000) < 3  # air in front of the head
    bone = ct > 300
    assert not (bone & (mask > 0)).any() and bone.sum() > 200_000
    # Every axial ray leaves the skull: in the middle slice bone closes round the brain.
    closed = sitk.BinaryFillhole(sitk.GetImageFromArray(bone[100].astype(np.uint8)))
    assert (sitk.GetArrayFromImage(closed)[mask[100] > 0] > 0).all()


def test_half_resolution_and_thick_slices_are_means():
    t1 = array("brain_t1").astype(float)
    padded = np.pad(t1, [(12, 4), (0, 0), (0, 0)])
    np.testing.assert_allclose(array("brain_thick"), padded.reshape(41, 5, 233, 197).mean(axis=1), atol=0.51)
    blocks = t1[:188, :232, :196].reshape(94, 2, 116, 2, 98, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(array("brain_t1_2mm"), blocks, atol=0.51)
    assert data.load("brain_thick").GetOrigin() == (98, 134, -82)
    assert data.load("brain_t1_2mm").GetOrigin() == (97.5, 133.5, -71.5)


def test_oblique_brain_is_whole_and_in_the_same_place():
    oblique, t1 = data.load("brain_oblique"), data.load("brain_t1")
    rotation = np.array(oblique.GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    angle = np.degrees(np.arccos((np.trace(rotation) - 1) / 2))
    assert 20 < angle < 25
    values = sitk.GetArrayFromImage(oblique)
    assert not any(values.take(end, axis=axis).any() for axis in range(3) for end in (0, -1))
    back = sitk.GetArrayFromImage(sitk.Resample(oblique, t1)).ravel()
    assert np.corrcoef(back, sitk.GetArrayFromImage(t1).ravel())[0, 1] > 0.99


def test_lesions_are_bright_and_in_white_matter():
    labels, flair, clean = array("lesion_labels"), array("lesion_flair"), array("brain_flair")
    sizes = np.bincount(labels.ravel())[1:]
    assert len(sizes) == 8 and sizes.min() > 100 and sizes.argmax() == 0
    tissue = array("brain_labels")[labels > 0]
    assert (tissue == 3).mean() > 0.9
    for lesion in range(1, 9):
        assert flair[labels == lesion].mean() > 1.3 * clean[labels == lesion].mean()


def test_under_the_shading_one_tissue_is_even_and_the_lesions_are_bright():
    flair, field, lesions = array("shaded_flair"), array("shaded_field"), array("shaded_labels") > 0
    white = (array("brain_labels") == 3) & ~lesions
    assert np.percentile(field[white], 98) > 1.6 * np.percentile(field[white], 2)
    behind = flair / np.maximum(field, 0.1)
    means = [behind[part & white].mean() for part in (field < 0.8, (field > 0.9) & (field < 1.1), field > 1.2)]
    assert np.ptp(means) < 0.03 * np.mean(means)
    assert behind[lesions].mean() > 1.4 * np.mean(means)


def test_two_of_the_shaded_lesions_touch_at_an_edge_only():
    labels = data.load("shaded_labels")
    pieces = [sitk.GetArrayFromImage(sitk.ConnectedComponent(labels > 0, corners)).max() for corners in (False, True)]
    assert pieces == [8, 7]


def test_raters_err_each_in_their_own_way():
    labels, truth = array("shaded_labels"), array("rater_truth") > 0
    np.testing.assert_array_equal(truth, labels > 0)
    drawn = {k: array(f"rater_{k}") > 0 for k in range(1, 6)}
    volume = {k: drawn[k].sum() / truth.sum() for k in drawn}
    dice = {k: 2 * (drawn[k] & truth).sum() / (drawn[k].sum() + truth.sum()) for k in drawn}
    assert volume[1] > 1.3 and volume[2] < 0.75  # generous and strict
    assert all(0.6 < value < 0.95 for value in dice.values())
    shift = np.argwhere(drawn[3]).mean(axis=0) - np.argwhere(truth).mean(axis=0)  # voxels z, y, x
    np.testing.assert_allclose(shift * [1, -1, -1], [0.8, -1.2, 1.6], atol=0.5)  # S, P, L in mm
    assert not drawn[5][labels == 3].any() and all(drawn[5][labels == k].any() for k in (1, 2, 4, 5, 6, 7, 8))


@pytest.mark.parametrize("name", PAIRS)
def test_pair_points_follow_the_truth(name):
    pair = data.load_pair(name)
    assert pair.fixed_points.shape == pair.moving_points.shape == (200, 3)
    mapped = np.array([pair.transform.TransformPoint(point) for point in pair.fixed_points])
    np.testing.assert_allclose(mapped, pair.moving_points, atol=1e-8)
    indices = [pair.mask.TransformPhysicalPointToIndex(point) for point in pair.fixed_points]
    assert all(pair.mask[index] == 1 for index in indices)
    apart = np.linalg.norm(pair.fixed_points[:, None] - pair.fixed_points, axis=2) + 1e3 * np.eye(200)
    assert apart.min() > 6  # mm: they are spread over the brain
    assert np.linalg.norm(pair.fixed_points - pair.moving_points, axis=1).mean() > 2


@pytest.mark.parametrize("name", PAIRS)
def test_truth_aligns_the_images_and_its_inverse_does_not(name):
    pair = data.load_pair(name)
    mask = sitk.GetArrayFromImage(pair.mask) > 0
    fixed = sitk.GetArrayFromImage(pair.fixed)[mask]

    def similarity(points_moved_by: sitk.Transform) -> float:
        moved = sitk.GetArrayFromImage(sitk.Resample(pair.moving, pair.fixed, points_moved_by, sitk.sitkLinear, 0.0))
        return abs(np.corrcoef(fixed, moved[mask])[0, 1])

    assert similarity(pair.transform) > (0.7 if name == "pair_multimodal" else 0.95)
    assert similarity(sitk.Transform(3, sitk.sitkIdentity)) < 0.8
    assert similarity(inverse(pair)) < 0.6


def inverse(pair: data.Pair) -> sitk.Transform:
    if pair.transform.IsLinear():
        return pair.transform.GetInverse()
    field = Grid.of(pair.fixed).sample(pair.transform)
    return sitk.DisplacementFieldTransform(sitk.InvertDisplacementField(field, maximumNumberOfIterations=20))


@pytest.mark.parametrize("name", PAIRS)
def test_truth_is_invertible(name):
    """The determinant of the Jacobian, by central differences in physical space, is positive in the whole image."""
    pair = data.load_pair(name)
    displacement = sitk.GetArrayFromImage(Grid.of(pair.fixed).sample(pair.transform))
    by_index = np.stack(np.gradient(displacement, 2.0, axis=(2, 1, 0)), axis=-1)  # d(xyz) / d(index x, y, z)
    direction = np.array(pair.fixed.GetDirection()).reshape(3, 3)
    determinant = np.linalg.det(np.eye(3) + by_index @ direction.T)
    assert determinant.min() > 0.3
    if name in ("pair_rigid", "pair_multimodal"):
        np.testing.assert_allclose(determinant, 1, atol=1e-9)


def test_dicom_series_reads_back_as_the_head_in_physical_space():
    volume = series("dicom_head")
    expected = sitk.BinShrink(sitk.DICOMOrient(data.load("head_ct"), "LPS"), [1, 1, 3])
    assert same_space(volume, expected)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume), sitk.GetArrayFromImage(expected))


def test_dicom_tags():
    files = sorted(data.path("dicom_head").iterdir())
    slices = [pydicom.dcmread(file) for file in files]
    heights = [float(s.ImagePositionPatient[2]) for s in slices]
    assert heights != sorted(heights), "the order of the names must not be that of the slices"
    slices.sort(key=lambda s: s.InstanceNumber)
    np.testing.assert_allclose(np.diff([s.ImagePositionPatient[2] for s in slices]), 3)
    assert len({s.SOPInstanceUID for s in slices}) == len(slices) == 63
    for tag in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({s[tag].value for s in slices}) == 1
    one = slices[30]
    assert "SYNTHETIC" in str(one.PatientName) and one.Modality == "CT" and one.SOPClassUID.name == "CT Image Storage"
    assert list(one.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0] and list(one.PixelSpacing) == [1, 1]
    assert one.SliceThickness == 3 and one.RescaleSlope == 1 and one.RescaleIntercept == -1024
    np.testing.assert_array_equal(one.pixel_array - 1024, sitk.GetArrayFromImage(series("dicom_head"))[30])
    assert all(uid.is_valid for uid in (one.SOPInstanceUID, one.StudyInstanceUID, one.SeriesInstanceUID))


def test_a_series_is_the_same_whatever_this_process_has_read_before(tmp_path):
    script = tmp_path / "write.py"
    script.write_text(
        "import sys\nimport SimpleITK as sitk\nfrom regseg.data import dicom\n"
        "if sys.argv[2:]:\n    sitk.ReadImage(sys.argv[2])\n"
        "one = next(iter(dicom.dicom_head(sitk.Image([8, 8, 6], sitk.sitkInt16)).values()))\n"
        "dicom.write(one, sys.argv[1])\n",
        encoding="utf-8",
    )
    fresh, later = tmp_path / "fresh.dcm", tmp_path / "later.dcm"
    for arguments in ([fresh], [later, fresh]):
        subprocess.run([sys.executable, script, *arguments], check=True)
    assert fresh.read_bytes() == later.read_bytes()
    assert pydicom.dcmread(fresh).SpacingBetweenSlices == 3


def test_gap_is_one_missing_slice():
    heights = sorted(float(pydicom.dcmread(f).ImagePositionPatient[2]) for f in data.path("dicom_head_gap").iterdir())
    steps = np.diff(heights)
    assert len(heights) == 62 and sorted(set(steps)) == [3, 6] and (steps == 6).sum() == 1


def test_radiograph_is_monochrome1():
    stored = pydicom.dcmread(data.path("radiograph"))
    assert stored.PhotometricInterpretation == "MONOCHROME1" and "SYNTHETIC" in str(stored.PatientName)
    pixels = stored.pixel_array
    assert pixels[0, 0] > 60_000 and pixels.min() == 0  # air has the highest stored value, the skull base the lowest
    read = data.load("radiograph")
    assert read.GetMetaData("0028|0004").strip() == "MONOCHROME1"
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read)[0], 65535 - pixels)


if __name__ == "__main__":
    found = {name: fingerprint(name) for name in EMBEDDED}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in found.items())
    FINGERPRINTS.write_text("{\n" + lines + "\n}\n", encoding="utf-8")
