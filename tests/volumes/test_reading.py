"""OME-Zarr as other programs write it: in its place and in mm, or refused in a sentence that names what was found."""

import json
import pickle
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
import zarr

from regseg import volumes
from regseg.grid import Box
from regseg.readers import read_image

SHAPE = (4, 5, 6)
VALUES = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


def space(names="zyx", unit="millimeter"):
    return [{"name": name, "type": "space", "unit": unit} for name in names]


def scale(*numbers):
    return {"type": "scale", "scale": list(numbers)}


def translation(*numbers):
    return {"type": "translation", "translation": list(numbers)}


TIME, CHANNEL = {"name": "t", "type": "time"}, {"name": "c", "type": "channel"}
UNIT = [scale(1, 1, 1)]
TURN = [[0.0, 0.6, 0.8], [0.0, 0.8, -0.6], [1.0, 0.0, 0.0]]  # of z, y, x, as all of OME-Zarr


@pytest.fixture
def store(tmp_path):
    """Writes a group with one image; returns its path."""

    def write(
        axes=None,
        steps=UNIT,
        whole=None,
        *,
        values=VALUES,
        name="other.zarr",
        inside="",
        version="0.5",
        form=3,
        **image,
    ):
        group = zarr.open_group(tmp_path / name, mode="a", zarr_format=form)
        group = group.create_group(inside) if inside else group
        group.create_array("s0", data=values)
        image |= {"datasets": [{"path": "s0", "coordinateTransformations": steps}]}
        image |= {"axes": space() if axes is None else axes} if "coordinateSystems" not in image else {}
        image |= {"coordinateTransformations": whole} if whole else {}
        if form == 3:
            group.attrs["ome"] = {"version": version, "multiscales": [image]}
        else:
            group.attrs["multiscales"] = [image | {"version": version}]
        return tmp_path / name / inside

    return write


def grid_of(path, **chosen):
    return volumes.open_volume(path, **chosen).grid


# --- where the voxels lie --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ("millimeter", 10),
        ("micrometer", 0.01),
        ("um", 0.01),
        ("µm", 0.01),
        ("μm", 0.01),
        ("micron", 0.01),
        ("nanometer", 1e-5),
        ("angstrom", 1e-6),
        ("centimeter", 100),
        ("meter", 10_000),
        ("inch", 254),
        ("Å", 1e-6),
        ("hectometer", 1e6),
        ("femtometer", 1e-11),
    ],
)
def test_lengths_are_brought_to_millimetres(store, unit, wanted):
    grid = grid_of(store(space(unit=unit), [scale(10, 10, 10), translation(20, 20, 20)]))
    np.testing.assert_allclose(grid.spacing, (wanted,) * 3)
    np.testing.assert_allclose(grid.origin, (2 * wanted,) * 3)


def test_each_axis_has_its_own_unit(store):
    axes = [*space("z", "micrometer"), *space("y", "millimeter"), *space("x", "nanometer")]
    np.testing.assert_allclose(grid_of(store(axes, [scale(2, 3, 4)])).spacing, (4e-6, 3, 0.002))


def test_what_moves_the_whole_image_comes_after_what_places_a_level(store):
    whole = [scale(2, 0.5, 0.5), translation(10, 20, 30)]
    grid = grid_of(store(steps=[scale(1, 1, 3), translation(1, 2, 4)], whole=whole))
    assert grid.spacing == (1.5, 0.5, 2)
    assert grid.origin == (32, 21, 12)


@pytest.mark.parametrize("names", ["xyz", "zxy", "yzx"])
def test_axes_go_by_their_names(store, names):
    values = VALUES.transpose(["zyx".index(name) for name in names])
    volume = volumes.open_volume(
        store(space(names), [scale(*("zyx".index(name) + 2.0 for name in names))], values=values)
    )
    assert volume.grid.size == SHAPE[::-1]
    assert volume.grid.spacing == (4, 3, 2)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.read()), VALUES)
    box = Box((1, 2, 0), (5, 4, 3))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.read(box)), VALUES[box.slices])
    np.testing.assert_array_equal(volume.array[2], VALUES[2])
    np.testing.assert_array_equal(volume.array[..., 1], VALUES[..., 1])
    assert (volume.array.shape, volume.array.ndim, volume.nbytes) == (SHAPE, 3, VALUES.nbytes)


