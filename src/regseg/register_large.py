"""The command `regseg register-large`: registration larger than memory, without a line of Python."""

from __future__ import annotations

import argparse
import csv
from contextlib import ExitStack
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.description = (
        "Register two images that need not fit in memory. FOLDER gets warped.zarr (the moving image on the fixed "
        "image's grid), field.zarr (the displacement in mm), transform.h5 (for SimpleITK), report.csv (what became of "
        "each block) and work/, from which a run that was killed goes on when it is started again."
    )
    parser.add_argument("fixed", metavar="FIXED", help="OME-Zarr, or any file that SimpleITK reads")
    parser.add_argument("moving", metavar="MOVING", help="the same")
    parser.add_argument("--output", required=True, type=Path, metavar="FOLDER", help="where the results go")
    parser.add_argument(
        "--initial", metavar="FILE", help="linear transform from fixed to moving, as SimpleITK writes it"
    )
    parser.add_argument("--mask", metavar="FILE", help="on the fixed image's grid, above 0.5 where voxels count")
    parser.add_argument(
        "--method",
        choices=["solve", "elastix", "simpleitk"],
        default="solve",
        help="the streamed solve (default), or blocks by elastix (extra `elastix-native`) or SimpleITK, blended",
    )
    parser.add_argument("--spacing", type=float, metavar="MM", help="finest voxels looked at; default 1, SimpleITK 2")
    parser.add_argument(
        "--block-size", type=float, metavar="MM", help="width of a block; default 64 voxels, SimpleITK 48"
    )
    parser.add_argument("--overlap", type=float, metavar="MM", help="width of its halo; default 8 voxels, elastix 16")
    parser.add_argument("--lattice", type=float, metavar="MM", help="cells of the field; default 4 voxels")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=1, metavar="N", help="processes on this computer; default 1")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a dask cluster that runs already")
    parser.add_argument("--memory", metavar="SIZE", help="limit of each worker on this computer, such as 2GiB")
    parser.add_argument("--plan", action="store_true", help="only print what would be done")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the command. What goes wrong raises ValueError, RuntimeError or OSError with a message for the user."""
    # Only this command needs dask and zarr, which take a second to import.
    import SimpleITK as sitk
    from dask.distributed import Client, LocalCluster

    from regseg import distributed

    if options.initial and not Path(options.initial).is_file():
        raise ValueError(f"There is no transform at {options.initial}.")
    initial = sitk.ReadTransform(options.initial) if options.initial else None
    sizes = {"spacing": options.spacing, "block_size": options.block_size, "overlap": options.overlap}
    stages = distributed.RECIPES[options.method](**{name: size for name, size in sizes.items() if size is not None})
    lattice = options.lattice or 4 * stages[-1].spacing
    options.output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        client = options.scheduler
        if (options.workers > 1 or options.memory) and not options.plan:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=options.workers,
                    threads_per_worker=1,
                    memory_limit=options.memory or "auto",
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                )
            )
            client = stack.enter_context(Client(cluster))
        schedule = distributed.register(
            options.fixed,
            options.moving,
            stages,
            initial=initial,
            mask=options.mask,
            lattice_spacing=lattice,
            workdir=options.output / "work",
            client=client,
        )
        print(schedule)
        if options.plan:
            return
        result = schedule.compute()
        print(result)
        distributed.write_field(schedule, result, options.output / "field.zarr", spacing=lattice)
        distributed.write_warped(schedule, result, options.output / "warped.zarr")
    sitk.WriteTransform(result.transform, str(options.output / "transform.h5"))
    with (options.output / "report.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["stage", "iteration", "block", "status", "message", "cpu_seconds"])
        for each in result.report:
            block = " ".join(map(str, each.index))
            writer.writerow([each.stage, each.iteration, block, each.status, each.message, f"{each.cpu_seconds:.3f}"])
    print(f"Written to {options.output}.")
