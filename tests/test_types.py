"""The type hints of the ground floor are promises that somebody checks."""

import subprocess
import sys


def test_the_ground_floor_keeps_what_its_type_hints_promise(root, tmp_path):
    check = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    done = subprocess.run(check, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
