"""Is the transform right, and is it one that a body can follow?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.evaluate.inputs import inside, require_image, require_same_grid
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
    TypeError
        `transform` is none.
    ValueError
        The two sets do not match, hold no point or a NaN, or have another dimension than the transform; or the
        transform takes a point to a place that is not a finite number.

    References
    ----------
    Fitzpatrick, West: The distribution of target registration error in rigid-body point-based
    registration. IEEE TMI 20(9), 2001.
    """
    if not isinstance(transform, sitk.Transform):
        raise TypeError(
            f"tre wants a transform, not {type(transform).__name__}: sitk.DisplacementFieldTransform makes one of a "
            "displacement field, and empties the image that it is given, so give it sitk.Image(field)"
        )
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
    if not np.isfinite(mapped).all():
        raise ValueError(
            "the transform takes a landmark to no finite place: did its registration or its inversion fail?"
        )
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
        The mask is empty or holds NaN; a field lies on another grid or has no vectors; or a voxel of the mask is taken
        to a place that is not a finite number.
    """
    return _error(_displacements(found, mask, "the found") - _displacements(truth, mask, "the true"))


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
        The mask is empty or holds NaN; or a transform has another dimension, or takes a voxel of the mask to a place
        that is not a finite number.

    References
    ----------
    Christensen, Johnson: Consistent image registration. IEEE TMI 20(7), 2001.
    """
    if there.GetDimension() != back.GetDimension():
        raise ValueError(f"the way there is {there.GetDimension()}-D, and the way back {back.GetDimension()}-D")
    round_trip = sitk.CompositeTransform([back, there])  # the last acts first
    return _error(_displacements(round_trip, mask, "the round trip's"))


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
        `field` is not a displacement field, or holds NaN, an infinite value, or one above 1e100.
    """
    vectors, grid = _vectors(field, "the field").astype(float, copy=False), Grid.of(field)
    unknown = np.count_nonzero(~(np.abs(vectors) < 1e100).all(axis=-1))  # a product of three is a number up to 1e308
    if unknown:
        raise ValueError(
            f"the displacement field holds NaN, infinite or overflowing values in {unknown} voxels: whether it folds "
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
        `field` is not a displacement field or holds NaN, an infinite value, or one above 1e100; or the mask is empty,
        holds NaN or lies on another grid.
    """
    folded = sitk.GetArrayFromImage(jacobian_determinant(field)) <= 0
    if mask is None:
        return float(np.mean(folded))
    places = inside(mask)
    require_same_grid(field, mask, "the field", "the mask")
    return float(np.mean(folded[places]))


def _error(differences: np.ndarray) -> FieldError:
    distances = np.linalg.norm(differences, axis=-1)
    return FieldError(float(distances.mean()), float(np.percentile(distances, 95)), float(distances.max()))


def _displacements(one: sitk.Transform | sitk.Image, mask: sitk.Image, name: str) -> np.ndarray:
    """The displacements in mm, of shape (n, component), of the voxels in the mask."""
    places = inside(mask)
    if isinstance(one, sitk.Transform):
        name, vectors = f"{name} transform", sitk.GetArrayFromImage(Grid.of(mask).sample(one))
    else:
        name = f"{name} field"
        vectors = _vectors(one, name)
        require_same_grid(one, mask, name, "the mask")
    displacements = vectors[places]
    lost = np.count_nonzero(~np.isfinite(displacements).all(axis=-1))
    if lost:
        raise ValueError(
            f"{name} takes {lost} voxels of the mask to places that are not finite numbers: did its registration or "
            "its inversion fail?"
        )
    return displacements


def _vectors(field: sitk.Image, name: str) -> np.ndarray:
    """The displacements of a field, (z, y, x, component)."""
    require_image(field, name)
    vectors, dimension = field.GetPixelIDTypeAsString().startswith("vector"), field.GetDimension()
    components = field.GetNumberOfComponentsPerPixel() if vectors else 1
    if components != dimension:
        raise ValueError(
            f"a {dimension}-D displacement field has {dimension} numbers per voxel, {name} has "
            f"{components}: make one with sitk.TransformToDisplacementField"
        )
    return sitk.GetArrayFromImage(field)
