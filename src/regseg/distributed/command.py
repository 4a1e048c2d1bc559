"""The command `regseg register-large`: registration larger than memory, without a line of Python."""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import dask
import SimpleITK as sitk
from dask.distributed import Client, LocalCluster
from dask.utils import parse_bytes

from regseg import distributed, volumes
from regseg.distributed import Plan, Result, cluster, store, warp
from regseg.distributed.images import Source
from regseg.distributed.needs import demand_memory, needs
from regseg.files import written_whole
from regseg.readers import read_transform

_SMALLEST = 300_000_000  # bytes: what Python and its libraries take in a worker, and a little more
# A worker gets Ctrl-C like its parent, who ends it in good order: without this each prints a page of its own.
_HEEDLESS = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)"
_VOLUMES = ("field.zarr", "displacements.zarr", "warped.zarr")
_BLOCKS_FAILED = 3  # the exit status of a run whose results are written, but are a guess where blocks failed
_DOUBTFUL = 4  # of one whose results are written, but do not make the images alike


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.description = (
        "Register two images that need not fit in memory. FOLDER gets warped.zarr (the moving image on the fixed "
        "image's grid), field.zarr (the displacement in mm), displacements.zarr (there and back, as OME-Zarr 0.6 has "
        "it), transform.h5 (for SimpleITK) and report.csv (what became of each block). While it runs FOLDER has work/ "
        "too, from which a run that was killed, or in which blocks have failed, goes on with --resume. The exit status "
        "is 0, 1 where nothing was written, 3 where blocks failed, and 4 where the images have not become more alike."
    )
    parser.add_argument(
        "fixed", metavar="FIXED", help="OME-Zarr, a folder of DICOM slices, or any file that SimpleITK reads"
    )
    parser.add_argument("moving", metavar="MOVING", help="the same")
    parser.add_argument(
        "--output", required=True, metavar="FOLDER", help="where the results go; or an address, s3:// or gs://"
    )
    parser.add_argument(
        "--work", metavar="FOLDER", help="the work folder, which all workers see under one path; default FOLDER/work"
    )
    parser.add_argument(
        "--initial",
        metavar="FILE",
        help="linear transform from fixed to moving, as SimpleITK writes it; or the word auto: one is looked for, for "
        "images that do not lie on each other yet",
    )
    parser.add_argument("--mask", metavar="FILE", help="on the fixed image's grid, above 0.5 where voxels count")
    for what in "channel", "time":
        parser.add_argument(
            f"--{what}",
            type=_numbers,
            default=(None, None),
            metavar="N[,M]",
            help=f"the {what} of OME-Zarr images that have several, from 0; with M another one of the moving image",
        )
    parser.add_argument(
        "--method",
        choices=list(distributed.RECIPES),
        default="solve",
        help="the streamed solve (default), or blocks by elastix (extra `elastix-native`) or SimpleITK, blended",
    )
    parser.add_argument(
        "--spacing",
        type=float,
        metavar="MM",
        help="finest voxels looked at; default those of FIXED, SimpleITK twice as large",
    )
    parser.add_argument(
        "--block-size", type=float, metavar="MM", help="width of a block; default 64 voxels, SimpleITK 48"
    )
    parser.add_argument("--overlap", type=float, metavar="MM", help="width of its halo; default 8 voxels, elastix 16")
    parser.add_argument("--lattice", type=float, metavar="MM", help="cells of the field; default 4 voxels")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_count, default=1, metavar="N", help="processes on this computer; default 1")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a dask cluster that runs already")
    parser.add_argument("--memory", metavar="SIZE", help="limit of each worker on this computer, such as 2GiB")
    parser.add_argument(
        "--fill", type=float, metavar="VALUE", help="of voxels outside the moving image; default its background"
    )
    parser.add_argument("--resume", action="store_true", help="go on from what an earlier run has left in FOLDER/work")
    parser.add_argument("--plan", action="store_true", help="only print what would be done, and write nothing")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} workers cannot be: give 1 or more")
    return int(text)


