"""Is the transform right, and is it one that a body can follow?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid


@dataclass(frozen=True)
class FieldError:
    """How far points land from where they should, in mm, over all voxels that were looked at.

    Attributes
    ----------
    mean : float
        The average distance.
    percentile_95 : float
        Nineteen of twenty voxels land closer than this.
    maximum : float
        The largest distance of all.
    """

    mean: float
    percentile_95: float
    maximum: float


def tre(transform: sitk.Transform, fixed_points: np.ndarray, moving_points: np.ndarray) -> np.ndarray:
    """Target registration error: how far from its partner each landmark lands.

    Parameters
    ----------
    transform : sitk.Transform
        Maps points of the fixed image to points of the moving image, as registration returns it.
    fixed_points, moving_points : array (n, d)
        Matching landmarks in mm, columns x, y(, z), in LPS.

    Returns
    -------
    array (n,)
        The error of each landmark in mm.

    Raises
    ------
    ValueError
        The two sets do not match, hold no point or a NaN, or have another dimension than the transform.

    References
    ----------
    Fitzpatrick, West: The distribution of target registration error in rigid-body point-based
    registration. IEEE TMI 20(9), 2001.
    """
    fixed_points, moving_points = np.asarray(fixed_points, float), np.asarray(moving_points, float)
    dimension = transform.GetDimension()
    if fixed_points.shape != moving_points.shape or fixed_points.ndim != 2 or not len(fixed_points):
        raise ValueError(
            f"landmarks must come in pairs, as two arrays (n, {dimension}) with n ≥ 1; "
            f"these are {fixed_points.shape} and {moving_points.shape}"
        )
    if fixed_points.shape[1] != dimension:
        raise ValueError(f"the landmarks are {fixed_points.shape[1]}-D and the transform is {dimension}-D")
    if not (np.isfinite(fixed_points).all() and np.isfinite(moving_points).all()):
        raise ValueError("a landmark has a coordinate that is not a finite number: remove the pair it belongs to")
    mapped = np.array([transform.TransformPoint(point) for point in fixed_points.tolist()])
    return np.linalg.norm(mapped - moving_points, axis=1)


def field_error(found: sitk.Transform | sitk.Image, truth: sitk.Transform | sitk.Image, mask: sitk.Image) -> FieldError:
    """How far from the truth a transform takes each voxel of a mask.

    Parameters
    ----------
    found, truth : sitk.Transform or sitk.Image
        Both map points of the fixed image to points of the moving one: as transforms, or as displacement fields in mm
        on the grid of the mask.
    mask : sitk.Image
        Where to look in the fixed image: wherever it is not zero.

    Returns
    -------
    FieldError
        Distances in mm.

    Raises
    ------
    ValueError
        The mask is empty, or a field lies on another grid, has no vectors, or holds a value that is not finite there.
    """
    inside = _inside(mask)
    ours, theirs = (_displacements(one, mask, name)[inside] for one, name in ((found, "found"), (truth, "true")))
    distances = np.linalg.norm(ours - theirs, axis=-1)
    return FieldError(float(distances.mean()), float(np.percentile(distances, 95)), float(distances.max()))


def inverse_consistency(there: sitk.Transform, back: sitk.Transform, mask: sitk.Image) -> FieldError:
    """How far from home each voxel of a mask ends that goes there and back again.

    Parameters
    ----------
    there, back : sitk.Transform
        From the fixed to the moving image, and from the moving to the fixed one, each registered by itself.
    mask : sitk.Image
        Where to look in the fixed image: wherever it is not zero.

    Returns
    -------
    FieldError
        Distances in mm; all 0 where one transform is the exact inverse of the other.

    Raises
    ------
    ValueError
        The mask is empty, or a transform has another dimension.

    References
    ----------
    Christensen, Johnson: Consistent image registration. IEEE TMI 20(7), 2001.
    """
    home = sitk.Transform(mask.GetDimension(), sitk.sitkIdentity)
    return field_error(sitk.CompositeTransform([back, there]), home, mask)  # the last acts first


def jacobian_determinant(field: sitk.Image) -> sitk.Image:
    """How much a displacement field enlarges a small volume around each voxel.

    Derivatives are central differences, and one-sided ones at the edge of the image.

    Parameters
    ----------
    field : sitk.Image
        Displacements in mm, a vector image with as many components as dimensions.

    Returns
    -------
    sitk.Image
        The determinant on the same grid: 1 keeps a volume, 0.5 halves it, 0 or less folds.

    Raises
    ------
    ValueError
        `field` is not a displacement field, or holds a value that is not a finite number.
    """
    grid = Grid.of(field)
    vectors = _vectors(field, "the field")
    if not np.isfinite(vectors).all():
        count = int(np.count_nonzero(~np.isfinite(vectors).all(axis=-1)))
        raise ValueError(
            f"the displacement field holds values that are not finite numbers in {count} voxels: whether it folds "
            "there is not known. Did its inversion or its registration fail?"
        )
    # SimpleITK's filter differentiates along the index axes and takes the vectors as if they were given along them too,
    # so we turn them there; a change of axes leaves the determinant as it is. It repeats the edge of the image, which
    # would halve the derivative there: one more voxel on each side, in the direction of the last two, mends that.
    along_index = vectors @ np.linalg.inv(grid.axes).T
    padded = np.pad(along_index, [(1, 1)] * grid.dimension + [(0, 0)], mode="reflect", reflect_type="odd")
    image = sitk.GetImageFromArray(padded, isVector=True)
    image.SetSpacing(grid.spacing)
    determinant = sitk.DisplacementFieldJacobianDeterminant(image)
    return grid.image(sitk.GetArrayViewFromImage(determinant)[(slice(1, -1),) * grid.dimension])


def folding(field: sitk.Image, mask: sitk.Image | None = None) -> float:
    """The fraction of voxels at which a displacement field folds space onto itself.

    Parameters
    ----------
    field : sitk.Image
        Displacements in mm, a vector image with as many components as dimensions.
    mask : sitk.Image, optional
        Count only where this is not zero; on the same grid as `field`.

    Returns
    -------
    float
        From 0 (a smooth, invertible map) to 1: where the Jacobian determinant is not above zero.

    Raises
    ------
    ValueError
        `field` is not a displacement field or holds a value that is not a finite number, or the mask is empty or lies
        on another grid.
    """
    folded = sitk.GetArrayFromImage(jacobian_determinant(field)) <= 0
    if mask is None:
        return float(np.mean(folded))
    require_same_grid(field, mask, "the field", "the mask")
    return float(np.mean(folded[_inside(mask)]))


def _displacements(one: sitk.Transform | sitk.Image, mask: sitk.Image, name: str) -> np.ndarray:
    """The displacements in mm, of shape (z, y, x, component), at the voxels of the mask."""
    if isinstance(one, sitk.Transform):
        return sitk.GetArrayFromImage(Grid.of(mask).sample(one))
    require_same_grid(one, mask, f"the {name} field", "the mask")
    vectors = _vectors(one, f"the {name} field")
    if not np.isfinite(vectors[_inside(mask)]).all():
        raise ValueError(f"the {name} field holds values in the mask that are not finite numbers")
    return vectors


def _vectors(field: sitk.Image, name: str) -> np.ndarray:
    """The displacements of a field, (z, y, x, component)."""
    vectors, dimension = field.GetPixelIDTypeAsString().startswith("vector"), field.GetDimension()
    components = field.GetNumberOfComponentsPerPixel() if vectors else 1
    if components != dimension:
        raise ValueError(
            f"a {dimension}-D displacement field has {dimension} numbers per voxel, {name} has "
            f"{components}: make one with sitk.TransformToDisplacementField"
        )
    return sitk.GetArrayFromImage(field)


def _inside(mask: sitk.Image) -> np.ndarray:
    require_scalar(mask, "the mask")
    inside = sitk.GetArrayViewFromImage(mask) != 0
    if not inside.any():
        raise ValueError("the mask is empty: there is no voxel to look at")
    return inside


def require_scalar(image: sitk.Image, name: str) -> None:
    """Raise ValueError unless an image has one number per voxel."""
    kind = image.GetPixelIDTypeAsString()
    if kind.startswith(("label", "vector")):  # SimpleITK, asked for the voxels of a label map, ends Python itself
        raise ValueError(
            f"{name} must have one number per voxel, and its voxels are a {kind}: make a label map an image with "
            "sitk.LabelMapToLabel, and of a vector image take one component with sitk.VectorIndexSelectionCast"
        )


def require_same_grid(one: sitk.Image, other: sitk.Image, name: str, other_name: str) -> None:
    """Raise ValueError unless the voxels of both images are the same."""
    if not Grid.of(one).matches(Grid.of(other)):
        raise ValueError(
            f"{name} and {other_name} do not lie on the same grid (size, origin, spacing or direction differ): "
            "resample one onto the other first, labels with sitk.sitkNearestNeighbor"
        )
