"""Other people's JavaScript: whole or not at all, made once, and no condition for a site."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from site_lesson import write_lesson

from lessonkit import site
from lessonkit.lesson import Lesson
from lessonkit.site import bundles


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")  # where nobody answers
    monkeypatch.setenv("npm_config_fetch_retries", "0")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("REGSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path):
    """A folder as third-party/ is, without packages; build.mjs is what it is given."""

    def write(build: str) -> Path:
        folder = tmp_path / "third-party"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "package.json").write_text('{"name": "third-party", "private": true}')
        (folder / "package-lock.json").write_text('{"name": "third-party", "lockfileVersion": 3, "packages": {"": {}}}')
        (folder / "build.mjs").write_text(
            'import { writeFileSync } from "node:fs"; const out = process.argv[2];' + build
        )
        return folder

    return write


def test_each_library_is_one_module_with_all_that_it_loads_and_every_licence():
    made = bundles.find()
    for library in ("elastix", "niivue", "onnxruntime", "reveal"):
        assert (made / f"{library}.js").stat().st_size > 10_000
    for name in ("elastix/elastix.wasm.zst", "onnxruntime/ort-wasm-simd-threaded.wasm"):
        assert (made / name).stat().st_size > 1_000_000
    licences = (made / "licences.txt").read_text(encoding="utf-8")
    for package in ("@itk-wasm/elastix", "@niivue/niivue", "onnxruntime-web", "reveal.js"):
        assert f"\n{package} " in "\n" + licences
    assert licences.count("Permission is hereby granted") > 3, "the texts of the licences are missing"


def test_what_was_made_once_needs_no_network(request):
    first = bundles.find()
    request.getfixturevalue("no_network")
    assert bundles.find() == first


@pytest.mark.usefixtures("empty_cache")
def test_a_change_of_a_file_makes_other_bundles(source):
    folder = source('writeFileSync(`${out}/one.js`, "1");')
    one = bundles.find(folder)
    (folder / "node_modules").mkdir()  # what an author's own npm leaves there
    assert bundles.find(folder) == one
    two = bundles.find(source('writeFileSync(`${out}/two.js`, "2");'))
    assert (one / "one.js").read_text() == "1" and (two / "two.js").read_text() == "2"


def test_a_bundle_that_breaks_half_way_leaves_nothing(source, empty_cache):
    with pytest.raises(bundles.NoBundles, match="esbuild cannot bundle them .*half"):
        bundles.find(source('writeFileSync(`${out}/half.js`, "1"); throw new Error("half");'))
    assert list(empty_cache.rglob("*half*")) == []


@pytest.mark.usefixtures("empty_cache", "no_network")
def test_without_a_network_the_site_is_whole_and_says_what_is_missing(tmp_path, capsys):
    site.build(Lesson(write_lesson(tmp_path / "lesson")), tmp_path / "site")
    assert (
        "no 3-D views and no labs, and its slides stand one below the other: npm cannot fetch them"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "site" / "static" / "bundles").exists()
    home = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "data-bundles" not in home and "licences.txt" not in home


def test_with_bundles_every_page_says_so_and_leads_to_their_licences(tmp_path):
    site.build(Lesson(write_lesson(tmp_path / "lesson")), tmp_path / "site")
    for page in ("index.html", "instructor/index.html"):
        html = (tmp_path / "site" / page).read_text(encoding="utf-8")
        assert " data-bundles>" in html and "static/bundles/licences.txt" in html
    assert (tmp_path / "site" / "static" / "bundles" / "licences.txt").is_file()


def test_every_package_of_the_lock_has_its_hash_and_no_address():
    text = (bundles.SOURCE / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: said for name, said in json.loads(text)["packages"].items() if name}
    assert [name for name, said in packages.items() if not said["integrity"].startswith("sha512-")] == []
    assert "resolved" not in text


def test_nothing_of_third_parties_is_committed(root):
    if not (root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("what is committed is known to git, in a checkout made with it")
    folder = bundles.SOURCE.relative_to(root).as_posix()
    listed = subprocess.run(["git", "-C", root, "ls-files", folder], capture_output=True, text=True, check=True)
    files = [Path(line).name for line in listed.stdout.splitlines()]
    ours = [".npmrc", "build.mjs", "elastix.js", "niivue.js", "onnxruntime.js"]
    ours += ["package-lock.json", "package.json", "reveal.js"]
    assert sorted(files) == ours
