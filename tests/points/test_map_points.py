"""Points and meshes carried by `regseg map-points`, where the answer is known."""

import csv
import re
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from regseg import points, volumes
from regseg.__main__ import main
from regseg.grid import Grid


@pytest.fixture(scope="module")
def bent() -> sitk.Transform:
    """A turn by 0.4 about z with a shift, after a bend of up to about 6 mm over 160 mm."""
    turn = sitk.Euler3DTransform((10.0, 0.0, 5.0), 0.0, 0.0, 0.4, (30.0, -12.0, 7.0))
    bend = sitk.BSplineTransformInitializer(sitk.Image([40, 40, 40], sitk.sitkUInt8) + 0, [4, 4, 4])
    bend.SetTransformDomainPhysicalDimensions((160.0, 160.0, 160.0))
    numbers = np.random.default_rng(0).normal(0, 3, len(bend.GetParameters()))
    bend.SetParameters(numbers.tolist())
    return sitk.CompositeTransform([turn, bend])


@pytest.fixture
def cloud() -> np.ndarray:
    """200 points (mm)."""
    return np.random.default_rng(1).uniform(20, 140, (200, 3))


def written(tmp_path, transform, name="transform.h5"):
    sitk.WriteTransform(transform, str(tmp_path / name))
    return str(tmp_path / name)


def test_points_go_where_the_transform_brings_them_and_come_back(bent, cloud):
    there = points.carry(bent, cloud)
    assert there == pytest.approx(np.array([bent.TransformPoint(point) for point in cloud.tolist()]))
    assert np.abs(there - cloud).max() > 20
    assert points.carry(bent, there, inverse=True) == pytest.approx(cloud, abs=1e-4)


def test_lengths_of_a_microscope_come_back_too():
    """A field of 0.01 mm: what is near is counted in the numbers' own size."""
    small = sitk.ScaleTransform(3, (1.1, 0.9, 1.0))
    cloud = np.random.default_rng(1).uniform(0, 0.01, (20, 3))
    assert points.carry(small, points.carry(small, cloud), inverse=True) == pytest.approx(cloud, rel=1e-5)


def test_a_point_without_a_place_is_none():
    flat = sitk.AffineTransform((1, 0, 0, 0, 1, 0, 0, 0, 0), (0, 0, 0))
    found = points.carry(flat, [(1.0, 2.0, 0.0), (1.0, 2.0, 3.0), (np.nan, 0.0, 0.0)], inverse=True)
    assert np.isnan(found).any(axis=1).tolist() == [False, True, True]


@pytest.fixture(scope="module")
def registration(tmp_path_factory, bent):
    """The bend and the turn as displacements in chunks, there and back, and there alone; oblique."""
    folder = tmp_path_factory.mktemp("registration")
    turned = sitk.Euler3DTransform((0, 0, 0), 0.1, -0.2, 0.3).GetMatrix()
    grid = Grid.around((80.0, 80.0, 80.0), (60, 55, 50), (4.0, 4.0, 5.0), turned)
    there = np.moveaxis(sitk.GetArrayFromImage(grid.sample(bent)), -1, 0)
    every = grid.shrink((4, 4, 4))
    some = every.points(np.indices(every.size).reshape(3, -1).T)
    back = (points.carry(bent, some, inverse=True) - some).T.reshape(3, *every.size).transpose(0, 3, 2, 1)
    with volumes.create_displacements(folder / "both.zarr", {"forward": [grid], "inverse": [every]}, chunk=16) as both:
        both["forward"][0].array[...] = volumes.along_axes(there, grid)
        both["inverse"][0].array[...] = volumes.along_axes(back, every)
    with volumes.create(folder / "field.zarr", [grid], "float32", chunk=16, components=3) as [field]:
        field.array[...] = there
    return folder


def test_a_field_in_chunks_carries_as_its_transform_does(registration, bent, cloud):
    there = points.carry(bent, cloud)
    for name in "both.zarr", "field.zarr", "both.zarr/forward":
        fields = points.Displacements(*volumes.open_displacements(registration / name))
        assert fields.carry(cloud) == pytest.approx(there, abs=0.3)
    field = volumes.open_volume(registration / "field.zarr")
    sampled = sitk.DisplacementFieldTransform(sitk.Cast(field.read(), sitk.sitkVectorFloat64))
    alone = points.Displacements(field)
    assert alone.carry(cloud) == pytest.approx(points.carry(sampled, cloud), abs=1e-4)
    assert alone.carry(alone.carry(cloud), inverse=True) == pytest.approx(cloud, abs=1e-4)


