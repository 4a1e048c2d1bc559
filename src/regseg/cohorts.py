"""A cohort: the scans of several people on this computer, as the public collections lay them out, and their labels.

    people = cohorts.read("BraTS2021_Training_Data")
    scans = cohorts.aligned(people[0], to="T1")    # all contrasts on one grid, by elastix
    cohorts.studies(people, "T1", "studies")       # a folder for a label server

A folder is only read. What is known of files is their names, so look at a scan before you believe its contrast.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import SimpleITK as sitk

from regseg import elastix
from regseg.files import written_whole
from regseg.grid import Grid

# How the collections end the name of a file: BraTS until 2021, BraTS since 2023, BIDS; and of labels, SynthSeg's too.
ENDINGS = {
    "T1": ("t1", "t1n", "T1w"),
    "T1 with contrast agent": ("t1ce", "t1c"),
    "T2": ("t2", "t2w", "T2w"),
    "FLAIR": ("flair", "t2f", "FLAIR"),
    "PD": ("pd", "PDw"),
    "labels": ("seg", "dseg", "synthseg"),
}
_WHAT = {ending: what for what, endings in ENDINGS.items() for ending in endings}
_ENDS = "|".join(sorted(_WHAT, key=len, reverse=True))
_NAMES = (
    # OASIS-1: the scan in the place of its atlas, without skull and shading, and the tissues in it.
    (re.compile(r"(?P<person>OAS1_\d+_MR\d)_.*_masked_gfc"), {None: "T1"}),
    (re.compile(r"(?P<person>OAS1_\d+_MR\d)_.*_masked_gfc_fseg"), {None: "labels"}),
    # OASIS as the project Neurite prepared it: a folder for each person, whose name precedes the slash.
    (re.compile(r"(?P<person>OASIS_OAS1_\d+_MR\d)/(?P<what>norm|seg35)"), {"norm": "T1", "seg35": "labels"}),
    (re.compile(r"(?P<person>training_seg_\d+)"), {None: "labels"}),  # the label maps that SynthSeg was trained with
    # SynthSeg writes the labels of sub-01_T1w.nii.gz into sub-01_T1w_synthseg.nii.gz.
    (re.compile(rf".*?/(?P<person>.+?)(?:[_-](?:{_ENDS}))??[_-](?P<what>{_ENDS})"), _WHAT),
)
_FILE = re.compile(r"(?P<stem>.+)\.(?:nii|nii\.gz|nrrd|mha|hdr)")  # of a pair .hdr and .img the first is named


class CohortError(ValueError):
    """A folder is no cohort, or lacks what is asked for; the message says what was looked for."""


@dataclass(frozen=True)
class Person:
    """What a cohort has of one person.

    Attributes
    ----------
    name : str
        As the collection calls this person, or this visit of a person.
    scans : dict of str to Path
        A file for each contrast, by the names of `ENDINGS`.
    labels : Path or None
        A label image. What its numbers mean is the collection's matter: SynthSeg's are FreeSurfer's.
    """

    name: str
    scans: dict[str, Path] = field(default_factory=dict)
    labels: Path | None = None


def read(folder: str | Path) -> list[Person]:
    """Find the people of a cohort by the names of files, in a folder and all that lie in it.

    Known are the layouts of BraTS (2018 to 2025), of OASIS (the discs of OASIS-1, and Neurite's), of BIDS, and the
    label maps that SynthSeg wrote or was trained with, beside scans or alone.

    Returns
    -------
    list of Person
        By name.

    Raises
    ------
    CohortError
        There is no such folder, it holds no file with such a name, or two for one purpose.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CohortError(f"there is no folder {folder}")
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*")):
        if (file := _FILE.fullmatch(path.name)) and (known := _read_name(f"{path.parent.name}/{file['stem']}")):
            name, what = known
            if other := found.setdefault(name, {}).get(what):
                raise CohortError(f"{other} and {path} are both {what} of {name}: name the folder of one of them")
            found[name][what] = path
    if not found:
        ends = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
        raise CohortError(f"{folder} has no scans with names of BraTS, OASIS or BIDS, such as NAME_t1.nii.gz: {ends}")
    return [
        Person(name, {what: path for what, path in files.items() if what != "labels"}, files.get("labels"))
        for name, files in sorted(found.items())
    ]


def aligned(person: Person, to: str) -> dict[str, sitk.Image]:
    """All scans of a person on the grid of one of them, each turned to it by elastix, rigidly, by mutual information.

    Parameters
    ----------
    person : Person
        Of whom there are at least two contrasts.
    to : str
        The contrast that stays as it is.

    Raises
    ------
    CohortError
        There is no scan of that contrast.
    ElastixError
        Two scans cannot be aligned.
    """
    fixed = scan(person, to)
    out = {to: fixed}
    for contrast in person.scans.keys() - {to}:
        moving = scan(person, contrast)
        found = elastix.register(fixed, moving, elastix.default_map("rigid", resolutions=3))
        out[contrast] = sitk.Resample(moving, fixed, found.transform, sitk.sitkBSpline3, 0.0, sitk.sitkFloat32)
    return out


def scan(person: Person, contrast: str) -> sitk.Image:
    """One scan of a person, float32; CohortError where there is none of that contrast."""
    if contrast not in person.scans:
        raise CohortError(f"{person.name} has no {contrast}, only {', '.join(person.scans) or 'labels'}")
    return sitk.ReadImage(person.scans[contrast], sitk.sitkFloat32)


def anatomy(person: Person) -> sitk.Image:
    """The label map of a person, in FreeSurfer's numbers as `synth.scans.head` wants it (int32).

    Where SynthSeg parted the cortex, the parts from 1000 and 2000 on become the left cortex, 3, and the right one, 42.

    Raises
    ------
    CohortError
        There are no labels.
    """
    if person.labels is None:
        raise CohortError(f"{person.name} has no labels, only {', '.join(person.scans)}")
    labels = sitk.ReadImage(person.labels, sitk.sitkInt32)
    values = sitk.GetArrayFromImage(labels)
    values[(values >= 1000) & (values < 2000)] = 3
    values[(values >= 2000) & (values < 3000)] = 42
    return Grid.of(labels).image(values)


def studies(people: Sequence[Person], contrast: str, folder: str | Path) -> list[str]:
    """Copy one contrast of each person into a folder for a label server, as NAME.nii.gz; return the names.

    Whoever lacks it is left out. A file that is there already stays.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = [person.name for person in people if contrast in person.scans]
    for person in people:
        if person.name in names and not (file := folder / f"{person.name}.nii.gz").exists():
            with written_whole(file) as out:
                sitk.WriteImage(scan(person, contrast), out.name, useCompression=True)
    return names


def _read_name(name: str) -> tuple[str, str] | None:
    """Whose file it is, and what it shows, of "folder/name without ending"."""
    for pattern, meaning in _NAMES:
        plain = name if "/" in pattern.pattern else name.rpartition("/")[2]
        if match := pattern.fullmatch(plain):
            return match["person"], meaning[match.groupdict().get("what")]
    return None
