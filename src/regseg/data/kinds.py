"""The four kinds of dataset: how each is written into the cache, and read again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg.data import dicom
from regseg.synth import pairs


@dataclass(frozen=True)
class Image:
    """One image in one file. MetaImage keeps every bit of where it lies; NIfTI has single precision."""

    suffix = ".mha"
    advice = "an image: read it with data.load"

    def write(self, image: sitk.Image, path: Path) -> None:
        """Write what its recipe has made."""
        sitk.WriteImage(image, path, useCompression=True)

    def read(self, path: Path) -> sitk.Image:
        """Read it, with the tags of its file."""
        return sitk.ReadImage(path)


@dataclass(frozen=True)
class DicomImage(Image):
    """An image in one DICOM file."""

    suffix = ".dcm"

    def write(self, image: sitk.Image, path: Path) -> None:
        """Write it with the tags that it carries."""
        dicom.write(image, path)


@dataclass(frozen=True)
class Points:
    """Points in a text file: each row with as many numbers as `columns` asks for is one; they say where x, y, z stand.

    Nothing of this kind is made by the course.
    """

    columns: tuple[int, ...] = (0, 1, 2)
    advice = "points: read them with data.load_points"

    def read(self, path: Path) -> np.ndarray:
        """The points (n, 3) in mm."""
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                numbers = [float(word) for word in line.replace(",", " ").split()]
            except ValueError:
                continue  # a line of the header
            if len(numbers) > max(self.columns):
                rows.append([numbers[column] for column in self.columns])
        return np.array(rows)


@dataclass(frozen=True)
class Pair:
    """A pair of images with its truth, in a folder."""

    suffix = ""
    advice = "a pair of images: read it with data.load_pair"

    def write(self, pair: pairs.Pair, path: Path) -> None:
        """Write all of it into a new folder."""
        pairs.save(pair, path)

    def read(self, path: Path) -> pairs.Pair:
        """Read all of it."""
        return pairs.read(path)


@dataclass(frozen=True)
class Series:
    """A DICOM series, in a folder; a learner reads it."""

    suffix = ""
    advice = "a DICOM series: give its folder to SimpleITK's series reader with data.path"

    def write(self, slices: dict[str, sitk.Image], path: Path) -> None:
        """Write tagged slices, by file name, into a new folder."""
        path.mkdir()
        for name, image in slices.items():
            dicom.write(image, path / name)


Kind = Image | Points | Pair | Series
