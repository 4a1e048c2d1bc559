"""A small network that predicts the displacement field between two images, after RegNet.

    network = regnet.load(dimension=3)
    transform = regnet.predict(network, fixed, moving)
    found = regnet.register(fixed, moving)        # the network where the motion is large, then the streamed solve

RegNet (H. Sokooti et al., Nonrigid image registration using multi-scale 3D convolutional neural networks, MICCAI 2017;
arXiv 1908.10235) learns from artificial deformations: who has made the field knows the answer, so supervision is free.
It works in stages, each for motions of a certain size. Here these are two, which look at voxels of 8 and of 4 mm, and
may be repeated. A stage is arithmetic at first and learning second:

- *features* describe each voxel, by arithmetic (MIND) and by a few learned convolutions;
- a *cost volume* holds how much the features of a fixed voxel are those of each moving voxel within its reach;
- an expected displacement is read off it, in which neighbours agree (as in M. Heinrich's convex optimisation, "Closing
  the gap between deep and conventional image registration using probabilistic dense displacement networks", MICCAI
  2019);
- a small U-Net looks at all of that, and adds what is still missing.

Untrained, the features are those of arithmetic alone and the U-Net adds next to nothing: that is the row beside which
the trained network must stand.

Tensors are (batch 1, channel, z, y, x), or (…, y, x) for pictures. Displacements have the components x, y(, z) along
the axes of the grid, and are counted in *cells*, of two voxels.
"""

from regseg.learn.regnet.examples import Anatomy, pairs
from regseg.learn.regnet.hybrid import Found, register
from regseg.learn.regnet.losses import loss, unsupervised_loss
from regseg.learn.regnet.network import PASSES, RegNet, load, shipped
from regseg.learn.regnet.prediction import predict

__all__ = [
    "PASSES",
    "Anatomy",
    "Found",
    "RegNet",
    "load",
    "loss",
    "pairs",
    "predict",
    "register",
    "shipped",
    "unsupervised_loss",
]