@pytest.mark.parametrize("names", ["ctzyx", "tczyx", "zyxc", "zyxtc", "ztyxc", "xyzct", "cxtyz"])
def test_a_moment_and_a_channel_may_stand_anywhere(store, names):
    space_only = [name for name in names if name in "xyz"]
    values = VALUES.transpose(["zyx".index(name) for name in space_only])
    values = np.expand_dims(values, tuple(n for n, name in enumerate(names) if name in "tc"))
    axes = [{"t": TIME, "c": CHANNEL}.get(name) or space(name)[0] for name in names]
    steps = [scale(*("zyx".index(name) + 2.0 if name in "xyz" else 0.5 for name in names))]
    volume = volumes.open_volume(store(axes, steps, values=values))
    assert volume.grid.spacing == (4, 3, 2)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.read()), VALUES)


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ([("s0", 1), ("s1", 2)], "without the array s1 that its metadata name"),
        ([("s0", 2), ("s0", 1)], "whose levels do not go from fine to coarse"),
    ],
)
def test_levels_that_are_lost_or_out_of_order_are_named(store, levels, why):
    path = store()
    group = zarr.open_group(path, mode="a")
    ome = group.attrs["ome"]
    found = [{"path": name, "coordinateTransformations": [scale(n, n, n)]} for name, n in levels]
    ome["multiscales"][0]["datasets"] = found
    group.attrs["ome"] = ome
    with pytest.raises(volumes.VolumeError, match=why):
        volumes.levels(path)


def test_two_dimensions_are_enough(store):
    grid = grid_of(store(space("yx"), [scale(2, 3)], values=VALUES[0]))
    assert (grid.size, grid.spacing) == ((6, 5), (3, 2))


def towards(z, y, x, unit="millimeter"):
    """Axes that say how they run in the patient."""
    return [
        axis | {"orientation": {"type": "anatomical", "value": word}}
        for axis, word in zip(space(unit=unit), (z, y, x), strict=True)
    ]


def test_the_way_that_axes_run_in_the_patient_is_the_direction(store):
    """In LPS, x grows to the left, y to the back and z to the head."""
    axes = towards("inferior-to-superior", "posterior-to-anterior", "left-to-right")
    assert grid_of(store(axes)).direction == (-1, 0, 0, 0, -1, 0, 0, 0, 1)


def test_slices_from_left_to_right_are_sagittal(store):
    axes = towards("left-to-right", "superior-to-inferior", "anterior-to-posterior")
    grid = grid_of(store(axes, [scale(5, 1, 1), translation(7, 8, 9)]))
    assert grid.points((0, 0, 1)) - grid.points((0, 0, 0)) == pytest.approx((-5, 0, 0))
    assert grid.points((0, 1, 0)) - grid.points((0, 0, 0)) == pytest.approx((0, 0, -1))
    assert grid.points((0, 0, 0)) == pytest.approx((9, 8, 7))


def test_an_image_of_a_patient_without_a_unit_is_in_millimetres(store):
    """ITK's images have no unit of their own, and ngff-zarr writes them so."""
    axes = towards("inferior-to-superior", "anterior-to-posterior", "right-to-left", unit=None)
    assert grid_of(store(axes, [scale(2, 3, 4)])).spacing == (4, 3, 2)


def test_a_type_of_axis_is_only_recommended(store):
    axes = [{"name": name, "unit": "millimeter"} for name in "zyx"]
    assert grid_of(store([{"name": "c"}, *axes], [scale(1, 2, 3, 4)], values=VALUES[None])).spacing == (4, 3, 2)


