"""What a measure can be taken of; everything else is refused in one sentence that says what to do."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid

WAYS_OUT = {
    "label": "sitk.LabelMapToLabel makes an image of a label map",
    "vector": "take one component with sitk.VectorIndexSelectionCast",
    "complex": "take their size with sitk.ComplexToModulus",
}


def require_image(image: sitk.Image, name: str) -> None:
    """Raise TypeError unless it is an image."""
    if not isinstance(image, sitk.Image):
        raise TypeError(
            f"{name} must be a SimpleITK image, not {type(image).__name__}: an array has no spacing, origin and "
            "direction. Make an image with sitk.GetImageFromArray(array), then image.CopyInformation(scan)"
        )


def values_of(image: sitk.Image, name: str) -> np.ndarray:
    """The voxels (z, y, x) of an image that has one finite number in each, or a sentence that says why not."""
    require_image(image, name)
    kind = image.GetPixelIDTypeAsString()
    for word, way_out in WAYS_OUT.items():
        if kind.startswith(word):  # SimpleITK, asked for the voxels of a label map, ends Python itself
            raise ValueError(f"{name} must have one number per voxel, and its voxels are a {kind}: {way_out}")
    if image.GetDimension() > 3:
        raise ValueError(f"{name} is {image.GetDimension()}-D: take one volume out of it, such as image[:, :, :, 0]")
    values = sitk.GetArrayViewFromImage(image)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        raise ValueError(
            f"{name} holds NaN or infinite values in {count} voxels, of which nobody knows whether they belong to the "
            "object: decide, for example with sitk.Threshold or np.nan_to_num, before you measure"
        )
    return values


def inside(mask: sitk.Image) -> np.ndarray:
    """Where a mask (z, y, x) is not zero; ValueError where it is empty."""
    found = values_of(mask, "the mask") != 0
    if not found.any():
        raise ValueError("the mask is empty: there is no voxel to look at")
    return found


def with_label(reference: sitk.Image, segmentation: sitk.Image, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Where two label images (z, y, x) have a label; compared as NumPy does, so that 257 is not 1 in eight bits."""
    masks = []
    for image, name in ((reference, "the reference"), (segmentation, "the segmentation")):
        values = values_of(image, name)
        if values.dtype.kind == "f" and (fractions := values[values != np.rint(values)]).size:
            raise ValueError(
                f"{name} holds {fractions[0]:.3g}, and labels are whole numbers: compare a map of probabilities with a "
                "threshold first (image > 0.5), and resample labels with sitk.sitkNearestNeighbor"
            )
        masks.append(values == label)
    require_same_grid(reference, segmentation, "the reference", "the segmentation")
    return masks[0], masks[1]


def both_with_label(reference: sitk.Image, segmentation: sitk.Image, label: int) -> tuple[np.ndarray, np.ndarray]:
    """The same, and ValueError where one of the two does not have the label: no number is made of nothing."""
    masks = with_label(reference, segmentation, label)
    for mask, image, name in zip(masks, (reference, segmentation), ("reference", "segmentation"), strict=True):
        if not mask.any():
            held = ", ".join(f"{value:g}" for value in np.unique(sitk.GetArrayViewFromImage(image))[:5])
            raise ValueError(
                f"the {name} has no voxel of label {label} (it holds {held}): the measure would be 0/0 or a distance "
                "to nothing. regseg.evaluate.detection counts what is missed and what is invented"
            )
    return masks


def require_same_grid(one: sitk.Image, other: sitk.Image, name: str, other_name: str) -> None:
    """Raise ValueError unless the voxels of both images are the same."""
    if one.GetDimension() != other.GetDimension():
        raise ValueError(
            f"{name} is {one.GetDimension()}-D and {other_name} is {other.GetDimension()}-D: they cannot be compared"
        )
    if not Grid.of(one).matches(Grid.of(other)):
        raise ValueError(
            f"{name} and {other_name} do not lie on the same grid (size, origin, spacing or direction differ): "
            "resample one onto the other first, labels with sitk.sitkNearestNeighbor"
        )
