"""What a report is made of: images, label maps, transforms and landmarks, each read whole or refused in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regseg.blocks import shrunk
from regseg.grid import Grid
from regseg.readers import demand_scalar, is_zarr, read_image, read_transform
from regseg.show.appearance import check_labels

ImageSource = sitk.Image | str | Path
TransformSource = sitk.Transform | sitk.Image | str | Path
PointsSource = np.ndarray | Sequence[Sequence[float]] | str | Path

LARGEST = 12_000_000  # voxels: a head in 1 mm; of more the report looks at means over boxes, or at a coarser level
_UNITS = {"origin": 0.0, "spacing": 1.0}  # what SimpleITK fills in where a file does not say


@dataclass(frozen=True)
class Scan:
    """An image as it is judged.

    Attributes
    ----------
    name : str
        Of its file, or what it is.
    image : sitk.Image
        What is looked at: finite everywhere.
    whole : Grid
        The voxels that the file has.
    unknown : int
        How many voxels of `image` were NaN or infinite; they have the lowest value now.
    taken : str
        What was taken of the file where it was not all, in words.
    """

    name: str
    image: sitk.Image
    whole: Grid
    unknown: int = 0
    taken: str = ""

    @classmethod
    def of(cls, source: ImageSource, what: str) -> Scan:
        """Read an image; ValueError says why it cannot be one."""
        if isinstance(source, sitk.Image):
            demand_scalar(source, f"the {what} image")
            return cls._known(f"the {what} image, from memory", source, Grid.of(source), "")
        if not isinstance(source, str | Path):
            raise ValueError(
                f"The {what} image is a {type(source).__name__}: give an image of SimpleITK, or the path of a file. "
                "An array does not say where its voxels lie."
            )
        if is_zarr(source):
            return cls._of_zarr(Path(source))
        image = read_image(source)
        return cls._known(Path(source).name, image, Grid.of(image), "")

    @classmethod
    def _of_zarr(cls, path: Path) -> Scan:
        try:
            from regseg import volumes
        except ImportError as error:
            raise ImportError(
                f"{path} is OME-Zarr, and that is read with the extra `bigdata`: "
                "python -m pip install 'regseg-course[bigdata]'"
            ) from error
        levels = volumes.levels(path)
        volumes.header(levels[0])
        level = next((each for each in levels if prod(each.grid.size) <= LARGEST), levels[-1])
        taken = f"level {level.level} of {len(levels)}, counted from 0" if len(levels) > 1 else ""
        return cls._known(path.name, level.read(), levels[0].grid, taken)

    @classmethod
    def _known(cls, name: str, image: sitk.Image, whole: Grid, taken: str) -> Scan:
        smaller = shrunk(image, LARGEST)
        if smaller is not image:
            image, spacing = smaller, " × ".join(f"{mm:.3g}" for mm in smaller.GetSpacing())
            taken = "; ".join(filter(None, (taken, f"means over boxes of {spacing} mm")))
        values = sitk.GetArrayViewFromImage(image)
        unknown = ~np.isfinite(values)
        if unknown.all():
            raise ValueError(f"{name} holds not one finite number: there is nothing to look at.")
        if unknown.any():
            filled = np.where(unknown, values[~unknown].min(), values)
            image = Grid.of(image).image(filled)
        return cls(name, image, whole, int(np.count_nonzero(unknown)), taken)

    @property
    def grid(self) -> Grid:
        """The voxels that are looked at."""
        return Grid.of(self.image)

    @property
    def unplaced(self) -> bool:
        """Whether its header says what it would say, too, if it had been lost."""
        grid = self.whole
        return not any(grid.origin) and set(grid.spacing) == {1.0} and np.array_equal(grid.axes, np.eye(grid.dimension))


def read_labels(source: ImageSource, scan: Scan, what: str) -> sitk.Image:
    """A label map on the voxels of an image, as it lies in its file; ValueError where it lies elsewhere."""
    name = f"the labels of the {what} image" if isinstance(source, sitk.Image) else Path(source).name
    if isinstance(source, sitk.Image):
        demand_scalar(source, name)
        labels = source
    elif is_zarr(source):
        from regseg import volumes

        labels = volumes.open_volume(source).read()
    else:
        labels = read_image(source)
    try:
        check_labels(labels)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if labels.GetDimension() != scan.whole.dimension or not Grid.of(labels).matches(scan.whole):
        raise ValueError(
            f"{name} and {scan.name} lie on different grids (size, spacing, origin or direction): resample the labels "
            "onto the image first, sitk.Resample(labels, image, transform, sitk.sitkNearestNeighbor)."
        )
    return labels if "integer" in labels.GetPixelIDTypeAsString() else sitk.Cast(labels, sitk.sitkInt32)


def as_transform(source: TransformSource, dimension: int, what: str) -> sitk.Transform:
    """A transform of so many dimensions, from a file, a displacement field or itself."""
    if isinstance(source, sitk.Transform):
        transform = source
    elif isinstance(source, sitk.Image):
        if source.GetNumberOfComponentsPerPixel() != source.GetDimension():
            raise ValueError(
                f"{what} is an image of {source.GetNumberOfComponentsPerPixel()} number(s) per voxel: a displacement "
                f"field of {source.GetDimension()} dimensions has {source.GetDimension()}, in mm."
            )
        transform = sitk.DisplacementFieldTransform(sitk.Cast(source, sitk.sitkVectorFloat64))
    else:
        transform = read_transform(source, fields=True)
    if transform.GetDimension() != dimension:
        raise ValueError(f"{what} has {transform.GetDimension()} dimensions, and the images have {dimension}.")
    return transform


def read_points(sources: Sequence[PointsSource], dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of landmarks, fixed and moving, each (n, dimension) in mm, LPS.

    One source holds both (fixed x, y, z, moving x, y, z in a row, as `show.pick` saves them), two hold one set each.
    """
    tables = [_table(source, dimension * (2 if len(sources) == 1 else 1)) for source in sources]
    fixed, moving = (tables[0][:, :dimension], tables[0][:, dimension:]) if len(tables) == 1 else tables
    if fixed.shape != moving.shape:
        raise ValueError(f"{len(fixed)} landmarks of the fixed image and {len(moving)} of the moving one are no pairs.")
    return fixed, moving


def _table(source: PointsSource, columns: int) -> np.ndarray:
    """The rows of a file or of an array, of so many finite numbers."""
    if not isinstance(source, (str, Path)):
        name, table = "the landmarks", np.asarray(source, float)
    else:
        path = name = Path(source)
        if not path.is_file():
            raise ValueError(f"There are no landmarks at {path}.")
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            rows = [line.replace(",", " ").split() for line in lines if line.strip() and not line.startswith("#")]
            table = np.array([[float(word) for word in row] for row in rows])
        except ValueError:  # text among the numbers, rows of several lengths, or no text at all
            table = np.empty(0)
    if table.ndim != 2 or table.shape[1] != columns or not np.isfinite(table).all():
        raise ValueError(
            f"{name} must have {columns} numbers in each row: "
            + (
                "x, y(, z) of the fixed and then of the moving point"
                if columns % 2 == 0 and columns > 3
                else "x, y(, z)"
            )
            + ", in mm, LPS, as regseg.show.pick saves them; lines that begin with # are passed over."
        )
    return table
