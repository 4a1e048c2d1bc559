"""Folders laid out as the public collections lay them out, small ones."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import cohorts, data
from regseg.grid import Grid
from regseg.synth import warps

LAYOUTS = {
    "BraTS 2020": (
        [f"BraTS20_Training_001/BraTS20_Training_001_{end}.nii.gz" for end in ("t1", "t1ce", "t2", "flair", "seg")],
        "BraTS20_Training_001",
        {"T1", "T1 with contrast agent", "T2", "FLAIR"},
    ),
    "BraTS 2023": (
        [f"BraTS-GLI-00000-000/BraTS-GLI-00000-000-{end}.nii.gz" for end in ("t1n", "t1c", "t2w", "t2f", "seg")],
        "BraTS-GLI-00000-000",
        {"T1", "T1 with contrast agent", "T2", "FLAIR"},
    ),
    "OASIS-1": (
        [
            "disc1/OAS1_0001_MR1/PROCESSED/MPRAGE/T88_111/OAS1_0001_MR1_mpr_n4_anon_111_t88_masked_gfc.hdr",
            "disc1/OAS1_0001_MR1/PROCESSED/MPRAGE/T88_111/OAS1_0001_MR1_mpr_n4_anon_111_t88_gfc.hdr",
            "disc1/OAS1_0001_MR1/FSL_SEG/OAS1_0001_MR1_mpr_n4_anon_111_t88_masked_gfc_fseg.hdr",
        ],
        "OAS1_0001_MR1",
        {"T1"},
    ),
    "OASIS by Neurite": (
        [f"OASIS_OAS1_0001_MR1/{name}.nii.gz" for name in ("orig", "norm", "aligned_norm", "seg4", "seg35")],
        "OASIS_OAS1_0001_MR1",
        {"T1"},
    ),
    "BIDS with SynthSeg's labels": (
        ["sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_FLAIR.nii.gz", "synthseg/sub-01_T1w_synthseg.nii.gz"],
        "sub-01",
        {"T1", "FLAIR"},
    ),
    "side by side": (["case_7_t1.nii.gz", "case_7_t2.nii.gz", "case_7_seg.nii.gz"], "case_7", {"T1", "T2"}),
}


def lay_out(folder, names) -> None:
    """Files with these names, each a small image that holds its place in the list; of .hdr the .img too."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(sitk.Image([4, 3, 2], sitk.sitkUInt8) + number, folder / name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_the_public_collections_are_read(tmp_path, layout):
    names, name, contrasts = LAYOUTS[layout]
    lay_out(tmp_path, names)
    (tmp_path / "readme.txt").write_text("not an image")
    (person,) = cohorts.read(tmp_path)
    assert (person.name, set(person.scans)) == (name, contrasts)
    at = {path: number for number, path in enumerate(tmp_path / each for each in names)}
    assert at[person.labels] == len(names) - 1
    assert at[person.scans["T1"]] == (1 if layout == "OASIS by Neurite" else 0)
    assert sitk.GetArrayFromImage(cohorts.scan(person, "T1")).max() == at[person.scans["T1"]]


def test_label_maps_without_scans_are_a_cohort_too(tmp_path):
    lay_out(tmp_path, ["training_seg_01.nii.gz", "training_seg_02.nii.gz"])
    one, other = cohorts.read(tmp_path)
    assert (one.name, other.name, one.scans) == ("training_seg_01", "training_seg_02", {})


def test_an_anatomy_has_freesurfers_numbers_whole_and_parted_cortex_alike(tmp_path):
    parted = sitk.GetImageFromArray(np.array([[[0, 2, 3, 42, 1001, 1035, 2001, 2035]]], np.int16))
    parted.SetOrigin((5, 6, 7))
    sitk.WriteImage(parted, tmp_path / "a_t1_synthseg.nii.gz")
    found = cohorts.anatomy(cohorts.read(tmp_path)[0])
    assert sitk.GetArrayFromImage(found).ravel().tolist() == [0, 2, 3, 42, 3, 3, 42, 42]
    assert Grid.of(found).matches(Grid.of(parted))
    with pytest.raises(cohorts.CohortError, match="a has no labels, only T1"):
        cohorts.anatomy(cohorts.Person("a", {"T1": tmp_path}))


def test_people_come_by_name(tmp_path):
    lay_out(tmp_path, ["b_t1.nii.gz", "a_t1.nii.gz", "c_t1.nii.gz"])
    assert [each.name for each in cohorts.read(tmp_path)] == ["a", "b", "c"]


def test_what_is_no_cohort_is_refused(tmp_path):
    with pytest.raises(cohorts.CohortError, match="no folder"):
        cohorts.read(tmp_path / "none")
    lay_out(tmp_path, ["scan.nii.gz"])
    with pytest.raises(cohorts.CohortError, match="such as NAME_t1.nii.gz"):
        cohorts.read(tmp_path)
    lay_out(tmp_path, ["one/a_t1.nii.gz", "other/a_t1.nii.gz"])
    with pytest.raises(cohorts.CohortError, match="both T1 of a"):
        cohorts.read(tmp_path)


def test_a_contrast_that_is_missing_is_named(tmp_path):
    lay_out(tmp_path, ["a_t1.nii.gz"])
    with pytest.raises(cohorts.CohortError, match="a has no T2, only T1"):
        cohorts.aligned(cohorts.read(tmp_path)[0], to="T2")


def test_the_contrasts_of_a_person_come_onto_one_grid(tmp_path):
    t1, t2 = (
        sitk.BinShrink(sitk.Cast(data.load(name), sitk.sitkFloat32), [4] * 3) for name in ("brain_t1", "brain_t2")
    )
    lies = warps.rigid(Grid.of(t2), (4, 0, 8), (6, -3, 4))
    moved = sitk.Resample(t2, t2, lies)
    (tmp_path / "a").mkdir()
    sitk.WriteImage(t1, tmp_path / "a" / "a_t1.nii.gz")
    sitk.WriteImage(moved, tmp_path / "a" / "a_t2.nii.gz")
    found = cohorts.aligned(cohorts.read(tmp_path)[0], to="T1")
    assert set(found) == {"T1", "T2"} and Grid.of(found["T2"]).matches(Grid.of(t1))

    def likeness(image: sitk.Image) -> float:
        return np.corrcoef(*(sitk.GetArrayFromImage(each).ravel() for each in (image, t2)))[0, 1]

    assert likeness(moved) < 0.9 and likeness(found["T2"]) > 0.99


def test_a_folder_for_a_label_server_is_made_and_what_is_there_stays(tmp_path):
    lay_out(tmp_path / "cohort", ["a_t1.nii.gz", "b_t1.nii.gz", "c_t2.nii.gz"])
    people = cohorts.read(tmp_path / "cohort")
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "a.nii.gz").write_bytes(b"mine")
    assert cohorts.studies(people, "T1", tmp_path / "studies") == ["a", "b"]
    assert sorted(each.name for each in (tmp_path / "studies").iterdir()) == ["a.nii.gz", "b.nii.gz"]
    assert (tmp_path / "studies" / "a.nii.gz").read_bytes() == b"mine"