def test_identity_is_a_scale_of_one(store):
    assert grid_of(store(steps=[{"type": "identity"}])).spacing == (1, 1, 1)


# --- version 0.6 -----------------------------------------------------------------------------------------------------


def in_systems(store, *further, axes=None, **more):
    """An image of version 0.6 in "own", which these transformations place in "there"."""
    axes = axes or space()
    systems = [{"name": "own", "axes": axes}, {"name": "there", "axes": axes}, {"name": "atlas", "axes": axes}]
    ends = {"input": {"name": "own"}, "output": {"name": "there"}}
    steps = {"type": "sequence", "transformations": [scale(2, 3, 4), translation(5, 6, 7)]}
    steps |= {"input": {"path": "s0"}, "output": {"name": "own"}}
    return store(None, [steps], [ends | each for each in further], version="0.6", coordinateSystems=systems, **more)


def test_version_06_without_more_lies_in_its_own_system(store):
    grid = grid_of(in_systems(store))
    assert (grid.spacing, grid.origin, grid.axes.tolist()) == ((4, 3, 2), (7, 6, 5), np.eye(3).tolist())


@pytest.mark.parametrize(
    "turned",
    [
        {"type": "rotation", "rotation": TURN},
        {"type": "affine", "affine": [[*row, 0] for row in TURN]},
        {"type": "sequence", "transformations": [{"type": "rotation", "rotation": TURN}, translation(0, 0, 0)]},
        {
            "type": "byDimension",
            "transformations": [
                {
                    "input_axes": [0, 1, 2],
                    "output_axes": [0, 1, 2],
                    "transformation": {"type": "rotation", "rotation": TURN},
                }
            ],
        },
    ],
)
def test_a_rotation_is_the_direction(store, turned):
    grid = grid_of(in_systems(store, turned))
    for index in (0, 0, 0), (1, 0, 0), (0, 1, 0), (3, 2, 1):
        own = np.array(index[::-1]) * (2, 3, 4) + (5, 6, 7)  # z, y, x
        assert grid.points(index) == pytest.approx((np.array(TURN) @ own)[::-1])
    assert grid.spacing == pytest.approx((4, 3, 2))


def test_axes_that_change_places_are_followed(store):
    grid = grid_of(in_systems(store, {"type": "mapAxis", "mapAxis": [2, 1, 0]}))
    assert grid.points((1, 0, 0)) - grid.points((0, 0, 0)) == pytest.approx((0, 0, 4))


def test_a_warp_to_another_image_does_not_move_this_one(store):
    warp = {"type": "displacements", "path": "field", "output": {"name": "atlas"}}
    assert grid_of(in_systems(store, warp)).origin == (7, 6, 5)


def test_two_places_are_one_too_many(store):
    path = in_systems(store, translation(1, 1, 1), translation(2, 2, 2) | {"output": {"name": "atlas"}})
    with pytest.raises(volumes.VolumeError, match=r"lies in 2 coordinate systems \(there, atlas\): keep one"):
        volumes.open_volume(path)


# --- channels and moments --------------------------------------------------------------------------------------------


def test_one_channel_and_one_moment_are_none(store):
    path = store([TIME, CHANNEL, *space()], [scale(1, 1, 2, 3, 4)], values=VALUES[None, None])
    volume = volumes.open_volume(path)
    assert (volume.grid.dimension, volume.components, volume.grid.spacing) == (3, 1, (4, 3, 2))
    np.testing.assert_array_equal(volume.array[:], VALUES)
    assert volumes.open_volume(path, channel=0, time=0).grid == volume.grid


@pytest.fixture
def film(store):
    """Three moments of two channels, each with grey values of its own."""
    values = VALUES + 1000 * np.arange(6, dtype=np.uint16).reshape(3, 2, 1, 1, 1)
    return store([TIME, CHANNEL, *space()], [scale(1, 1, 2, 3, 4)], values=values, name="film.zarr")


