"""The bench of large registrations: what it says of the course beside its peers."""

from large import shares


def test_the_share_of_an_error_is_told_of_the_pairs_that_a_peer_has_run():
    def pair(**errors: float) -> dict[str, dict[str, float]]:
        return {name.replace("_", " "): {"mean error (mm)": error} for name, error in errors.items()}

    found = {
        "near": {"one": pair(streamed_solve=1, elastix=2) | {"itk-dreg": {"mean error (mm)": 4.0}}},
        "far": {"two": pair(streamed_solve=3, elastix=3), "three": pair(streamed_solve=1, elastix=4)},
    }
    assert shares(found) == {
        "of elastix": {"pairs": 3, "smallest (×)": 0.25, "median (×)": 0.5, "largest (×)": 1},
        "of itk-dreg": {"pairs": 1, "smallest (×)": 0.25, "median (×)": 0.25, "largest (×)": 0.25},
    }
