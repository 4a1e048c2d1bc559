"""The net of a registration at every moment of its way, beside the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from regseg.show._explore import still_picture
from regseg.show.geometry import Plane
from regseg.show.picture import Picture, Room
from regseg.show.play.playground import Playground, require_slice


@dataclass
class NetPicture(Picture):
    """An image with a net over it: `net` holds x and y of its points, (2, rows, columns) in mm."""

    net: np.ndarray | None = None

    def draw(self, ax: Axes, plane: Plane, room: Room | None = None) -> None:
        super().draw(ax, plane, room)
        _, rows, columns = self.net.shape
        points = np.zeros((rows * columns, 3))
        points[:, :2] = self.net.reshape(2, -1).T
        x, y = plane.place(self.volume, points)[0].T.reshape(2, rows, columns)
        ax.plot(x, y, x.T, y.T, color="#f0e442", linewidth=0.9)


class BendingPlayground(Playground):
    """The image under the net at a moment, and under the true net. Made by `bending`."""

    def __init__(self, image: sitk.Image, nets: np.ndarray, truth: np.ndarray) -> None:
        self.image, self.nets, self.truth = image, nets, truth
        # A page gets numbers as images: here the nets of all moments one below the other, and the true one last.
        x, y = (sitk.GetImageFromArray(np.concatenate([*nets[:, axis], truth[axis]])) for axis in (0, 1))
        constants = {"columns": truth.shape[2], "rows": truth.shape[1], "last": len(nets) - 1}
        super().__init__("bending", {"image": image, "x": x, "y": y}, constants, {"step": 0})

    def words(self) -> str:
        step, last = self.page.state["step"], len(self.nets) - 1
        return f"the net of a registration after {step} of its {last} steps, halfway and at its end, and the true net"

    def row(self) -> list[tuple[NetPicture, Plane]]:
        chosen = (self.nets[self.page.state["step"]], self.nets[(len(self.nets) - 1) // 2], self.nets[-1], self.truth)
        drawn = [NetPicture(self.image, net=net) for net in chosen]
        return [(picture, picture.planes[0]) for picture in drawn]

    def _picture(self) -> dict[str, str]:
        last = len(self.nets) - 1
        names = [f"step {step}" for step in (self.page.state["step"], last // 2, last)]
        return still_picture([self.row()], self.words(), repr(self), names=(*names, "truth"))


def bending(image: sitk.Image, nets: ArrayLike, truth: ArrayLike) -> BendingPlayground:
    """Look at the net of a registration while it bends, step by step, in a notebook.

    On the left lies the image with the net of a moment, which a slider chooses and a button plays; on the right with
    the true net. Below stands how far the points of the two are apart in the mean, within the slice.

    Parameters
    ----------
    image : sitk.Image
        Two-dimensional and scalar: the slice of the moving image that the nets lie in.
    nets : array of float (moments, 2, rows, columns)
        Where the points of the net lie at each moment: x and y, in mm, LPS.
    truth : array of float (2, rows, columns)
        Where they should lie.

    Returns
    -------
    BendingPlayground

    Raises
    ------
    ValueError
        The image has three dimensions or colours, or the nets have other shapes or hold a NaN.

    Examples
    --------
    >>> nets = [net_of(transform)]
    >>> registration.AddCommand(sitk.sitkIterationEvent, lambda: nets.append(net_of(transform)))
    >>> registration.Execute(fixed, moving)
    >>> show.play.bending(moving[:, :, 47], nets, truth=net_of(true_transform))
    """
    require_slice(image, "image")
    nets, truth = np.asarray(nets, float), np.asarray(truth, float)
    if truth.ndim != 3 or len(truth) != 2 or nets.shape[1:] != truth.shape or not len(nets):
        raise ValueError(
            "nets is an array (moments, 2, rows, columns), and truth one of them, (2, rows, columns); "
            f"got the shapes {nets.shape} and {truth.shape}."
        )
    if not (np.isfinite(nets).all() and np.isfinite(truth).all()):
        raise ValueError("A net has a point that is nowhere (NaN or infinite): leave such points out of all nets.")
    return BendingPlayground(image, nets, truth)