def test_a_channel_and_a_moment_are_chosen(film):
    volume = volumes.open_volume(film, channel=1, time=2)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.read()), VALUES + 5000)
    [level] = volumes.levels(film, channel=0, time=1)
    np.testing.assert_array_equal(level.array[1:3, :, 2], (VALUES + 2000)[1:3, :, 2])


def test_a_channel_can_be_saved_alone(film, tmp_path):
    saved = volumes.save(volumes.open_volume(film, channel=1, time=0), tmp_path / "one.zarr")
    np.testing.assert_array_equal(saved.array[:], VALUES + 1000)
    assert saved.grid.spacing == (4, 3, 2)


def test_a_view_travels_to_another_process(film):
    volume = pickle.loads(pickle.dumps(volumes.open_volume(film, channel=1, time=2)))
    np.testing.assert_array_equal(volume.array[:], VALUES + 5000)


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"channel": 1}, r"with 3 steps along the axis t: choose one, from 0, with time= \(--time\)"),
        ({"time": 1}, r"with 2 steps along the axis c: choose one, from 0, with channel= \(--channel\)"),
        ({"time": 1, "channel": 2}, "with 2 steps along the axis c, counted from 0: there is no 2"),
        ({"time": -1, "channel": 0}, "with 3 steps along the axis t, counted from 0: there is no -1"),
    ],
)
def test_what_must_be_chosen_is_said(film, chosen, why):
    with pytest.raises(volumes.VolumeError, match=why):
        volumes.open_volume(film, **chosen)


def test_a_channel_that_is_not_there_is_not_taken_for_the_first(store):
    with pytest.raises(volumes.VolumeError, match="without an axis of type channel: there is no channel 1"):
        volumes.open_volume(store(), channel=1)


# --- where in a file an image lies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [2, 3])
def test_the_one_image_in_a_file_is_found(store, form):
    """As bioformats2raw writes it, or by its own path."""
    path = store(inside="0", form=form, version="0.4" if form == 2 else "0.5")
    zarr.open_group(path.parent, mode="a").create_group("OME")
    assert grid_of(path.parent) == grid_of(path)
    assert volumes.open_volume(path.parent).path == path


def test_of_several_images_one_is_asked_for(store):
    for number in "0", "1":
        path = store(inside=number)
    with pytest.raises(volumes.VolumeError, match=r"with 2 images in it \(0, 1\): add the name of one to its path"):
        volumes.open_volume(path.parent)


def test_a_field_of_a_plate_is_asked_for(store):
    path = store(inside="A/1/0")
    plate = zarr.open_group(path.parents[2], mode="a")
    plate.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "A/1"}]}}
    with pytest.raises(volumes.VolumeError, match="of a plate of wells: add one field of a well to its path.*A/1/0"):
        volumes.open_volume(path.parents[2])
    assert grid_of(path).size == SHAPE[::-1]


def test_labels_beside_an_image_are_read_by_their_path(store):
    assert grid_of(store(inside="labels/cells")).size == SHAPE[::-1]


def test_the_folder_of_one_array_is_no_image(store):
    with pytest.raises(
        volumes.VolumeError, match="s0 is one array of an OME-Zarr image: give the folder that it lies in"
    ):
        volumes.open_volume(store() / "s0")


@pytest.mark.parametrize("ending", [".zarr.zip", ".ozx"])
def test_a_zipped_file_is_read_as_it_is(store, tmp_path, ending):
    path = store()
    zipped = tmp_path / f"scan{ending}"
    shutil.move(shutil.make_archive(tmp_path / "scan", "zip", path), zipped)
    volume = volumes.open_volume(zipped)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(volume)).array[:], VALUES)
    assert volumes.header(zipped) == (volume.grid, "uint16")


