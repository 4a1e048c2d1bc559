"""The command `regseg register`: a pair that fits in memory, registered and judged, without a line of Python."""

from __future__ import annotations

import argparse
from pathlib import Path

import SimpleITK as sitk

from regseg.files import written_whole
from regseg.register import pairs
from regseg.start import KINDS

_DOUBTFUL = 4  # the exit status of a run whose results are written, of which something looks wrong
_WARPED, _TRANSFORM, _INVERSE, _PAGE = "warped.nii.gz", "transform.h5", "inverse.h5", "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.description = (
        "Register two images of your own that fit in memory. FOLDER gets transform.h5 (for SimpleITK), warped.nii.gz "
        "(the moving image on the fixed image's grid) and report.html (a page that judges the result). What was "
        "assumed is printed. The exit status is 0, 1 where nothing was written, and 4 where something looks wrong."
    )
    parser.add_argument(
        "fixed", metavar="FIXED", help="any file that SimpleITK reads, a folder of DICOM slices, or OME-Zarr"
    )
    parser.add_argument("moving", metavar="MOVING", help="the same")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument("--start", choices=KINDS, default="affine", help="what comes first; default affine")
    parser.add_argument("--linear", action="store_true", help="nothing but that: for two scans of one head")
    parser.add_argument("--spacing", type=float, metavar="MM", help="finest voxels that the solve looks at")
    parser.add_argument("--no-network", action="store_true", help="never look for large motion with the network")
    parser.add_argument(
        "--both", action="store_true", help="register the other way round, too: inverse.h5, and a surer judgement"
    )
    parser.add_argument("--labels", nargs=2, metavar=("FIXED", "MOVING"), help="label maps, for the report alone")
    parser.add_argument("--points", nargs="+", metavar="FILE", help="landmarks, for the report alone")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status. What goes wrong raises an error with a message for the user."""
    output = Path(options.output)
    inputs = [options.fixed, options.moving, *(options.labels or ()), *(options.points or ())]
    for name in _WARPED, _TRANSFORM, _INVERSE, _PAGE:
        if (output / name).resolve() in [Path(each).resolve() for each in inputs]:
            raise ValueError(f"{output / name} is an input, and would be replaced: choose another output.")
    how = {
        "start": options.start,
        "deform": not options.linear,
        "spacing": options.spacing,
        "network": not options.no_network,
    }
    found = pairs.pair(options.fixed, options.moving, **how)
    back = pairs.pair(options.moving, options.fixed, **how) if options.both else None
    output.mkdir(parents=True, exist_ok=True)
    _write(sitk.WriteTransform, found.transform, output / _TRANSFORM)
    _write(sitk.WriteImage, found.warped, output / _WARPED)
    if back:
        _write(sitk.WriteTransform, back.transform, output / _INVERSE)
    print(found)
    judged = found.report(
        transform=output / _TRANSFORM,
        inverse=output / _INVERSE if back else None,
        labels=options.labels and tuple(options.labels),
        points=options.points and (tuple(options.points) if len(options.points) > 1 else options.points[0]),
    )
    judged.write(output / _PAGE)
    print(f"\n{judged}\n\nWritten to {output}.")
    return _DOUBTFUL if judged.verdict.doubts else 0


def _write(write, what: sitk.Transform | sitk.Image, file: Path) -> None:
    with written_whole(file) as out:
        write(what, out.name)
