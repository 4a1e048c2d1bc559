"""The ways to look at two images, or at an image and its labels: pictures on both sides of a handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from regseg.blocks import shrunk
from regseg.report.deformation import Deformation
from regseg.report.pictures import (
    FIXED_COLOUR,
    MOVING_COLOUR,
    Drawn,
    LabelOutlines,
    Outlined,
    Still,
    VolumeMap,
    still,
)
from regseg.report.viewer import Viewer
from regseg.show.appearance import default_window
from regseg.show.picture import Pair, Picture

_VIEWED = 1_200_000  # voxels of an image in the viewer: a head in 2 mm


@dataclass(frozen=True)
class View:
    """One way to look: for each plane two pictures, left and right of a handle."""

    name: str
    title: str
    words: str
    left: str
    right: str
    planes: list[tuple[str, Still, Still]]


@dataclass(frozen=True)
class Looks:
    """The pictures of a report, all at one position."""

    fixed: sitk.Image
    windows: tuple[tuple[float, float], tuple[float, float]]
    levels: tuple[float, ...]
    at: tuple[float, ...]

    @classmethod
    def of(cls, fixed: sitk.Image, moving: sitk.Image, levels: tuple[float, ...], at: tuple[float, ...]) -> Looks:
        """Each image in its own window, the same before and after."""
        return cls(fixed, (default_window(fixed), default_window(moving)), levels, at)

    @property
    def picture(self) -> Picture:
        return self._of(self.fixed, self.windows[0])

    def _of(self, image: sitk.Image, window: tuple[float, float]) -> Picture:
        picture = Picture(image, self.at, window=window)
        picture.marked = False
        return picture

    def _planes(self, alt: str, left: Drawn, right: Drawn, between: tuple[str, str]) -> list[tuple[str, Still, Still]]:
        found = []
        for plane in self.picture.planes:
            caption = self.picture.caption(plane)
            where = f"{caption or 'The image'}: "
            stills = (
                still(drawn, plane, f"{where}{alt}, {side}.")
                for drawn, side in zip((left, right), between, strict=True)
            )
            found.append((caption, *stills))
        return found

    def registrations(self, seen: Sequence[sitk.Image], matched: Sequence[sitk.Image]) -> list[View]:
        """All ways to look at the fixed and the moving image together."""
        fixed, own = self.picture, self.windows[1]
        moving = [self._of(each, own) for each in seen]
        when = ("before registration", "after registration")
        contours = [Outlined(each, [(self.fixed, self.levels, FIXED_COLOUR, "solid")]) for each in moving]
        boards = [Pair(fixed, each, "checkerboard", None) for each in moving]
        differences = [Pair(fixed, self._of(each, self.windows[0]), "difference", None) for each in matched]
        return [
            View(
                "curtain",
                "Curtain",
                "Left of the handle is the fixed image, right of it the moving one after registration. Drag it over an "
                "edge: an edge that is in place does not jump.",
                "fixed",
                "moving, after",
                self._planes(
                    "the two images", fixed, moving[1], ("the fixed one", "the moving one after registration")
                ),
            ),
            View(
                "checkerboard",
                "Checkerboard",
                "Squares of the fixed and of the moving image in turn. Left of the handle before registration, right "
                "of it after: edges should go on from square to square.",
                "before",
                "after",
                self._planes("checkerboard of the fixed and the moving image", *boards, when),
            ),
            View(
                "contours",
                "Contours",
                "Contours of the fixed image on the moving one, before registration left of the handle, and after "
                "right of it: they should follow the edges beneath.",
                "before",
                "after",
                self._planes("contours of the fixed image on the moving one", *contours, when),
            ),
            View(
                "difference",
                "Difference",
                "Fixed minus moving: black where they agree, orange where the fixed image is brighter, blue where the "
                "moving one is.",
                "before",
                "after",
                self._planes("fixed minus moving image", *differences, when),
            ),
        ]

    def together(self, seen: Sequence[sitk.Image], labels: sitk.Image | None) -> Viewer:
        """Both images in the viewer, with the labels of the fixed one."""
        small, words = self._small(), "Both images, laid on each other in four ways."
        fixed = small.picture
        if labels is not None:
            fixed = small.labelled(labels)
            words += " The faint labels are those of the fixed image."
        moving = [small._of(shrunk(each, _VIEWED), self.windows[1]) for each in seen[::-1]]
        pairs = [Pair(fixed, each, "checkerboard", None) for each in moving]
        return Viewer.of(words, dict(zip(("after registration", "before registration"), pairs, strict=True)), 0.1)

    def alone(self, labels: sitk.Image, reference: sitk.Image | None) -> Viewer:
        """The image with its labels in the viewer, and with those of a reference."""
        maps = {"labels": labels} | ({} if reference is None else {"reference": reference})
        small = self._small()
        return Viewer.of("The image with its labels.", {name: small.labelled(each) for name, each in maps.items()}, 0.3)

    def _small(self) -> Looks:
        """The same, of an image in fewer voxels."""
        return Looks(shrunk(self.fixed, _VIEWED), self.windows, self.levels, self.at)

    def volumes(self, deformation: Deformation) -> list[tuple[str, Still]]:
        """The determinant, in the planes where most folds, else at the common position."""
        folded = sitk.GetArrayViewFromImage(deformation.determinant) <= 0
        at = self.at
        if folded.any():
            index = [
                int(np.argmax(np.sum(folded, axis=tuple(a for a in range(folded.ndim) if a != n))))
                for n in range(folded.ndim)
            ]
            at = self.fixed.TransformIndexToPhysicalPoint(index[::-1])
        here = Looks(self.fixed, self.windows, self.levels, at)
        drawn = VolumeMap(here.picture, deformation.determinant, self.levels)
        what = "local change of volume, contours of the fixed image for orientation"
        what += "; folds are black with a yellow line around them" if folded.any() else ""
        return [
            (here.picture.caption(p), still(drawn, p, f"{here.picture.caption(p)}: {what}."))
            for p in here.picture.planes
        ]

    def outlines(self, maps: Sequence[sitk.Image], way: sitk.Transform) -> list[tuple[str, Still, Still]]:
        """Outlines of the labels of both images on the fixed image, before and after."""
        labels = sitk.Resample(maps[0], self.fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        at = middle(labels != 0)
        here = Looks(self.fixed, self.windows, self.levels, at)
        drawn = []
        for each in sitk.Transform(way.GetDimension(), sitk.sitkIdentity), way:
            moved = sitk.Resample(maps[1], self.fixed, each, sitk.sitkNearestNeighbor, 0)
            drawn.append(
                LabelOutlines(here.picture, [(labels, FIXED_COLOUR, "solid"), (moved, MOVING_COLOUR, "dashed")])
            )
        return here._planes("outlines of the labels", *drawn, ("before registration", "after registration"))

    def labelled(self, labels: sitk.Image) -> Picture:
        """The image with labels, brought onto its voxels."""
        picture = self._of(self.fixed, self.windows[0])
        picture.labels = sitk.Resample(labels, self.fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        return picture

    def segmentations(self, ours: Picture, theirs: Picture | None) -> list[View]:
        """The image and its labels; and the labels beside those of a reference."""
        sides = ("the image alone", "with its labels")
        views = [
            View(
                "labels",
                "Labels",
                "Left of the handle is the image, right of it the image with its labels: an outline should follow an "
                "edge that you see without it.",
                "image",
                "labels",
                self._planes("the image and its labels", self.picture, ours, sides),
            )
        ]
        if theirs is None:
            return views
        outlines = [(theirs.labels, FIXED_COLOUR, "solid"), (ours.labels, MOVING_COLOUR, "solid")]
        return [
            *views,
            View(
                "reference",
                "Reference",
                "Left of the handle is the reference, right of it the labels that are judged.",
                "reference",
                "labels",
                self._planes("labels", theirs, ours, ("the reference", "the labels that are judged")),
            ),
            View(
                "differences",
                "Outlines",
                "Right of the handle the outlines of the reference are orange, and those of the labels blue.",
                "image",
                "outlines",
                self._planes(
                    "outlines of reference and labels", self.picture, LabelOutlines(self.picture, outlines), sides
                ),
            ),
        ]


def middle(mask: sitk.Image) -> tuple[float, ...]:
    """The position in mm of a voxel in the middle of a mask."""
    places = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)
    return mask.TransformIndexToPhysicalPoint([int(round(n)) for n in places.mean(axis=0)[::-1]])
