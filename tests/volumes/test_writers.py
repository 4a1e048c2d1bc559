"""The programs that people write OME-Zarr with, and read it with, agree with ours where each voxel lies.

ome-zarr-py is not among them: what it depends on asks for an older package than the course has.
"""

from importlib import import_module

import numpy as np
import pytest
import SimpleITK as sitk
import zarr

from regseg import volumes
from regseg.grid import Grid

ngff_zarr = pytest.importorskip("ngff_zarr")
itkwasm = pytest.importorskip("itkwasm")
ome_zarr_models = pytest.importorskip("ome_zarr_models")

SIZE = (28, 24, 20)
SAGITTAL = (0, 0, -1, 1, 0, 0, 0, -1, 0)
RAS = (-1, 0, 0, 0, -1, 0, 0, 0, 1)
OBLIQUE = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
STRAIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)

pytestmark = [
    # ngff-zarr's own affairs.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def scan(spacing=(1.0, 1.0, 1.0), direction=STRAIGHT) -> sitk.Image:
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 1000, SIZE[::-1]).astype(np.uint16))
    image.SetSpacing(spacing)
    image.SetOrigin((-20.0, 12.0, 31.0))
    image.SetDirection(direction)
    return image


def by_ngff_zarr(image, path, version, unit=None):
    """As ngff-zarr converts an image of ITK."""
    dictionary = {
        "imageType": {"dimension": 3, "componentType": "uint16", "pixelType": "Scalar", "components": 1},
        "name": "image",
        "origin": image.GetOrigin(),
        "spacing": image.GetSpacing(),
        "direction": np.reshape(image.GetDirection(), (3, 3)),
        "size": image.GetSize(),
        "metadata": {},
        "data": sitk.GetArrayFromImage(image),
    }
    written = ngff_zarr.itk_image_to_ngff_image(itkwasm.Image(**dictionary))
    written.axes_units = unit and dict.fromkeys("zyx", unit)
    ngff_zarr.to_ngff_zarr(path, ngff_zarr.to_multiscales(written, scale_factors=[2], chunks=16), version=version)


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.75, 0.75, 2.5)])
@pytest.mark.parametrize("direction", [STRAIGHT, RAS, SAGITTAL])
def test_an_image_by_ngff_zarr_lies_where_it_lay(tmp_path, version, spacing, direction):
    image = scan(spacing, direction)
    by_ngff_zarr(image, str(tmp_path / "other.zarr"), version)
    fine, coarse = volumes.levels(tmp_path / "other.zarr")
    assert fine.grid.matches(Grid.of(image))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(fine.read()), sitk.GetArrayFromImage(image))
    assert coarse.grid.matches(fine.grid.shrink((2, 2, 2)))


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_micrometres_by_ngff_zarr(tmp_path, version):
    by_ngff_zarr(scan((10, 10, 25)), str(tmp_path / "other.zarr"), version, "micrometer")
    grid = volumes.open_volume(tmp_path / "other.zarr").grid
    np.testing.assert_allclose(grid.spacing, (0.01, 0.01, 0.025))
    np.testing.assert_allclose(grid.origin, (-0.02, 0.012, 0.031))


def test_an_oblique_image_by_ngff_zarr_is_what_it_says_there(tmp_path):
    """The words for an orientation know no angles between: they say the nearest straight one."""
    by_ngff_zarr(scan(direction=OBLIQUE), str(tmp_path / "other.zarr"), "0.5")
    read = ngff_zarr.from_ngff_zarr(tmp_path / "other.zarr").images[0]
    theirs = ngff_zarr.ngff_image_to_itk_image(read)
    grid = volumes.open_volume(tmp_path / "other.zarr").grid
    np.testing.assert_allclose(grid.axes, theirs.direction)
    assert grid.origin == tuple(theirs.origin)


@pytest.mark.parametrize("form", [2, 3])
def test_an_image_by_ome_zarr_models_lies_where_it_lay(tmp_path, form):
    """Axes x, y, z, and a scale of the whole image in micrometres."""
    models = import_module(f"ome_zarr_models.{'v04' if form == 2 else 'v05'}")
    axis = import_module(f"{models.__name__}.axes").Axis
    specification = import_module(f"pydantic_zarr.v{form}").ArraySpec
    values = sitk.GetArrayFromImage(scan()).T
    names = {"dimension_names": list("xyz")} if form == 3 else {}
    image = models.Image.new(
        array_specs=[specification.from_array(values, **names)],
        paths=["scale0"],
        axes=[axis(name=name, type="space", unit="um") for name in "xyz"],
        scales=[[1, 1, 2]],
        translations=[[0, 0, 0]],
        global_scale=[19.89, 19.89, 19.89],
        global_translation=[10, 20, 30],
    )
    image.to_zarr(zarr.storage.LocalStore(tmp_path / "other.zarr"), path="/")
    zarr.open_group(tmp_path / "other.zarr", mode="a")["scale0"][...] = values
    volume = volumes.open_volume(tmp_path / "other.zarr")
    np.testing.assert_allclose(volume.grid.spacing, (0.01989, 0.01989, 0.03978))
    np.testing.assert_allclose(volume.grid.origin, (0.01, 0.02, 0.03))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.read()), values.T)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.75, 0.75, 1.5)])
