"""The cards, the registry, the public images of the mirror, the page and the command."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import data
from regseg.__main__ import main
from regseg.data import page
from regseg.data.cards import MNI_NOTICE, PHANTOM_NOTICE, by_name

# Downloaded, and yet no pictures of a patient: ITK's slices, flipped and pasted, one of them bent.
HEAD_PAIR = ("head_t1_2d", "head_pd_2d", "head_t1_2d_mask", "head_pd_2d_mask")


def test_every_name_of_the_lesson_is_there():
    promised = """brain_t1 brain_t1_2mm brain_mask brain_labels brain_t2 brain_flair head_ct brain_thick brain_oblique
        lesion_flair lesion_labels rater_1 rater_2 rater_3 rater_4 rater_5 rater_truth pair_rigid pair_multimodal
        pair_bspline pair_composite dicom_head dicom_head_gap radiograph chest_ct chest_ct_small chest_ct_mask
        chest_ct_landmarks head_t1_2d head_pd_2d head_t1_2d_mask head_pd_2d_mask em_section_01 em_section_12
        head_labels_01 head_labels_14 rire_ct rire_t1 popi_ct_00 popi_mask_90 popi_points_50"""
    assert set(promised.split()) <= set(data.names())
    assert {kind: set(data.names(kind)) for kind in page.KINDS} == {
        kind: {card.name for card in by_name().values() if card.kind == kind} for kind in page.KINDS
    }


@pytest.mark.parametrize("name", data.names())
def test_card_is_complete(name):
    card = data.card(name)
    for fact in ("title", "what", "modality", "origin", "licence", "consent", "citation"):
        assert getattr(card, fact), fact
    assert card.kind in page.KINDS
    if card.embedded:
        assert card.notice == (PHANTOM_NOTICE if name.startswith("phantom_") else MNI_NOTICE) and not card.urls
        assert all(by_name()[name].embedded for name in card.inputs)
    else:
        algorithm, _, digest = card.hash.partition(":")
        assert re.fullmatch("[0-9a-f]+", digest) and len(digest) == {"sha256": 64, "sha512": 128}[algorithm]
        assert card.urls[0].startswith("https://") and not card.notice


def test_files_of_the_registry_have_names_of_their_own():
    hashes = {}
    for card in by_name().values():
        if not card.embedded:
            assert hashes.setdefault(Path(card.file).name, card.hash) == card.hash


def test_unknown_names_say_what_is_near():
    with pytest.raises(data.DataError, match="'brain_T1'.*brain_t1"):
        data.load("brain_T1")
    with pytest.raises(data.DataError, match="'flair'.*lesion_flair"):
        data.load("flair")
    with pytest.raises(data.DataError, match=r"data\.names\(\)"):
        data.card("zzz")
    with pytest.raises(data.DataError, match="real, synthetic, template"):
        data.names("fake")


@pytest.mark.parametrize(
    ("call", "name", "advice"),
    [
        (data.load, "dicom_head", "data.path('dicom_head')"),
        (data.load, "pair_rigid", "data.load_pair('pair_rigid')"),
        (data.load, "chest_ct_landmarks", "data.load_points('chest_ct_landmarks')"),
        (data.load_pair, "brain_t1", "data.load('brain_t1')"),
        (data.load_points, "pair_rigid", "data.load_pair('pair_rigid')"),
    ],
)
def test_the_wrong_call_names_the_right_one(call, name, advice):
    with pytest.raises(data.DataError, match=re.escape(advice)):
        call(name)


def test_all_public_images_are_whole(public_images):
    assert len(public_images) == 34
    for name in public_images:
        assert data.path(name).stat().st_size == data.card(name).bytes


@pytest.mark.usefixtures("public_images")
def test_chest_ct():
    ct, mask, points = data.load("chest_ct"), data.load("chest_ct_mask"), data.load_points("chest_ct_landmarks")
    assert ct.GetSize() == (115, 157, 129) and ct.GetPixelIDTypeAsString() == "16-bit signed integer"
    np.testing.assert_allclose(ct.GetSpacing(), (1.366, 1.366, 2.5))
    assert mask.IsSameImageGeometryAs(ct)
    values, lung = sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(mask) > 0
    assert np.median(values[lung]) < -600 < -200 < np.median(values[~lung])  # HU: air in the lung
    assert points.shape == (100, 3)
    np.testing.assert_array_equal(points[0], [-36.351, -36.974, -1204.5])
    indices = np.array([ct.TransformPhysicalPointToContinuousIndex(point) for point in points])
    assert ((indices >= 0) & (indices <= np.subtract(ct.GetSize(), 1))).all(axis=1).sum() == 51
    assert data.load("chest_ct_small").GetSize() == (57, 78, 64)


@pytest.mark.usefixtures("public_images")
def test_head_pair_and_sections():
    for contrast in ("t1", "pd"):
        image, mask = data.load(f"head_{contrast}_2d"), data.load(f"head_{contrast}_2d_mask")
        assert image.GetSize() == (256, 256) and mask.IsSameImageGeometryAs(image)
    assert all(data.load(f"em_section_{k:02}").GetSize() == (800, 800) for k in range(1, 13))


@pytest.mark.usefixtures("public_images")
def test_head_labels():
    labels = data.load("head_labels_01")
    assert labels.GetSize() == (256, 256, 256) and labels.GetSpacing() == (1, 1, 1)
    found = set(np.unique(sitk.GetArrayViewFromImage(labels)).astype(int))
    assert {2, 3, 4, 41, 42, 43} <= found and max(found) > 500


def test_no_anatomy_is_for_two_things():
    parts = {part: data.anatomies(part) for part in ("training", "correcting", "testing")}
    names = [name for part in parts.values() for name in part]
    assert sorted(names) == [f"head_labels_{number:02d}" for number in range(1, 15)]
    assert all(parts.values())
    with pytest.raises(data.DataError, match="no part 'validation'.*training, correcting, testing"):
        data.anatomies("validation")


def test_points_files_of_other_kinds(tmp_path, monkeypatch):
    """The RIRE standard: a header, then rows of a number and six coordinates."""
    file = tmp_path / "standard"
    file.write_text(
        "Patient number: 1\n\nPoint x y z new_x new_y new_z\n\n1 0.0 1.0 2.0 10.5 11.5 12.5\n2 3 4 5 -13 14e0 15\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("regseg.data.store.find", lambda _: file)
    np.testing.assert_array_equal(data.load_points("rire_ct_points"), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(data.load_points("rire_t1_points"), [[10.5, 11.5, 12.5], [-13, 14, 15]])


def test_the_committed_page_is_what_the_cards_say(root):
    committed = (root / "learners" / "data-card.md").read_text(encoding="utf-8")
    assert committed == page.markdown(), "run: regseg data card > learners/data-card.md"


def test_the_head_pair_is_shown_as_synthetic_and_says_why():
    synthetic = page.markdown().partition("## Synthetic images")[2].partition("## Real images")[0]
    assert all(f"`{name}`" in synthetic for name in HEAD_PAIR)
    assert "BrainT1Slice" in data.card("head_t1_2d").what
    assert "BrainProtonDensitySlice" in data.card("head_pd_2d").what


def test_the_page_says_everything():
    text = page.markdown()
    for card in by_name().values():
        assert card.what in text and card.citation in text and card.licence in text
        assert f"`{card.name}`" in text or re.sub(r"\d+$", "", card.name) in text
    assert "Copyright (C) 1993-2004 Louis Collins" in text
    levels = [len(line) - len(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")]
    assert levels[0] == 2 and all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))


def test_command_lists(capsys):
    assert main(["data", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(by_name())
    assert main(["data", "list", "--long"]) == 0
    long = capsys.readouterr().out
    assert MNI_NOTICE.strip() in long and all(card.licence in long for card in by_name().values())


def test_command_fetches_and_finds(capsys):
    assert main(["data", "fetch", "brain_mask", "brain_thick"]) == 0
    shown = capsys.readouterr().out
    assert main(["data", "where", "brain_mask"]) == 0
    place = Path(capsys.readouterr().out.strip())
    assert place.is_file() and str(place) in shown


def test_command_fails_in_one_sentence(capsys):
    assert main(["data", "where", "brain_t"]) == 1
    shown = capsys.readouterr()
    assert not shown.out and shown.err.startswith("regseg: There is no dataset 'brain_t'. Near it: ")


@pytest.mark.parametrize("arguments", ["", "data", "data fetch", "data where", "data fetch --embedded brain_t1"])
def test_command_refuses_what_it_cannot_understand(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments.split())
    assert stop.value.code == 2 and "usage: regseg" in capsys.readouterr().err


def test_command_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0 and "images of the course" in capsys.readouterr().out


def test_registry_is_one_tidy_list(root):
    entries = json.loads((root / "data" / "registry.json").read_text(encoding="utf-8"))
    assert len({entry["name"] for entry in entries}) == len(entries)
    assert {entry["name"] for entry in entries if entry["kind"] != "real"} == set(HEAD_PAIR)