def test_the_way_back_in_chunks_is_taken_where_there_is_one(registration, bent, cloud):
    fields = points.Displacements(*volumes.open_displacements(registration / "both.zarr"))
    found = fields.carry(points.carry(bent, cloud), inverse=True)
    assert found == pytest.approx(cloud, abs=3)  # read between voxels of 16 mm
    assert np.abs(found - cloud).max() > 1e-3


def test_what_lies_beyond_a_field_has_no_place(registration):
    fields = points.Displacements(*volumes.open_displacements(registration / "field.zarr"))
    for inverse in False, True:
        found = fields.carry(np.array([(80.0, 80, 80), (1e4, 0, 0), (np.nan, 0, 0)]), inverse=inverse)
        assert np.isnan(found).any(axis=1).tolist() == [False, True, True]


def test_a_table_of_any_length_follows_a_field_that_stays_on_the_disk(registration, tmp_path, capsys):
    """The points lie near each other, and few of the 64 chunks are needed: the others are spoiled, which shows."""
    few = tmp_path / "few.zarr"
    shutil.copytree(registration / "field.zarr", few)
    kept = {f"0/c/0/{k}/{j}/{i}" for k in (1, 2) for j in (1, 2) for i in (1, 2)}
    lost = [file for file in few.rglob("c/*/*/*/*") if file.relative_to(few).as_posix() not in kept]
    assert len(lost) == 64 - 8
    for file in lost:
        file.write_bytes(b"not what a codec wrote")
    [middle] = volumes.open_volume(few).grid.points([(24, 24, 24)])
    cloud = np.random.default_rng(0).uniform(-10, 10, (120_000, 3)) + middle
    np.savetxt(tmp_path / "cells.csv", cloud, fmt="%.6f", delimiter=",", header="x,y,z", comments="")
    call = ["map-points", str(few), str(tmp_path / "cells.csv"), "--output"]
    assert main([*call, str(tmp_path / "out.csv")]) == 0
    whole = points.Displacements(volumes.open_volume(registration / "field.zarr"))
    found = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1)
    assert found == pytest.approx(whole.carry(cloud), abs=1e-3)
    (tmp_path / "far.csv").write_text("0,0,0\n")
    assert main(["map-points", str(few), str(tmp_path / "far.csv"), "--output", str(tmp_path / "none.csv")]) == 1
    assert re.search(r"few.zarr is damaged: its chunk \(0, \d, \d\) cannot be read", capsys.readouterr().err)
    assert not (tmp_path / "none.csv").exists()