@pytest.mark.parametrize("direction", [STRAIGHT, RAS, SAGITTAL])
def test_ngff_zarr_finds_ours_in_the_same_place(tmp_path, spacing, direction):
    image = scan(spacing, direction)
    volumes.save(image, tmp_path / "scan.zarr")
    read = ngff_zarr.from_ngff_zarr(tmp_path / "scan.zarr")
    for theirs, ours in zip(read.images, volumes.levels(tmp_path / "scan.zarr"), strict=True):
        found = ngff_zarr.ngff_image_to_itk_image(theirs)
        assert theirs.axes_units == dict.fromkeys("zyx", "millimeter")
        np.testing.assert_array_equal(np.asarray(found.data), ours.array[...])
        assert Grid(
            tuple(found.size), tuple(found.spacing), tuple(found.origin), tuple(found.direction.ravel())
        ).matches(ours.grid)


def test_ome_zarr_models_finds_nothing_wrong_with_ours(tmp_path):
    volumes.save(scan((0.5, 0.5, 2), SAGITTAL), tmp_path / "scan.zarr")
    read = ome_zarr_models.open_ome_zarr(zarr.open_group(tmp_path / "scan.zarr", mode="r"))
    assert read.ome_zarr_version == "0.5"
    assert [axis.unit for axis in read.attributes.ome.multiscales[0].axes] == ["millimeter"] * 3


@pytest.mark.parametrize("direction", [STRAIGHT, SAGITTAL, OBLIQUE, (-1, 0, 0, 0, 1, 0, 0, 0, 1)])
def test_version_06_says_the_direction_in_the_words_of_the_standard(tmp_path, direction):
    """So that it is known without ours; and ngff-zarr reads it."""
    image = scan((0.75, 0.75, 1.5), direction)
    volumes.save(image, tmp_path / "scan.zarr", version="0.6")
    before = [level.grid for level in volumes.levels(tmp_path / "scan.zarr")]
    assert before[0].matches(Grid.of(image))
    del zarr.open_group(tmp_path / "scan.zarr", mode="a").attrs["regseg"]
    without = [level.grid for level in volumes.levels(tmp_path / "scan.zarr")]
    assert all(map(Grid.matches, without, before))
    read = ngff_zarr.from_ngff_zarr(tmp_path / "scan.zarr", version="0.6")
    assert read.images[0].scale == {"z": 1.5, "y": 0.75, "x": 0.75}
    np.testing.assert_array_equal(np.asarray(read.images[0].data), sitk.GetArrayFromImage(image))


def test_vectors_in_version_06_lie_where_they_lay(tmp_path):
    grid = Grid.of(scan((2, 2, 3), OBLIQUE))
    with volumes.create(tmp_path / "field.zarr", [grid], "float32", components=3, version="0.6"):
        pass
    volume = volumes.open_volume(tmp_path / "field.zarr")
    assert (volume.components, volume.grid.matches(grid)) == (3, True)


def written_both_ways(path, direction):
    """A registration of noise, there and back, on one grid."""
    grid = Grid.of(scan((0.75, 0.75, 1.5), direction))
    values = np.random.default_rng(0).normal(size=(3, *SIZE[::-1])).astype(np.float32)
    with volumes.create_displacements(path, {"forward": [grid], "inverse": [grid]}) as created:
        for name, sign in ("forward", 1), ("inverse", -1):
            created[name][0].array[...] = volumes.along_axes(sign * values, grid)
    return grid, values


@pytest.mark.parametrize("direction", [STRAIGHT, SAGITTAL, OBLIQUE, (-1, 0, 0, 0, 1, 0, 0, 0, 1)])
def test_displacements_come_back_in_the_axes_of_the_patient(tmp_path, direction):
    grid, values = written_both_ways(tmp_path / "both.zarr", direction)
    forward, inverse = volumes.open_displacements(tmp_path / "both.zarr")
    for volume, sign in (forward, 1), (inverse, -1):
        assert volume.grid.matches(grid)
        np.testing.assert_allclose(volume.array[...], sign * values, atol=1e-5)
        np.testing.assert_allclose(volume.array[1, :, 3:5], sign * values[1, :, 3:5], atol=1e-5)
    alone, none = volumes.open_displacements(tmp_path / "both.zarr" / "inverse")
    np.testing.assert_array_equal(alone.array[...], inverse.array[...])
    assert none is None