def _numbers(text: str) -> tuple[int, int]:
    numbers = text.split(",")
    if len(numbers) > 2 or not all(map(str.isdecimal, numbers)):
        raise argparse.ArgumentTypeError(f"{text} is not a number, nor two such as 0,1")
    return int(numbers[0]), int(numbers[-1])


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit status. What goes wrong raises an error with a message for the user."""
    memory = None if options.memory is None else parse_bytes(options.memory)
    if memory is not None and memory < _SMALLEST:
        raise ValueError(f"A worker with {options.memory} could not even start: give at least {_SMALLEST // 10**6} MB.")
    spacing = options.spacing
    if spacing is None:
        finest = min(Source.of(options.fixed, channel=options.channel[0], time=options.time[0]).grids[0].spacing)
        spacing = 2 * finest if options.method == "simpleitk" else finest
    stages = distributed.RECIPES[options.method](spacing, options.block_size, options.overlap)
    lattice = 4 * stages[-1].spacing if options.lattice is None else options.lattice
    plan = distributed.plan(
        options.fixed,
        options.moving,
        stages,
        initial=options.initial if options.initial in (None, "auto") else read_transform(options.initial),
        mask=options.mask,
        lattice_spacing=lattice,
        channel=options.channel,
        time=options.time,
    )
    print(plan)
    needed = needs(plan, trial=options.plan)
    print(needed)
    demand_memory(needed, memory)
    if options.plan:
        return 0
    _demand_outputs(plan, options)
    output, work = _places(options)
    with ExitStack() as stack:
        if isinstance(output, Path):
            stack.enter_context(store.claim(output))
            for left in output.glob("[dfw]*.partial-????????.zarr"):  # by a run that was killed while it wrote
                shutil.rmtree(left)
        client = stack.enter_context(cluster.connected(_local_cluster(options, stack) or options.scheduler))
        try:
            result = distributed.run(plan, workdir=work, resume=options.resume, client=client)
            print(result)
            before, after = result.similarity
            print(f"normalised mutual information of the two images: {before:.3f} before, {after:.3f} now (1 is none)")
            fill = warp.background(plan) if options.fill is None else options.fill
            print(f"voxels outside the moving image get the value {fill:g}{' (--fill)' * (options.fill is None)}")
            field, both, warped = (volumes.joined(output, name) for name in _VOLUMES)
            distributed.write_field(plan, result, field, spacing=lattice, client=client)
            distributed.write_displacements(plan, result, both, spacing=lattice, client=client)
            distributed.write_warped(plan, result, warped, fill=fill, client=client)
            _write(_transform(result, work / "transform.h5"), output, "transform.h5")
            _write(_table(result), output, "report.csv")
        except KeyboardInterrupt:
            print(f"What is done lies in {work}: start again with --resume to go on from it.", file=sys.stderr)
            raise
    print(f"Written to {output}.")
    if not isinstance(output, Path):
        shown = [each for each in (options.fixed, f"{output}/warped.zarr") if volumes.is_address(each)]
        print(f"Neuroglancer shows it, where the store lets it in: {volumes.neuroglancer_address(*shown)}")
    for doubt in result.doubts:
        print(f"regseg: {doubt}", file=sys.stderr)
    if not result.failed:
        shutil.rmtree(work)
        return _DOUBTFUL if result.doubts else 0
    wanted = sum(each.status != "skipped" for each in result.report)
    print(
        f"regseg: {len(result.failed)} of {wanted} blocks failed, and there the field is a guess; report.csv says why. "
        f"Mend the cause, and go on with --resume; or, where an image has changed, delete {work} and start anew.",
        file=sys.stderr,
    )
    return _BLOCKS_FAILED


def _places(options: argparse.Namespace) -> tuple[Path | str, Path]:
    """Where the results go, a folder or an address, and the work folder."""
    if volumes.is_address(options.output):
        if options.work is None:
            raise ValueError(
                f"{options.output} is an address, and votes need a folder that all workers see under one path: give "
                "--work FOLDER."
            )
        return options.output.rstrip("/"), store.work_folder(options.work)
    output = Path(options.output)
    return output, store.work_folder(output / "work" if options.work is None else options.work)


def _demand_outputs(plan: Plan, options: argparse.Namespace) -> None:
    """Raise ValueError, before the work, where an output could not be written, or an input would be lost."""
    output, work = _places(options)
    for name in _VOLUMES:
        warp.demand_writable(plan, volumes.joined(output, name))
    warp.demand_fill(plan, options.fill)
    for name in "transform.h5", "report.csv":
        if isinstance(output, Path) and (output / name).is_dir():
            raise ValueError(f"{output / name} is a folder: it is left alone. Choose another output.")
    inputs = [
        each for each in (options.fixed, options.moving, options.mask, options.initial) if each not in (None, "auto")
    ]
    for lost in work, volumes.joined(output, "transform.h5"):
        if any(volumes.holds(lost, each) for each in inputs):
            raise ValueError(f"{lost} is, or holds, an input, and would be replaced: choose another output.")


def _local_cluster(options: argparse.Namespace, stack: ExitStack) -> Client | None:
    """A client of so many processes on this computer, which end with the stack; None where one process is enough."""
    if options.workers == 1 and options.memory is None:
        return None
    # Dask tells malloc to give memory back at every turn, and the blocks' arrays ask for it again, page by page.
    environ = dict(dask.config.get("distributed.nanny.pre-spawn-environ"))
    environ.pop("MALLOC_TRIM_THRESHOLD_", None)
    stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": environ}))
    local = LocalCluster(
        n_workers=options.workers,
        threads_per_worker=1,
        memory_limit=options.memory or "auto",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        preload=_HEEDLESS,
    )
    return stack.enter_context(Client(stack.enter_context(local)))


def _transform(result: Result, file: Path) -> bytes:
    """The transform as SimpleITK writes it, which wants a file for that."""
    try:
        sitk.WriteTransform(result.transform, str(file))
    except RuntimeError:
        raise OSError(f"{file} could not be written. Is the disk full? Make room, and go on with --resume.") from None
    return file.read_bytes()


def _table(result: Result) -> bytes:
    """What became of each block, as .csv."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["stage", "iteration", "block", "status", "message", "cpu_seconds"])
    for each in result.report:
        block = " ".join(map(str, each.index))
        writer.writerow([each.stage, each.iteration, block, each.status, each.message, f"{each.cpu_seconds:.3f}"])
    return table.getvalue().encode()


def _write(content: bytes, output: Path | str, name: str) -> None:
    """Write a small result, whole or not at all."""
    if isinstance(output, Path):
        with written_whole(output / name) as out:
            out.write(content)
    else:
        volumes.put(output, name, content)
