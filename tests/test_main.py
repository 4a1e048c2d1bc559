"""The command `regseg` ends in good order when somebody has had enough of it."""

import subprocess
import sys

INTERRUPTED = """
import sys
def loading(event, arguments):
    if event == "import" and arguments[0] == "SimpleITK":
        raise KeyboardInterrupt
sys.addaudithook(loading)
from regseg.__main__ import main
sys.exit(main(["data", "list"]))
"""


def test_ctrl_c_while_the_libraries_load_is_one_line():
    call = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (call.returncode, call.stderr, call.stdout) == (130, "regseg: interrupted\n", "")


def test_a_reader_who_leaves_is_no_error():
    """As in `regseg data list --long | head -1`."""
    call = [sys.executable, "-m", "regseg", "data", "list", "--long"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141