def test_ngff_zarr_carries_a_point_by_our_displacements(tmp_path):
    """Straight axes: from a voxel of the fixed image by its vector, as SimpleITK counts it."""
    grid, values = written_both_ways(tmp_path / "both.zarr", STRAIGHT)
    [registration] = ngff_zarr.NgffScene.from_ome_zarr(tmp_path / "both.zarr").coordinateTransformations
    assert (registration.type, registration.input.name, registration.output.name) == ("bijection", "fixed", "moving")
    for way, sign in (registration.forward, 1), (registration.inverse, -1):
        field = ngff_zarr.from_ome_zarr(tmp_path / "both.zarr" / way.path)
        [theirs] = ngff_zarr.ngff_displacement_field_to_itk_transform(way, field, ["z", "y", "x"])
        np.testing.assert_allclose(theirs.fixedParameters[:9], [*SIZE, *grid.origin, *grid.spacing])
        vectors = np.reshape(theirs.parameters, (*SIZE[::-1], 3))
        np.testing.assert_allclose(vectors, sign * np.moveaxis(values, 0, -1), atol=1e-6)


@pytest.mark.parametrize("direction", [SAGITTAL, OBLIQUE])
def test_ngff_zarr_reads_the_turns_around_our_displacements(tmp_path, direction):
    """A point is turned into the axes of the grid, moved, and turned back."""
    grid, values = written_both_ways(tmp_path / "both.zarr", direction)
    [registration] = ngff_zarr.NgffScene.from_ome_zarr(tmp_path / "both.zarr").coordinateTransformations
    before, way, after = registration.forward.transformations
    field = ngff_zarr.from_ome_zarr(tmp_path / "both.zarr" / way.path).images[0]
    k, j, i = 7, 5, 3
    start = np.array(before.rotation) @ grid.points((i, j, k))[::-1]
    for number, name in enumerate("zyx"):
        assert start[number] == pytest.approx(field.translation[name] + field.scale[name] * (k, j, i)[number])
    found = np.array(after.rotation) @ (start + np.asarray(field.data[:, k, j, i]))
    np.testing.assert_allclose(found[::-1], grid.points((i, j, k)) + values[:, k, j, i], atol=1e-5)


def test_displacements_of_a_microscope_are_in_millimetres(tmp_path):
    """By others: lengths in micrometres, without our notes."""
    group = zarr.open_group(tmp_path / "other.zarr", mode="w")
    values = np.random.default_rng(0).normal(size=(2, 6, 5)).astype(np.float32)
    group.create_array("s0", data=values)
    axes = [{"name": "c", "type": "displacement", "discrete": True}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    place = {"type": "scale", "scale": [1, 2, 2], "input": {"path": "s0"}, "output": {"name": "physical"}}
    image = {"coordinateSystems": [{"name": "physical", "axes": axes}]}
    image["datasets"] = [{"path": "s0", "coordinateTransformations": [place]}]
    group.attrs["ome"] = {"version": "0.6rc0", "multiscales": [image]}
    volume, _ = volumes.open_displacements(tmp_path / "other.zarr")
    np.testing.assert_allclose(volume.array[...], values[::-1] / 1000)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda way: way["transformations"].pop(0), "by displacements, rotation: read are"),
        (lambda way: way["transformations"].reverse(), "turned otherwise than their grid"),
        (lambda way: way["transformations"][1].update(path="../scan.zarr"), "holds no OME-Zarr image"),
        (lambda way: way.update(type="coordinates"), "by coordinates: read are displacements"),
    ],
)
def test_another_way_than_by_displacements_is_named(tmp_path, change, why):
    written_both_ways(tmp_path / "both.zarr", OBLIQUE)
    volumes.save(scan(), tmp_path / "scan.zarr")
    group = zarr.open_group(tmp_path / "both.zarr", mode="a")
    ome = group.attrs["ome"]
    change(ome["scene"]["coordinateTransformations"][0]["forward"])
    group.attrs["ome"] = ome
    with pytest.raises(volumes.VolumeError, match=f"both.zarr is .*{why}"):
        volumes.open_displacements(tmp_path / "both.zarr")


def test_an_image_is_no_field_of_displacements(tmp_path):
    volumes.save(scan(), tmp_path / "scan.zarr")
    with pytest.raises(
        volumes.VolumeError, match=r"holds 1 number\(s\) for each voxel: a field of displacements has 3"
    ):
        volumes.open_displacements(tmp_path / "scan.zarr")


def test_other_versions_are_not_written(tmp_path):
    with pytest.raises(volumes.VolumeError, match=r"OME-Zarr 0.4 is not written here: choose one of 0.5, 0.6"):
        volumes.save(scan(), tmp_path / "scan.zarr", version="0.4")
    assert list(tmp_path.iterdir()) == []