def test_a_table_keeps_all_but_its_positions(tmp_path, bent, cloud):
    with (tmp_path / "cells.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "Z (mm)", "Y (mm)", "X (mm)", "size"])
        writer.writerows([f"cell {n}, so called", *point[::-1], n] for n, point in enumerate(cloud.tolist()))
    call = ["map-points", written(tmp_path, bent), str(tmp_path / "cells.csv"), "--output", str(tmp_path / "out.csv")]
    assert main(call) == 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["name", "Z (mm)", "Y (mm)", "X (mm)", "size"]
    assert [(row[0], row[4]) for row in rows] == [(f"cell {n}, so called", str(n)) for n in range(200)]
    assert np.array([row[3:0:-1] for row in rows], float) == pytest.approx(points.carry(bent, cloud), rel=1e-7)


def test_a_table_without_names_begins_with_its_positions(tmp_path):
    (tmp_path / "points.csv").write_text("1,2,3,left\n4,5,6,right\n")
    move = sitk.TranslationTransform(3, (10.0, 0.0, -1.0))
    call = ["map-points", written(tmp_path, move, "move.tfm"), str(tmp_path / "points.csv")]
    assert main([*call, "--output", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text() == "11,2,2,left\n14,5,5,right\n"
    assert main([*call, "--inverse", "--output", str(tmp_path / "back.csv")]) == 0
    assert (tmp_path / "back.csv").read_text() == "-9,2,4,left\n-6,5,7,right\n"


def test_units_and_sides_are_those_of_the_file(tmp_path):
    (tmp_path / "points.csv").write_text("x,y,z\n1000,2000,3000\n")
    move = sitk.TranslationTransform(3, (10.0, 0.0, -1.0))
    call = ["map-points", written(tmp_path, move, "move.tfm"), str(tmp_path / "points.csv"), "--unit", "um", "--ras"]
    assert main([*call, "--output", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text() == "x,y,z\n-9000,2000,2000\n"


def test_the_vertices_of_a_mesh_move_and_its_faces_stay(tmp_path):
    mesh = "# a triangle\nv 1 2 3\nv 4 5 6 0.5\nvn 0 0 1\nv 0 0 0\nf 1//1 2//1 3//1\nf 1/2/1 2 3/1\n"
    (tmp_path / "mesh.obj").write_text(mesh)
    move = written(tmp_path, sitk.TranslationTransform(3, (1.0, 1.0, 1.0)), "move.tfm")
    assert main(["map-points", move, str(tmp_path / "mesh.obj"), "--output", str(tmp_path / "out.obj")]) == 0
    assert (tmp_path / "out.obj").read_text() == "# a triangle\nv 2 3 4\nv 5 6 7 0.5\nv 1 1 1\nf 1 2 3\nf 1/2 2 3/1\n"


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_a_ply_mesh_of_any_kind_moves(tmp_path, kind):
    head = (
        f"ply\nformat {kind} 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty double z\n"
        "property float nx\nproperty uchar red\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    )
    order = ">" if kind == "binary_big_endian" else "<"
    dtype = [("x", f"{order}f4"), ("y", f"{order}f4"), ("z", f"{order}f8"), ("nx", f"{order}f4"), ("red", "u1")]
    vertices = np.array([(0, 1, 2, 9, 7), (3, 4, 5, 9, 8), (6, 7, 8, 9, 200)], dtype)
    face = b"3 0 1 2\n" if kind == "ascii" else b"\x03" + np.array([0, 1, 2], f"{order}i4").tobytes()
    text = "".join(" ".join(f"{n:g}" for n in vertex) + "\n" for vertex in vertices.tolist()).encode()
    body = text if kind == "ascii" else vertices.tobytes()
    (tmp_path / "mesh.ply").write_bytes(head.encode() + body + face)
    move = written(tmp_path, sitk.TranslationTransform(3, (1.0, 0.0, 0.5)), "move.tfm")
    call = ["map-points", move, str(tmp_path / "mesh.ply"), "--output", str(tmp_path / "out.ply")]
    assert main(call) == 0
    found = (tmp_path / "out.ply").read_bytes()
    start = found.index(b"end_header\n") + len(b"end_header\n")
    assert found[:start].decode() == head.replace("property float nx\n", "")
    kept = np.array([(1, 1, 2.5, 7), (4, 4, 5.5, 8), (7, 7, 8.5, 200)], [dtype[n] for n in (0, 1, 2, 4)])
    lines = "".join(" ".join(f"{n:g}" for n in vertex) + "\n" for vertex in kept.tolist()).encode()
    assert found[start:] == (lines if kind == "ascii" else kept.tobytes()) + face
    (tmp_path / "mesh.ply").write_bytes((tmp_path / "mesh.ply").read_bytes()[: len(head) + len(body) // 2])
    assert main(call) == 1


@pytest.mark.parametrize(
    ("name", "content", "output", "why"),
    [
        ("points.xlsx", "", "out.xlsx", "is no table (.csv) and no mesh (.obj, .ply)"),
        ("points.csv", "name,size\na,3\n", "out.csv", "a table has the columns x, y, z"),
        ("points.csv", "x,y,z\n1,two,3\n", "out.csv", "could not convert string to float: 'two'"),
        ("points.csv", "1,2,3\n", "out.obj", "must end in .csv"),
        ("points.csv", "1,2,3\n", "points.csv", "is an input, and would be replaced"),
        ("points.ply", "solid", "out.ply", "this is no PLY file"),
    ],
)
def test_what_is_no_list_of_points_is_named(tmp_path, capsys, name, content, output, why):
    (tmp_path / name).write_text(content)
    move = written(tmp_path, sitk.TranslationTransform(3, (1.0, 0.0, 0.5)), "move.tfm")
    assert main(["map-points", move, str(tmp_path / name), "--output", str(tmp_path / output)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("regseg: ")
    assert why in said
    assert said.count("\n") == 1
    assert (tmp_path / name).read_text() == content
    assert (tmp_path / name == tmp_path / output) or not (tmp_path / output).exists()


def test_points_that_are_lost_are_counted(tmp_path, capsys):
    (tmp_path / "points.csv").write_text("1,2,0\n1,2,3\n")
    flat = written(tmp_path, sitk.AffineTransform((1, 0, 0, 0, 1, 0, 0, 0, 0), (0, 0, 0)), "flat.tfm")
    call = ["map-points", flat, str(tmp_path / "points.csv"), "--inverse", "--output", str(tmp_path / "out.csv")]
    assert main(call) == 3
    assert "1 of them have no place" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text() == "1,2,0\nnan,nan,nan\n"
