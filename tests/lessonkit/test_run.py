"""Running an episode: what is recorded, what is refused, what is run again."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys

import nbformat.v4
import numpy as np
import pytest
from PIL import Image

from lessonkit import kernel
from lessonkit.kernel import fresh_kernel, usage
from lessonkit.lesson import Lesson, replace_file
from lessonkit.page import LessonError
from lessonkit.run import check, run
from regseg import memory

PLOT = "import matplotlib.pyplot as plt\n_ = plt.figure(figsize=(2, 1)).add_subplot().plot([1, 2])"


@pytest.fixture
def write(tmp_path):
    """Makes a lesson of one episode from the text below its front matter."""
    (tmp_path / "config.yaml").write_text("episodes: [01-try.md]\n", encoding="utf-8")
    (tmp_path / "episodes").mkdir()

    def written(text: str) -> Lesson:
        path = tmp_path / "episodes" / "01-try.md"
        path.write_text(f'---\ntitle: "Try"\n---\n\n{text}', encoding="utf-8")
        return Lesson(tmp_path)

    return written


def body(lesson: Lesson) -> str:
    return lesson.episodes[0].path.read_text(encoding="utf-8").split("---\n\n", 1)[1]


def python(source: str) -> str:
    return f"```python\n{source}\n```\n"


def output(text: str) -> str:
    return f"\n```output\n{text}\n```\n"


def test_outputs_are_put_in_taken_out_and_replaced(write):
    cells = [
        python("import sys\nprint('a')\nprint('progress', file=sys.stderr)\n3 / 2"),
        python("x = 2"),
        python("print(x)"),
    ]
    lesson = write(f"{cells[0]}\nProse.\n\n{cells[1]}{output('old')}\n{cells[2]}{output('1')}\nThe end.\n")
    run(lesson)
    first, last = output("a\n1.5"), output("2")
    assert body(lesson) == f"{cells[0]}{first}\nProse.\n\n{cells[1]}\n{cells[2]}{last}\nThe end.\n"


def test_an_output_within_its_tolerance_stays_as_it_is(write):
    text = (
        python("print(1000.2)")
        + output("1000.0")
        + python("print(11)")
        + "\n<!-- tolerance: 20% -->\n"
        + output("10")
        + python("print('12 s')")
        + "\n<!-- tolerance: any -->\n"
        + output("a while")
    )
    lesson = write(text)
    assert check(lesson) == []
    run(lesson)
    assert body(lesson) == text


def test_a_replaced_output_keeps_its_tolerance(write):
    lesson = write(python("print(20)") + "\n<!-- tolerance: 20% -->\n" + output("10"))
    run(lesson)
    assert body(lesson) == python("print(20)") + "\n<!-- tolerance: 20% -->\n" + output("20")


def test_an_expected_error_is_recorded_and_may_be_shortened(write):
    raising = python("def fail():\n    raise ValueError('size 3 in /build/7')\nfail()")
    lesson = write(raising + "\n```error\n```\n")
    run(lesson)
    assert body(lesson) == raising + "\n```error\nValueError: size 3 in /build/7\n```\n"
    shortened = raising + "\n```error\nValueError: size 3 in ...\n```\n"
    lesson = write(shortened)
    run(lesson)
    assert body(lesson) == shortened


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            python("x = 1") + "\n" + python("y = 2\nz = y / 0"),
            "01-try.md:11: cell 2 raised ZeroDivisionError: division by zero\n    z = y / 0",
        ),
        (
            python("x = 1") + "\n```error\nKeyError\n```\n",
            "01-try.md:6: cell 1 raised nothing, but an error block follows it",
        ),
        (
            python("y") + "\n```error\nKeyError: 'y'\n```\n",
            "01-try.md:6: cell 1 raised NameError: name 'y' is not defined, where the error block says KeyError",
        ),
        (python("x = 1\nx = = 2"), "01-try.md:7: cell 1 raised SyntaxError"),
        (python(PLOT), "01-try.md:6: cell 1 draws 1 figures, 0 image lines follow it: add !["),
        (
            python(PLOT) + "\n![A](fig/01-a.png){alt='a'}\n\n![B](fig/01-b.png){alt='b'}\n",
            "01-try.md:12: cell 1 draws no figure for this image line",
        ),
        (
            2 * (python(PLOT) + "\n![A](fig/01-a.png){alt='a'}\n\n"),
            "01-try.md:17: fig/01-a.png belongs to line 10 already",
        ),
        (python("x = 1\nobject()"), "01-try.md:7: cell 1 prints <object at 0x"),
        (
            python("import ipywidgets\nipywidgets.IntSlider()"),
            "01-try.md:6: cell 1 ends with a widget without a picture",
        ),
        (python("import os\nos._exit(1)"), "01-try.md:6: cell 1 killed its kernel"),
        (python("print('x' * 3_000_000)"), "01-try.md:6: cell 1 prints more than 100,000 characters"),
        (python("'x' * 3_000_000"), "01-try.md:6: cell 1 prints more than 100,000 characters"),
    ],
)
def test_what_does_not_fit_is_named_by_line_and_writes_nothing(write, text, message):
    lesson = write(text)
    with pytest.raises(LessonError) as error:
        run(lesson)
    assert str(error.value).startswith(message)
    assert body(lesson) == text
    assert not (lesson.root / "fig").exists()
    assert not (lesson.root / "build").exists()


def test_figures_are_written_in_order_without_metadata(write):
    widget = """\
