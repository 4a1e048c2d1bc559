"""BigStream on a pair, or on one block of it, in an environment of its own: python peer_bigstream.py FOLDER [block]

It needs `pip install bigstream==5.0.3 "zarr<3" "numcodecs<0.16"`: as released it asks for any zarr and imports what
only the second has, and the course needs the third. `large` calls it with that environment's Python, and reads the
field that it leaves in the folder, bigstream.mha, and the figures that it prints, as JSON.

The whole pair goes in one call, which takes more than an hour. The block is the one in the middle, of 64 voxels and a
quarter of them on each side, as its pipeline cuts it; a pair has dozens of them. BigStream has arrays, spacings and
origins, and no direction. So the affine start is rewritten for positions that are counted in mm from the first voxel,
in the order z, y, x, and the field is turned back. Its own example has a spline of 128 voxels, 25 iterations and no
pyramid, for light-sheet images that feature points have brought close. What is compared is its deformable step with the
settings that elastix has in `large`, mutual information and a spline of 10 mm reached in three levels, with those 25
iterations in each and a tenth of the voxels.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from bigstream.align import alignment_pipeline

BLOCK, HALO = 64, 16  # voxels
STEP = {
    "control_point_spacing": 10.0,
    "control_point_levels": (4, 2, 1),
    "metric": "MMI",
    "sampling": "RANDOM",
    "sampling_percentage": 0.1,
    "shrink_factors": (4, 2, 1),
    "smooth_sigmas": (4.0, 2.0, 1.0),
    "optimizer_args": {"learningRate": 0.25, "minStep": 0.0, "numberOfIterations": 25},
}


def from_first_voxel(image: sitk.Image) -> np.ndarray:
    """The matrix (4, 4) from mm counted from the first voxel, in the order z, y, x, to SimpleITK's positions."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3))[:, ::-1]
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def main(folder: Path, whole: bool) -> None:
    fixed, moving = (sitk.ReadImage(folder / f"{name}.mha", sitk.sitkFloat32) for name in ("fixed", "moving"))
    initial = sitk.ReadTransform(folder / "initial.tfm")
    affine = np.eye(4)
    affine[:3, 3] = initial.TransformPoint((0.0, 0.0, 0.0))
    affine[:3, :3] = np.transpose([initial.TransformPoint(row) for row in np.eye(3).tolist()]) - affine[:3, 3:]
    to_fixed, to_moving = from_first_voxel(fixed), from_first_voxel(moving)
    first = [0, 0, 0] if whole else [(n - BLOCK) // 2 - HALO for n in fixed.GetSize()]
    part = fixed if whole else sitk.RegionOfInterest(fixed, [BLOCK + 2 * HALO] * 3, first)

    began = time.process_time()
    field = alignment_pipeline(
        *(sitk.GetArrayFromImage(image) for image in (part, moving)),
        *(np.array(image.GetSpacing()[::-1]) for image in (part, moving)),
        steps=[("deform", STEP)],
        fix_origin=np.multiply(first, fixed.GetSpacing())[::-1],
        mov_origin=np.zeros(3),
        static_transform_list=[np.linalg.inv(to_moving) @ affine @ to_fixed],
    )
    spent = time.process_time() - began

    vectors = sitk.GetImageFromArray(np.asarray(field, float) @ to_fixed[:3, :3].T, isVector=True)
    vectors.CopyInformation(part)
    sitk.WriteImage(vectors, folder / "bigstream.mha")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes, on Linux
    print(json.dumps({"CPU (s)": spent, "peak memory (MiB)": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), whole="block" not in sys.argv[2:])
