"""How good is a registration or a segmentation? Thin functions over what SimpleITK measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.grid import Grid


@dataclass(frozen=True)
class Overlap:
    """How much two segmentations share.

    Attributes
    ----------
    dice : float
        Twice the common volume over the sum of the volumes, 0 to 1.
    jaccard : float
        The common volume over the volume of the union, 0 to 1.
    volume_ratio : float
        Volume of the segmentation over that of the reference; 1 is the same volume, anywhere.
    """

    dice: float
    jaccard: float
    volume_ratio: float


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between two surfaces in mm, gathered from both sides.

    Attributes
    ----------
    mean : float
        The average distance from a surface voxel to the other surface.
    percentile_95 : float
        Nineteen of twenty surface voxels lie closer than this.
    hausdorff : float
        The largest distance of all: one stray voxel decides it.
    """

    mean: float
    percentile_95: float
    hausdorff: float


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


def overlap(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> Overlap:
    """Volume overlap of one label in two label images.

    Raises
    ------
    ValueError
        The images lie in different physical spaces, or one of them does not contain the label.
    """
    ours, theirs = _binary(reference, segmentation, label)
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(ours, theirs)
    sizes = [np.count_nonzero(sitk.GetArrayViewFromImage(image)) for image in (ours, theirs)]
    return Overlap(measures.GetDiceCoefficient(), measures.GetJaccardCoefficient(), sizes[1] / sizes[0])


def surface_distance(reference: sitk.Image, segmentation: sitk.Image, label: int = 1) -> SurfaceDistance:
    """Distances in mm between the surfaces of one label in two label images, voxel centre to voxel centre.

    Raises
    ------
    ValueError
        The images lie in different physical spaces, or one of them does not contain the label.
    """
    ours, theirs = _binary(reference, segmentation, label)
    distances = np.concatenate([_from_surface(ours, theirs), _from_surface(theirs, ours)])
    return SurfaceDistance(float(distances.mean()), float(np.percentile(distances, 95)), float(distances.max()))


def jacobian_determinant(field: sitk.Image) -> sitk.Image:
    """How much a displacement field enlarges a small volume around each voxel.

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
        `field` is not a displacement field.
    """
    dimension = field.GetDimension()
    if field.GetNumberOfComponentsPerPixel() != dimension:
        raise ValueError(
            f"a {dimension}-D displacement field has {dimension} numbers per voxel, this image has "
            f"{field.GetNumberOfComponentsPerPixel()}: make one with sitk.TransformToDisplacementField"
        )
    # SimpleITK's filter differentiates along the index axes and takes the vectors as if they were given along them too,
    # so we turn them there; a change of axes leaves the determinant as it is.
    direction = np.reshape(field.GetDirection(), (dimension, dimension))
    along_index = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(field) @ direction, isVector=True)
    along_index.SetSpacing(field.GetSpacing())
    determinant = sitk.DisplacementFieldJacobianDeterminant(along_index)
    determinant.CopyInformation(field)
    return determinant


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
        `field` is not a displacement field, or the mask is empty or lies in another physical space.
    """
    folded = sitk.GetArrayFromImage(jacobian_determinant(field)) <= 0
    if mask is None:
        return float(np.mean(folded))
    _same_space(field, mask, "the field", "the mask")
    inside = sitk.GetArrayFromImage(mask) != 0
    if not inside.any():
        raise ValueError("the mask is empty: there is no voxel to look at")
    return float(np.mean(folded[inside]))


def _from_surface(of: sitk.Image, to: sitk.Image) -> np.ndarray:
    """Distance in mm of each surface voxel of one binary image to the surface of the other."""
    distance = sitk.Abs(
        sitk.SignedMaurerDistanceMap(sitk.LabelContour(to), squaredDistance=False, useImageSpacing=True)
    )
    # Border voxels that the object shares with the edge of the image belong to its surface too.
    surface = sitk.GetArrayFromImage(sitk.LabelContour(of)) != 0
    return sitk.GetArrayFromImage(distance)[surface]


def _binary(reference: sitk.Image, segmentation: sitk.Image, label: int) -> tuple[sitk.Image, sitk.Image]:
    _same_space(reference, segmentation, "the reference", "the segmentation")
    pair = reference == label, segmentation == label
    pair[1].CopyInformation(reference)  # SimpleITK would refuse what a file has rounded
    for image, name in zip(pair, ("reference", "segmentation"), strict=True):
        if not sitk.GetArrayViewFromImage(image).any():
            raise ValueError(f"the {name} has no voxel of label {label}: overlap with nothing is not defined")
    return pair


def _same_space(one: sitk.Image, other: sitk.Image, name: str, other_name: str) -> None:
    if not Grid.of(one).matches(Grid.of(other)):
        raise ValueError(
            f"{name} and {other_name} do not lie on the same grid (size, origin, spacing or direction differ): "
            "resample one onto the other first, labels with sitk.sitkNearestNeighbor"
        )