class Widget:
    def _repr_mimebundle_(self, **_):
        return {"text/plain": "Widget()", "image/png": png}
"""
    lesson = write(
        python("import base64, io\nimport numpy as np, PIL.Image\nbuffer = io.BytesIO()")
        + python(
            "PIL.Image.fromarray(np.full((3, 4), 7, np.uint8)).save(buffer, 'PNG', dpi=(9, 9))\n"
            "png = base64.b64encode(buffer.getvalue()).decode()"
        )
        + python(f"{PLOT}\n{widget}Widget()")
        + "\n![Widget](fig/01-widget.png){alt='w'}\n![Plot](fig/01-plot.png){alt='p'}\n"
    )
    run(lesson)
    drawn = [(lesson.root / "fig" / f"01-{name}.png").read_bytes() for name in ("widget", "plot")]
    small, plot = (Image.open(io.BytesIO(png)) for png in drawn)
    assert (small.size, small.getpixel((0, 0)), small.info) == ((4, 3), (7, 7, 7), {})
    assert plot.size[0] > 100
    assert plot.info == {}
    assert "```output" not in body(lesson)


def test_a_figure_that_looks_the_same_keeps_its_file(write):
    lesson = write(python(PLOT) + "\n![A](fig/01-a.png){alt='a'}\n")
    run(lesson)
    path = lesson.root / "fig" / "01-a.png"
    pixels = np.array(Image.open(path))
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    kept = path.read_bytes()
    run(lesson, force=True)
    assert path.read_bytes() == kept
    assert check(lesson) == []

    Image.fromarray(pixels // 2).save(path)
    assert "01-try.md:10: the figure changed" in check(lesson)[0]
    run(lesson, force=True)
    assert np.array_equal(np.array(Image.open(path))[1:], np.array(Image.open(io.BytesIO(kept)))[1:])


def test_beside_each_figure_lies_a_picture_twice_as_fine_for_the_site(write):
    lesson = write(python(PLOT) + "\n![A](fig/01-a.png){alt='a'}\n")
    run(lesson)
    png, fine = (lesson.root / "fig" / f"01-a.{kind}" for kind in ("png", "webp"))
    sizes = [np.array(Image.open(path).size) for path in (png, fine)]
    assert np.abs(sizes[1] - 2 * sizes[0]).max() <= 2
    drawn = fine.read_bytes()

    fine.write_bytes(b"of a figure that looks the same")
    run(lesson, force=True)
    assert fine.read_bytes() == b"of a figure that looks the same"
    Image.fromarray(np.array(Image.open(png)) // 2).save(png)
    run(lesson, force=True)
    assert fine.read_bytes() == drawn
    lesson.episodes[0].path.write_text(body(lesson).replace("01-a.png", "01-b.png"), encoding="utf-8")
    run(lesson)
    assert sorted(path.name for path in (lesson.root / "fig").glob("*.webp")) == ["01-b.webp"]


def test_a_figure_within_its_tolerance_keeps_its_file(write):
    text = python(PLOT) + "\n<!-- tolerance: 3%, drawn by lot -->\n![A](fig/01-a.png){alt='a'}\n"
    lesson = write(text)
    run(lesson)
    path = lesson.root / "fig" / "01-a.png"
    pixels = np.array(Image.open(path))
    pixels[: len(pixels) // 50] = 0
    Image.fromarray(pixels).save(path)
    kept = path.read_bytes()
    run(lesson, force=True)
    assert path.read_bytes() == kept
    assert check(lesson) == []
    lesson.episodes[0].path.write_text(text.replace("3%", "1%"), encoding="utf-8")
    assert "the figure changed: " in check(lesson)[0]


def test_check_explains_and_writes_nothing(write):
    text = python("print('mean', 2.5)\nprint('end')") + output("mean 2.0\nend")
    lesson = write(text)
    assert check(lesson) == [
        "01-try.md:9: the result of cell 1 differs\n"
        "  line 1: expected 2.0, found 2.5: 20 % apart, 0.1 % is allowed\n"
        "--- recorded\n+++ fresh run\n@@ -1,2 +1,2 @@\n-mean 2.0\n+mean 2.5\n end"
    ]
    assert body(lesson) == text
    assert not (lesson.root / "build").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (python("x = 1") + output("2"), "an output was expected, nothing found"),
        (python("print(2)"), "nothing was expected, an output found"),
        (python(PLOT) + "\n![A](fig/01-a.png){alt='a'}\n", "01-a.png does not exist"),
    ],
)
def test_check_finds_what_is_missing(write, text, words):
    (difference,) = check(write(text))
    assert words in difference


def test_only_what_changes_the_result_runs_again(write, capsys):
    text = python(PLOT) + "\n![A](fig/01-a.png){alt='a'}\n\n" + python("print(1)")
    lesson = write(text)

    def ran(**options) -> bool:
        run(lesson, **options)
        return not capsys.readouterr().out.startswith("01-try: unchanged; its last run: 2 cells in ")

    assert ran()
    assert not ran()
    assert ran(force=True)
    path = lesson.episodes[0].path
    write("Some new prose.\n\n" + body(lesson))
    assert not ran()
    path.write_text(path.read_text(encoding="utf-8").replace("print(1)", "print(1 + 1)"), encoding="utf-8")
    assert ran()
    (lesson.root / "fig" / "01-a.png").unlink()
    assert ran()
    path.write_text(path.read_text(encoding="utf-8").replace("2\n```", "3\n```"), encoding="utf-8")
    assert ran()
    (lesson.root / "requirements-course.lock").write_text("numpy==9", encoding="utf-8")
    assert ran()
    (lesson.root / "data").mkdir()
    (lesson.root / "data" / "registry.json").write_text("[1]", encoding="utf-8")
    assert ran()
    assert not ran()


def test_a_cell_that_hangs_is_named_and_stopped_without_a_traceback(write, monkeypatch, capfd):
    monkeypatch.setattr(kernel, "CELL_LIMIT", 1)
    with pytest.raises(LessonError, match=r"01-try.md:6: cell 1 is still running after 1 s\n    while True"):
        run(write(python("while True:\n    pass")))
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of files")
def test_a_full_disk_is_one_sentence_and_leaves_nothing_behind(tmp_path):
    import resource

    path, limits = tmp_path / "01-try.md", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_text("before", encoding="utf-8")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(LessonError, match="01-try.md could not be written, and stays as it was: "):
            replace_file(path, bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()] == ["before"]


def test_the_record_of_an_older_lessonkit_counts_for_nothing(write):
    lesson = write(python("print(1)"))
    record = lesson.root / "build" / "run" / "01-try.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"key": "0a1b", "summary": "1 cells in 0.1 s"}', encoding="utf-8")
    run(lesson)
    assert body(lesson).startswith(python("print(1)") + output("1").rstrip("\n"))


def test_only_the_modules_that_the_episode_imports_count(write, tmp_path, monkeypatch, capsys):
    package = tmp_path / "somewhere" / "regseg"
    (package / "show").mkdir(parents=True)
    for name in ("__init__.py", "used.py", "other.py", "show/__init__.py", "show/style.css"):
        (package / name).write_text("", encoding="utf-8")
    shutil.copy(memory.__file__, package)  # which lessonkit itself asks for, and does not count
    monkeypatch.setenv("PYTHONPATH", str(package.parent), prepend=os.pathsep)
    lesson = write(python("import regseg.used, regseg.show"))

    def ran() -> bool:
        run(lesson)
        return "unchanged" not in capsys.readouterr().out

    assert ran()
    for name, counts in (("other.py", False), ("used.py", True), ("show/style.css", True), ("__init__.py", True)):
        (package / name).write_text("# changed", encoding="utf-8")
        assert ran() == counts, name
        assert not ran()


@pytest.mark.parametrize("number", ["01", "05"])
def test_an_episode_asks_for_the_checks_of_its_own(number):
    """So that a sentence mended in one check lets the other episodes be."""
    source = f"import sys\nfrom regseg import check\ncheck.answer('{number}-none', ...)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    loaded = {name.rsplit(".", 1)[1] for name in done.stdout.split() if name.startswith("regseg.check.")}
    assert {"01": "images", "05": "deformable_registration"}[number] in loaded
    assert "votes" not in loaded
    assert "There is no exercise called" in done.stdout


def test_an_edit_made_during_the_run_is_not_lost(write, tmp_path):
    episode, edited = tmp_path / "episodes" / "01-try.md", "The author goes on writing.\n"
    lesson = write(python(f"import pathlib\npathlib.Path({str(episode)!r}).write_text({edited!r}, encoding='utf-8')"))
    with pytest.raises(LessonError, match="01-try.md was edited while it ran"):
        run(lesson)
    assert episode.read_text(encoding="utf-8") == edited


def test_one_episode_can_be_named_before_config_lists_it(write):
    lesson = write("Nothing.\n")
    other = lesson.root / "episodes" / "02-more.md"
    other.write_text(python("print(2)"), encoding="utf-8")
    run(lesson, ["02-more"])
    assert other.read_text(encoding="utf-8") == python("print(2)") + output("2").rstrip("\n") + "\n"
    with pytest.raises(LessonError, match="no episode 03-none; there are: 01-try, 02-more"):
        run(lesson, ["03-none"])


def test_the_kernel_is_this_python_in_a_folder_and_style_of_its_own(write):
    lesson = write(
        python("import os, sys\nimport matplotlib.pyplot as plt\nprint(os.listdir(), os.environ['PYTHONHASHSEED'])")
        + python("print(plt.rcParams['figure.dpi'], plt.rcParams['axes.prop_cycle'].by_key()['color'][0])")
        + python("open('left-over.txt', 'w').close()\nprint(sys.prefix)")
    )
    run(lesson)
    recorded = [cell.result.text for cell in lesson.page(lesson.episodes[0].path, "episode").cells]
    assert recorded == ["[] 0", "100.0 #0072B2", sys.prefix]
    assert sorted(path.name for path in lesson.root.iterdir()) == ["build", "config.yaml", "episodes"]


def test_the_peak_memory_counts_what_was_freed():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("len(bytearray(300_000_000))")])
    with fresh_kernel(notebook) as client:
        client.execute_cell(notebook.cells[0], 0)
        peak = usage(client).memory
    assert peak > 300_000_000
    assert len(notebook.cells) == 1


def test_a_figure_of_an_image_is_written_alive_is_compared_and_leaves_nothing_behind(write):
    image = "image = sitk.GaussianSource(size=[8, 9], mean=[4, 4], sigma=[3, 3])"
    shown = python(f"import SimpleITK as sitk\nfrom regseg import show\n{image}\nshow.slice(image)")
    line = "\n![A](fig/01-a.png){alt='a'}\n"
    lesson = write(shown + line)
    run(lesson)
    folder = lesson.root / "fig"
    assert sorted(path.name for path in folder.iterdir()) == [
        "01-a-image.nii.gz", "01-a.json", "01-a.png", "01-a.webp"
    ]  # fmt: skip
    assert check(lesson) == []
    state = (folder / "01-a.json").read_text(encoding="utf-8")
    (folder / "01-a.json").write_text(state.replace('"dimension": 2', '"dimension": 3'), encoding="utf-8")
    (found,) = check(lesson)
    assert "01-a.json: line" in found and "expected 3, found 2" in found
    run(lesson)
    assert (folder / "01-a.json").read_text(encoding="utf-8") == state
    lesson = write(python(PLOT) + line)
    run(lesson)
    assert sorted(path.name for path in folder.iterdir()) == ["01-a.png", "01-a.webp"]
