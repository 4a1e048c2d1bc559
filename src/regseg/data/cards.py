"""The data cards: what each dataset is, where it comes from and under which terms."""

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from regseg.data import dicom, kinds, recipes
from regseg.synth import lesions, phantom

# Verbatim from the terms of the ICBM 152 non-linear atlases (2009); they ask that it stands in every copy.
MNI_NOTICE = """\
Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute,
McGill University. Permission to use, copy, modify, and distribute this software and its documentation
for any purpose and without fee is hereby granted, provided that the above copyright notice appear in
all copies. The authors and McGill University make no representations about the suitability of this
software for any purpose. It is provided "as is" without express or implied warranty. The authors are
not responsible for any data loss, equipment damage, property loss, or injury to subjects or patients
resulting from the use or misuse of this software package.
"""


PHANTOM_NOTICE = """\
To the extent possible under law, the contributors of this lesson have waived all copyright and related rights to this
phantom (CC0 1.0, https://creativecommons.org/publicdomain/zero/1.0/). It is made from formulas, and shows nobody.
"""


class DataError(RuntimeError):
    """A dataset cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Card:
    """What is known about one dataset.

    `kind` is "real", "template" or "synthetic"; `holds` says how it is written and read.
    A registered dataset has `urls`, tried in order; an embedded one has a recipe and the names of its inputs.
    """

    name: str
    kind: str
    modality: str
    title: str
    what: str
    holds: kinds.Kind = kinds.Image()
    origin: str = "the MNI152 template (ICBM 2009a, non-linear, symmetric) inside the nilearn package"
    licence: str = "MNI permission notice (free use and copies with the notice)"
    consent: str = "average of 152 volunteers; consent not stated in nilearn"
    citation: str = "Fonov et al., Unbiased average age-appropriate atlases for pediatric studies, NeuroImage 54, 2011"
    notice: str = field(default=MNI_NOTICE, repr=False)
    make: Callable[..., Any] | None = field(default=None, repr=False)
    inputs: tuple[str, ...] = ()
    file: str = ""  # of a registered dataset: its path in a mirror
    urls: tuple[str, ...] = ()
    hash: str = ""  # "sha256:..." or "sha512:..."
    bytes: int | None = None
    member: str = ""  # of an archive: the image inside it

    @property
    def embedded(self) -> bool:
        """Whether the dataset is made on this machine, without a network."""
        return self.make is not None

    @property
    def may_be_handed_on(self) -> bool:
        """Whether the terms of the image itself, and not of what it lies beside, say that anyone may copy it."""
        return self.licence.startswith(("MNI permission notice", "CC0", "CC BY"))


def _rater(number: int, habit: str) -> Card:
    def make(labels):
        return lesions.rater(labels, number)

    what = f"The lesions of shaded_labels as simulated rater {number} draws them: {habit}."
    return Card(
        f"rater_{number}",
        "synthetic",
        "binary mask",
        f"Simulated rater {number}",
        what,
        make=make,
        inputs=("shaded_labels",),
    )


def _phantom(name: str, modality: str, title: str, what: str, make: Callable[..., Any], *inputs: str) -> Card:
    return Card(
        name,
        "synthetic",
        modality,
        title,
        what,
        origin="formulas, in `regseg.synth.phantom`",
        licence="CC0 1.0: free for every use, without any condition",
        consent="nobody's head, so nobody was asked",
        citation="nothing need be cited",
        notice=PHANTOM_NOTICE,
        make=make,
        inputs=inputs,
    )


EMBEDDED = (
    Card(
        "brain_t1",
        "template",
        "MR T1",
        "Brain template",
        "Skull-stripped average T1 brain, 1 mm, uint8; direction diag(-1, -1, 1) as in the template's file. "
        "Exactly symmetric: a left-right flip cannot be seen on it.",
        make=recipes.brain_t1,
    ),
    Card(
        "brain_t1_2mm",
        "template",
        "MR T1",
        "Brain template, 2 mm",
        "brain_t1 averaged over 2 x 2 x 2 voxels.",
        make=recipes.half_resolution,
        inputs=("brain_t1",),
    ),
    Card(
        "brain_mask",
        "template",
        "binary mask",
        "Brain mask",
        "Every voxel of brain_t1 that belongs to the brain: 1, else 0.",
        make=recipes.brain_mask,
    ),
    Card(
        "brain_labels",
        "template",
        "label map",
        "Tissue labels",
        "Most probable tissue: 1 CSF, 2 grey matter, 3 white matter (CSF is the mask less the other two).",
        make=recipes.brain_labels,
        inputs=("brain_mask",),
    ),
    Card(
        "brain_structures",
        "template",
        "label map",
        "Structure labels",
        "The tissues of brain_labels with FreeSurfer's numbers: 2 white and 3 grey matter, those of the cerebellum and "
        "the deep nuclei included, 4 ventricles (the largest pool of fluid 25 mm or more deep), 24 other fluid.",
        make=recipes.brain_structures,
        inputs=("brain_mask", "brain_labels"),
    ),
    Card(
        "brain_t2",
        "synthetic",
        "MR T2",
        "T2-like brain",
        "Tissue fractions with T2-like means, a bias field and Rician noise; int16, 1 mm.",
        make=recipes.brain_t2,
        inputs=("brain_mask",),
    ),
    Card(
        "brain_flair",
        "synthetic",
        "MR FLAIR",
        "FLAIR-like brain",
        "Tissue fractions with FLAIR-like means (dark CSF), a bias field and Rician noise; int16, 1 mm.",
        make=recipes.brain_flair,
        inputs=("brain_mask",),
    ),
    Card(
        "head_ct",
        "synthetic",
        "CT",
        "CT-like head",
        "The template's tissues in HU inside a skull and scalp modelled by distance from the brain; "
        "neither face nor neck is anatomical. int16, 1 mm.",
        make=recipes.head_ct,
        inputs=("brain_mask",),
    ),
    Card(
        "brain_thick",
        "template",
        "MR T1",
        "Thick slices",
        "brain_t1 in 1 x 1 x 5 mm voxels, each the mean of five slices.",
        make=recipes.brain_thick,
        inputs=("brain_t1",),
    ),
    Card(
        "brain_oblique",
        "template",
        "MR T1",
        "Oblique brain",
        "brain_t1 sampled on a grid turned by 20 degrees about x, then 10 about z.",
        make=recipes.brain_oblique,
        inputs=("brain_t1",),
    ),
    Card(
        "lesion_flair",
        "synthetic",
        "MR FLAIR",
        "FLAIR with lesions",
        "As brain_flair, with eight bright lesions in the white matter and noise of its own.",
        make=recipes.lesion_flair,
        inputs=("brain_mask",),
    ),
    Card(
        "lesion_labels",
        "synthetic",
        "label map",
        "Lesion labels",
        "The lesions of lesion_flair, 1 (largest) to 8.",
        make=recipes.lesion_labels,
        inputs=("brain_mask",),
    ),
    Card(
        "shaded_flair",
        "synthetic",
        "MR FLAIR",
        "Shaded FLAIR with lesions",
        "Eight bright lesions, elsewhere than in lesion_flair, under a strong bias field (about 0.7 to 1.4) and noise; "
        "int16, 1 mm.",
        make=recipes.shaded_flair,
        inputs=("brain_mask", "shaded_field"),
    ),
    Card(
        "shaded_labels",
        "synthetic",
        "label map",
        "Lesion labels of the shaded FLAIR",
        "The lesions of shaded_flair, 1 (largest) to 8; two of them touch.",
        make=recipes.shaded_labels,
        inputs=("brain_mask",),
    ),
    Card(
        "shaded_field",
        "synthetic",
        "bias field",
        "Bias field of the shaded FLAIR",
        "What the signal of shaded_flair was multiplied by before the noise; float32, 0 outside the brain.",
        make=recipes.shaded_field,
        inputs=("brain_mask",),
    ),
    _rater(1, "generous"),
    _rater(2, "strict"),
    _rater(3, "shifted by about 2 mm"),
    _rater(4, "with an unsteady hand"),
    _rater(5, "well, but overlooking one lesion"),
    Card(
        "rater_truth",
        "synthetic",
        "binary mask",
        "Truth for the raters",
        "All lesions of shaded_labels as 1: what the raters tried to draw.",
        make=recipes.rater_truth,
        inputs=("shaded_labels",),
    ),
    Card(
        "pair_rigid",
        "synthetic",
        "MR T1 and T1",
        "Rigid pair",
        "Two T1 brains at 2 mm, 12 degrees and 13 mm apart, with unlike grey levels and noise; "
        "true transform and 200 landmarks.",
        holds=kinds.Pair(),
        make=recipes.pair_rigid,
        inputs=("brain_t1", "brain_mask"),
    ),
    Card(
        "pair_multimodal",
        "synthetic",
        "MR T1 and T2",
        "Multimodal rigid pair",
        "T1 (fixed) and T2-like brain (moving) at 2 mm, rigidly misaligned; true transform and 200 landmarks.",
        holds=kinds.Pair(),
        make=recipes.pair_multimodal,
        inputs=("brain_t1", "brain_mask"),
    ),
    Card(
        "pair_bspline",
        "synthetic",
        "MR T1 and T1",
        "B-spline pair",
        "Two T1 brains at 2 mm, one deformed by a known cubic B-spline; true transform and 200 landmarks.",
        holds=kinds.Pair(),
        make=recipes.pair_bspline,
        inputs=("brain_t1", "brain_mask"),
    ),
    Card(
        "pair_composite",
        "synthetic",
        "MR T1 and T1",
        "Composite pair",
        "Two T1 brains at 2 mm, related by a known rigid motion and an exponentiated smooth velocity; "
        "true transform and 200 landmarks.",
        holds=kinds.Pair(),
        make=recipes.pair_composite,
        inputs=("brain_t1", "brain_mask"),
    ),
    Card(
        "dicom_head",
        "synthetic",
        "CT",
        "DICOM series",
        "head_ct as an axial DICOM series of 3 mm slices; file names are not in the order of the slices.",
        holds=kinds.Series(),
        make=dicom.dicom_head,
        inputs=("head_ct",),
    ),
    Card(
        "dicom_head_gap",
        "synthetic",
        "CT",
        "DICOM series with a gap",
        "As dicom_head, with one slice missing in the middle of the head.",
        holds=kinds.Series(),
        make=dicom.dicom_head_gap,
        inputs=("head_ct",),
    ),
    Card(
        "radiograph",
        "synthetic",
        "radiograph",
        "MONOCHROME1 radiograph",
        "Lateral projection of head_ct as one DICOM file whose lowest stored values are shown white; "
        "SimpleITK turns the values round when it reads it.",
        holds=kinds.DicomImage(),
        make=dicom.radiograph,
        inputs=("head_ct",),
    ),
    _phantom(
        "phantom_labels",
        "label map",
        "Phantom: labels",
        "A brain made of formulas, with FreeSurfer's numbers; 24 is the fluid around it. Left and right differ. 1 mm.",
        phantom.labels,
    ),
    _phantom(
        "phantom_t1",
        "MR T1",
        "Phantom: T1-like",
        "phantom_labels with T1-like means, a bias field and Rician noise; int16, 1 mm.",
        recipes.phantom_t1,
        "phantom_labels",
    ),
    _phantom(
        "phantom_t2",
        "MR T2",
        "Phantom: T2-like",
        "phantom_labels with T2-like means, a bias field and Rician noise; int16, 1 mm.",
        recipes.phantom_t2,
        "phantom_labels",
    ),
    _phantom(
        "phantom_ct",
        "CT",
        "Phantom: CT-like",
        "phantom_labels in HU inside a modelled skull and scalp; int16, 1 mm.",
        recipes.phantom_ct,
        "phantom_labels",
    ),
)


@cache
def by_name() -> dict[str, Card]:
    """Return every card by name: the embedded ones first, then those of registry.json."""
    return {card.name: card for card in (*EMBEDDED, *map(_registered, _listed("registry.json")))}


def anatomies(part: str) -> list[str]:
    """Return the names of the head label maps that are for "training", "correcting" or "testing" a network.

    No map is in two parts: a score on an anatomy that the network has learned from says nothing about others.

    Raises
    ------
    DataError
        If there is no such part.
    """
    parts = _listed("anatomies.json")
    if part not in parts:
        raise DataError(f"There is no part {part!r} of the anatomies; there are {', '.join(parts)}.")
    return parts[part]


def _listed(name: str) -> Any:
    """Return what a file of the folder `data` lists: it lies in the package, or in the checkout."""
    packaged, checkout = Path(__file__).with_name(name), Path(__file__).parents[3] / "data" / name
    return json.loads((packaged if packaged.exists() else checkout).read_text(encoding="utf-8"))


def _registered(entry: dict[str, Any]) -> Card:
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    where = {"columns": known.pop("columns")} if "columns" in known else {}
    holds = {"image": kinds.Image, "points": kinds.Points}[known.pop("holds")](**where)
    return Card(**known, holds=holds, notice="")


def card(name: str) -> Card:
    """Return the card of a dataset.

    Raises
    ------
    DataError
        If there is no such dataset; the message names those that are near.
    """
    if name in by_name():
        return by_name()[name]
    near = difflib.get_close_matches(str(name), by_name(), n=3)
    near += [other for other in by_name() if str(name).lower() in other and other not in near][:3]
    hint = f"Near it: {', '.join(near)}." if near else "data.names() lists them all."
    raise DataError(f"There is no dataset {name!r}. {hint}")


def names(kind: str | None = None) -> list[str]:
    """Return the names of all datasets, or of those of one kind: "real", "template" or "synthetic"."""
    kinds = {card.kind for card in by_name().values()}
    if kind is not None and kind not in kinds:
        raise DataError(f"There is no kind {kind!r}; there are {', '.join(sorted(kinds))}.")
    return [name for name, card in by_name().items() if kind in (None, card.kind)]
