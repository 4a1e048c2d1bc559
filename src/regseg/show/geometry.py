"""How a voxel grid lies in the patient, and how its planes are laid on a screen.

Physical coordinates are SimpleITK's and DICOM's: LPS, in mm; x grows to the patient's left, y to the back
(posterior), z to the head (superior). Planes follow the voxel axes, so no picture is ever interpolated.
Display is radiological, whatever the direction matrix: axial and coronal pictures show the patient's right on
the left, sagittal pictures show anterior on the left; anterior (axial) or superior is at the top. Only the
picture is flipped, never the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid

PLANES = ("axial", "coronal", "sagittal")

# For each plane: the patient axes (x 0, y 1, z 2) that are its normal, run to the right, and run down.
# Down is +y (anterior on top) in the axial plane and -z (superior on top) in the two others.
_LAYOUT = {"axial": (2, 0, 1), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}
_DOWN_SIGN = {"axial": 1, "coronal": -1, "sagittal": -1}

# An axis that leans by more than 15 degrees towards a second patient axis gets that letter too.
_SECOND_LETTER = np.sin(np.radians(15))


@dataclass(frozen=True)
class Plane:
    """A family of parallel slices: which voxel axes (0 i, 1 j, 2 k) it uses, and how it is flipped for display."""

    name: str
    normal: int
    right: int
    down: int
    flip_right: bool
    flip_down: bool
    edges: tuple[str, str, str, str]  # letters at left, right, top, bottom
    size: tuple[float, float]  # mm: width, height

    def pixels(self, image: sitk.Image, index: int) -> np.ndarray:
        """Slice `index` of a 3-D image as (rows, columns) or (rows, columns, components), a copy, as displayed."""
        array = sitk.GetArrayViewFromImage(image)
        axes = (2 - self.normal, 2 - self.down, 2 - self.right) + ((3,) if array.ndim == 4 else ())
        step_down, step_right = (-1 if flip else 1 for flip in (self.flip_down, self.flip_right))
        return array.transpose(axes)[index][::step_down, ::step_right].copy()

    def place(self, image: sitk.Image, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, 3), mm, LPS → (n, 2) mm from the picture's top left corner, and (n,) voxels along the normal."""
        index = Grid.of(image).indices(np.reshape(points, (-1, 3)))
        corner = (index + 0.5) * image.GetSpacing()
        x, y = corner[:, self.right], corner[:, self.down]
        x = self.size[0] - x if self.flip_right else x
        y = self.size[1] - y if self.flip_down else y
        return np.column_stack([x, y]), index[:, self.normal]


def as_volume(image: sitk.Image) -> sitk.Image:
    """The image as a 3-D one: a 2-D image becomes a single slice at z = 0."""
    if image.GetDimension() == 2:
        return sitk.JoinSeries(image)
    if image.GetDimension() == 3:
        return image
    raise ValueError(
        f"The image has {image.GetDimension()} dimensions; show draws 2 or 3. "
        "Take one volume out of it, for example image[:, :, :, 0]."
    )


def planes(image: sitk.Image) -> list[Plane]:
    """The axial, coronal and sagittal planes of a 3-D image; of an image with a single slice, only that one.

    Nothing tells how a 2-D image lies in the patient, nor a radiograph or another slice whose file does not say: such a
    plane is called "", and its edges are named by axes.
    """
    volume = as_volume(image)
    grid = Grid.of(volume)
    unsaid = not any(grid.origin) and np.array_equal(grid.axes, np.eye(3))  # what SimpleITK fills in
    unknown = image.GetDimension() == 2 or (1 in grid.size and unsaid)
    direction = grid.axes  # column a: where voxel axis a points, in LPS
    extent = np.multiply(grid.size, grid.spacing)
    voxel_axis = max(permutations(range(3)), key=lambda axes: sum(abs(direction[p, a]) for p, a in enumerate(axes)))
    found = []
    for name in PLANES:
        normal, right, down = (voxel_axis[patient_axis] for patient_axis in _LAYOUT[name])
        flip_right = direction[_LAYOUT[name][1], right] < 0
        flip_down = direction[_LAYOUT[name][2], down] * _DOWN_SIGN[name] < 0
        to_right = direction[:, right] * (-1 if flip_right else 1)
        to_bottom = direction[:, down] * (-1 if flip_down else 1)
        edges = tuple(map(_axis if unknown else letters, (-to_right, to_right, -to_bottom, to_bottom)))
        size = (float(extent[right]), float(extent[down]))
        found.append(Plane(name, normal, right, down, bool(flip_right), bool(flip_down), edges, size))
    single = [plane for plane in found if grid.size[plane.normal] == 1]
    return [replace(single[0], name="")] if unknown else single[:1] or found


