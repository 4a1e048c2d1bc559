"""Intensity windows and colours, the same in the static figures and in the viewer."""

from __future__ import annotations

import matplotlib
import numpy as np
import SimpleITK as sitk
from matplotlib.colors import LinearSegmentedColormap

# Okabe and Ito's colours for every kind of colour vision, with white for black, which the pictures' background is.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#FFFFFF")

CT_WINDOW = (-160.0, 240.0)  # HU: soft tissue
# Fixed - moving: orange where the fixed image is brighter, black where they agree, blue where the moving one is.
DIFFERENCE_MAP = LinearSegmentedColormap.from_list("difference", ["#bfe6ff", "#0a7fd6", "black", "#e68600", "#ffe6b3"])

# A blend, likewise, paints each image in one of two complementary colours: where they agree, the sum is grey.
BLEND_FIXED = np.array([1.0, 0.55, 0.0])
BLEND_MOVING = 1.0 - BLEND_FIXED

_SAMPLE = 2_000_000  # a window comes from at most about this many evenly spaced voxels


def label_colour(value: int) -> str:
    """The colour of a label: it depends on the value alone, so a label keeps it from figure to figure."""
    return OKABE_ITO[(int(value) - 1) % len(OKABE_ITO)]


def default_window(image: sitk.Image) -> tuple[float, float]:
    """The intensities drawn black and white when no window is given; one rule, for the whole image, never by slice.

    RGB: 0 to the type's maximum. Values below -500: taken for CT, -160 to 240 HU. At most 16 different whole
    values: a mask or label map, minimum to maximum. Otherwise the 1st to 99th percentile of the voxels above the
    minimum, which is the background; where these two are the same, minimum to maximum.
    """
    values = sitk.GetArrayViewFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        return 0.0, float(np.iinfo(values.dtype).max)
    sample = values.reshape(-1)[:: max(1, values.size // _SAMPLE)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    lowest, highest = float(sample.min()), float(sample.max())
    if lowest < -500:
        return CT_WINDOW
    whole = np.issubdtype(values.dtype, np.integer)
    foreground = sample[sample > lowest]
    if foreground.size and not (whole and highest - lowest < 16):
        low, high = map(float, np.percentile(foreground, (1, 99)))
        if high > low:
            return low, high
    return (lowest, highest) if highest > lowest else (lowest, lowest + 1.0)


def check_window(window: tuple[float, float]) -> tuple[float, float]:
    """The window as two floats; ValueError unless it is (low, high) with low < high."""
    if np.shape(window) != (2,) or not window[0] < window[1]:
        raise ValueError(f"window is (low, high) with low < high, in the image's own units; got {window!r}.")
    return float(window[0]), float(window[1])


def check_labels(labels: sitk.Image) -> None:
    """Raise ValueError unless every voxel holds a whole number from 0."""
    values = sitk.GetArrayViewFromImage(labels)
    wrong = ~np.isfinite(values) | (values < 0) | (np.rint(values) != values)
    if wrong.any():
        raise ValueError(
            f"labels are whole numbers from 0, and these hold {values[wrong][0]:g}. A label map is resampled with "
            "sitk.sitkNearestNeighbor; a map of probabilities may be shown as overlay."
        )


def check_drawable(image: sitk.Image) -> None:
    """Raise unless the image is scalar or RGB(A) of whole numbers."""
    if not isinstance(image, sitk.Image):
        raise TypeError(
            f"show draws SimpleITK images, not {type(image).__name__}: an array has no spacing, origin, direction. "
            "Make an image with sitk.GetImageFromArray(array), then image.CopyInformation(reference)."
        )
    kind = image.GetPixelIDTypeAsString()
    if kind.startswith("label"):  # of these SimpleITK cannot be asked anything more without ending Python
        raise ValueError(f"The image is a {kind}, a list of objects. Draw its voxels: sitk.LabelMapToLabel(image).")
    components = image.GetNumberOfComponentsPerPixel()
    if "complex" in kind:
        raise ValueError("The image is complex; draw its modulus: sitk.ComplexToModulus(image).")
    if components > 1 and (components not in (3, 4) or "float" in kind):
        raise ValueError(
            f"The image is a {kind} with {components} components, not a colour image. Draw its magnitude, "
            "sitk.VectorMagnitude(image), or one component, sitk.VectorIndexSelectionCast(image, 0)."
        )


def overlay_colours(opacity: float) -> np.ndarray:
    """An overlay's 256 colours, RGBA from 0 to 1, for its window: dark ones fade in, so that background stays clear."""
    colours = matplotlib.colormaps["inferno"](np.linspace(0, 1, 256))
    colours[:, 3] = opacity * np.minimum(1, np.linspace(0, 3, 256))
    return colours


def unit(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Values mapped linearly so that the window becomes 0 to 1, and clipped there."""
    return np.clip((values.astype(float) - window[0]) / (window[1] - window[0]), 0.0, 1.0)
