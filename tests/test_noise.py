"""What libraries in C print does not stand between the messages of a command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk


@pytest.fixture
def half(tmp_path):
    """Half of a transform in HDF5, which has a page to say about it."""
    sitk.WriteTransform(sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), str(tmp_path / "half.h5"))
    content = (tmp_path / "half.h5").read_bytes()
    (tmp_path / "half.h5").write_bytes(content[: len(content) // 2])
    (tmp_path / "points.csv").write_text("1,2,3\n")
    sitk.WriteImage(sitk.Image([8, 8, 8], sitk.sitkFloat32), str(tmp_path / "scan.mha"))
    return tmp_path


CALLS = [
    ["map-points", "half.h5", "points.csv", "--output", "out.csv"],
    ["register-large", "scan.mha", "scan.mha", "--initial", "half.h5", "--output", "out"],
    ["report", "scan.mha", "scan.mha", "half.h5"],
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_the_noise_of_hdf5_lies_in_a_log(half, call):
    ran = subprocess.run([sys.executable, "-m", "regseg", *call], cwd=half, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    said, told = ran.stderr.splitlines()
    assert re.fullmatch("regseg: .*half.h5 cannot be read as a transform.*", said)
    log = Path(re.fullmatch(r"regseg: what libraries have printed meanwhile lies in (.*\.log)", told)[1])
    assert "HDF5-DIAG: Error detected" in log.read_text()
    log.unlink()


def test_where_there_is_no_noise_there_is_no_log(half):
    call = [sys.executable, "-m", "regseg", "map-points", "no.h5", "points.csv", "--output", "out.csv"]
    ran = subprocess.run(
        call, cwd=half, capture_output=True, text=True, check=False, env=os.environ | {"TMPDIR": str(half)}
    )
    assert ran.stderr == "regseg: There is no transform at no.h5.\n"
    assert not list(half.glob("*.log"))