def letters(vector: np.ndarray) -> str:
    """The patient's side that a direction in LPS points to: "L", or "LA" where it leans by more than 15 degrees."""
    vector = np.asarray(vector, float) / np.linalg.norm(vector)
    order = np.argsort(-np.abs(vector), kind="stable")
    names = [pair[int(v > 0)] for pair, v in zip(("RL", "AP", "IS"), vector, strict=True)]
    second = names[order[1]] if abs(vector[order[1]]) > _SECOND_LETTER else ""
    return names[order[0]] + second


def _axis(vector: np.ndarray) -> str:
    axis = int(np.argmax(np.abs(vector)))
    return ("+" if vector[axis] > 0 else "−") + "xyz"[axis]


def centre(image: sitk.Image) -> tuple[float, ...]:
    """Physical position, mm, LPS, of the middle voxel (index size // 2)."""
    return image.TransformIndexToPhysicalPoint([size // 2 for size in image.GetSize()])


def index_at(image: sitk.Image, position: tuple[float, ...]) -> tuple[int, ...] | None:
    """Index of the voxel that holds a physical position (mm, LPS), or None outside the image."""
    if len(position) != image.GetDimension():
        wanted = "(x, y, z)" if image.GetDimension() == 3 else "(x, y)"
        raise ValueError(f"at is a physical position {wanted} in mm; got {len(position)} numbers.")
    index = image.TransformPhysicalPointToIndex([float(p) for p in position])
    inside = all(0 <= i < size for i, size in zip(index, image.GetSize(), strict=True))
    return index if inside else None


def require_same_grid(image: sitk.Image, other: sitk.Image, what: str) -> None:
    """Raise ValueError unless the voxels of both images are the same."""
    if Grid.of(image).matches(Grid.of(other)):
        return
    interpolator = "sitkNearestNeighbor" if what == "labels" else "sitkLinear"
    raise ValueError(
        f"{what} and image lie on different grids: {_grid(other)}, and {_grid(image)}. Resample {what} onto the "
        f"grid of the image first: sitk.Resample({what}, image, transform, sitk.{interpolator}, 0)."
    )


def _grid(image: sitk.Image) -> str:
    spacing, origin = ("(" + ", ".join(f"{n:.4g}" for n in v) + ")" for v in (image.GetSpacing(), image.GetOrigin()))
    return f"size {image.GetSize()}, spacing {spacing} mm, origin {origin} mm"


def bar_length(width: float) -> float:
    """A round length, mm (1, 2 or 5 times a power of ten), of at most 30 % of `width` mm."""
    power = 10.0 ** np.floor(np.log10(width * 0.3))
    return float(max(step * power for step in (1, 2, 5) if step * power <= width * 0.3 * (1 + 1e-9)))


def length_text(mm: float) -> str:
    """A length with a unit that suits it: "50 mm", "20 µm", "5 nm"."""
    unit, factor = ("mm", 1) if mm > 0.999 else ("µm", 1e3) if mm > 0.999e-3 else ("nm", 1e6)
    return f"{mm * factor:g} {unit}"