def test_behind_an_address_is_ome_zarr_alone():
    for address in "https://example.org/a.nii.gz", "s3://images/a.nii.gz":
        with pytest.raises(volumes.VolumeError, match=f"{address} is an address: only files on this computer"):
            read_image(address)


# --- older and other files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["<u2", ">u2", ">i4", ">f4"])
def test_version_04_is_read_in_either_byte_order(store, kind):
    path = store(space(unit="micrometer"), [scale(3, 2, 1)], values=VALUES.astype(kind), version="0.4", form=2)
    volume = volumes.open_volume(path)
    np.testing.assert_allclose(volume.grid.spacing, (1e-3, 2e-3, 3e-3))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.read()), VALUES.astype(kind))


@pytest.mark.parametrize("kind", [bool, np.float16, np.complex64])
def test_voxels_that_are_no_numbers_here_are_refused(store, kind):
    with pytest.raises(
        volumes.VolumeError, match="with voxels of type .*: whole numbers, float32 and float64 are read"
    ):
        volumes.open_volume(store(values=VALUES.astype(kind)))


def by_file(name):
    return [{"type": name, "path": "numbers"}]


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"axes": space(unit=None)}, "without a unit of length: say it in its metadata"),
        ({"axes": space(unit="pixel")}, "with lengths in pixel, which is not known here"),
        ({"axes": space("zyi")}, "with the axes z, y, i: those of space must be x and y, or x, y and z"),
        ({"axes": space("zy"), "steps": [scale(1, 1)]}, "with the axes z, y: those of space must be x and y"),
        ({"axes": space("yx"), "steps": [scale(1, 1)]}, "whose metadata name 2 axes for an array of 3"),
        ({"axes": [{"name": "angle"}, *space("yx")]}, "with 4 steps along the axis angle, which is not read here"),
        ({"axes": towards("caudal-to-rostral", *["left-to-right"] * 2)}, "with the orientation caudal-to-rostral"),
        ({"axes": [*towards(*["left-to-right"] * 3)[:2], *space("x")]}, "with the orientation None of an axis"),
        ({"axes": towards(*["left-to-right"] * 3)}, "whose axes are not perpendicular"),
        ({"version": "0.3"}, "of version 0.3: only 0.4, 0.5 and 0.6 are read here"),
        ({"version": "0.7"}, "of version 0.7: only 0.4, 0.5 and 0.6 are read here"),
        ({"steps": []}, r"whose levels are not placed by one scale.* \(none\)"),
        ({"steps": UNIT * 2}, r"whose levels are not placed by one scale.* \(scale, scale\)"),
        ({"steps": [*UNIT, translation(0, 0, 0), *UNIT]}, r"whose levels are not placed by one scale"),
        ({"steps": by_file("scale")}, "whose scale stands in a file of its own"),
        ({"whole": by_file("translation")}, "whose translation stands in a file of its own"),
        ({"whole": by_file("twist")}, "with a coordinateTransformation of type twist: read are identity, scale"),
        ({"steps": [scale(1, 1, 1, 1)]}, "whose scale has not the numbers for 3 axes"),
        ({"steps": [*UNIT, translation(0, 0)]}, "whose translation has not the numbers for 3 axes"),
        ({"steps": [scale(1, "wide", 1)]}, "whose scale has not the numbers for 3 axes"),
        *(({"steps": [scale(1, no, 1)]}, "whose scale is not positive") for no in (-1, 0)),
        *(({"steps": [scale(1, no, 1)]}, "whose scale is not finite") for no in (np.nan, np.inf)),
        ({"steps": [*UNIT, translation(0, -np.inf, 0)]}, "whose translation is not finite"),
    ],
)
def test_what_is_not_read_is_named(store, described, why):
    """To guess would be silently wrong."""
    with pytest.raises(volumes.VolumeError, match=f"other.zarr is OME-Zarr {why}"):
        volumes.open_volume(store(**described))


@pytest.mark.parametrize(
    ("turned", "why"),
    [
        (
            {"type": "affine", "affine": [[1, 0, 0, 0], [0.3, 1, 0, 0], [0, 0, 1, 0]]},
            "whose axes are not perpendicular",
        ),
        ({"type": "rotation", "rotation": [[1, 0], [0, 1]]}, "whose rotation has not the numbers for 3 axes"),
        ({"type": "affine", "affine": [[0, 0, 0, 1]] * 3}, "whose voxels have no width along an axis"),
        ({"type": "mapAxis", "mapAxis": [0, 0, 1]}, "whose mapAxis has not the numbers for 3 axes"),
        ({"type": "affine", "path": "matrix"}, "whose affine stands in a file of its own"),
        ({"type": "projectAxis"}, "with a coordinateTransformation of type projectAxis"),
    ],
)
def test_what_is_no_grid_in_version_06_is_named(store, turned, why):
    with pytest.raises(volumes.VolumeError, match=why):
        volumes.open_volume(in_systems(store, turned))


def test_positions_that_change_with_the_channel_are_refused(store):
    affine = np.eye(4, 5)
    affine[3, 0] = 2
    axes = [CHANNEL, *space()]
    path = store(
        steps=[scale(1, 1, 1, 1) | {"output": {"name": "own"}}],
        whole=[{"type": "affine", "affine": affine.tolist(), "output": {"name": "there"}}],
        coordinateSystems=[{"name": "own", "axes": axes}, {"name": "there", "axes": axes}],
        values=VALUES[None],
        version="0.6",
    )
    with pytest.raises(volumes.VolumeError, match="in which positions change with time or channel"):
        volumes.open_volume(path)


@pytest.mark.parametrize("nothing", [{"multiscales": []}, {"multiscales": [{"axes": space(), "datasets": []}]}, {}, []])
def test_a_label_without_an_image_is_none(store, nothing):
    path = store()
    zarr.open_group(path, mode="a").attrs["ome"] = nothing
    for read in volumes.open_volume, volumes.levels:
        with pytest.raises(volumes.VolumeError, match="holds no OME-Zarr image"):
            read(path)


@pytest.mark.parametrize(("key", "what"), [("shape", "whole array"), ("chunk_shape", "chunk")])
def test_a_size_that_cannot_be_is_said(store, key, what):
    path = store()
    file = path / "s0" / "zarr.json"
    content = json.loads(file.read_text())
    (content if key == "shape" else content["chunk_grid"]["configuration"])[key] = [2**40] * 3
    file.write_text(json.dumps(content))
    with pytest.raises(
        volumes.VolumeError, match=f"whose metadata claim a {what} of 1099511627776 x .*, more than there can be"
    ):
        volumes.open_volume(path)


@pytest.mark.parametrize("path", ["..", ""])
def test_an_array_outside_of_the_file_is_not_opened(store, path):
    label = store() / "zarr.json"
    content = json.loads(label.read_text())
    content["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = path
    label.write_text(json.dumps(content))
    with pytest.raises(volumes.VolumeError, match="holds no OME-Zarr image"):
        volumes.open_volume(label.parent)


@pytest.mark.parametrize(
    ("direction", "why"),
    [
        ([1, 0.3, 0, 0, 1, 0, 0, 0, 1], "whose axes are not perpendicular"),
        ([0] * 9, "whose axes are not perpendicular"),
        ([1, 0, 0, 1], "whose direction, under regseg, is no matrix of 3 rows"),
        ("straight", "whose direction, under regseg, is no matrix of 3 rows"),
    ],
)
def test_a_spoiled_direction_of_ours_is_named(tmp_path, direction, why):
    path = volumes.save(sitk.Image([8, 8, 8], sitk.sitkUInt8), tmp_path / "small.zarr").path
    zarr.open_group(path, mode="a").attrs["regseg"] = {"direction": direction}
    with pytest.raises(volumes.VolumeError, match=why):
        volumes.open_volume(path)
