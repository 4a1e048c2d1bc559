"""Networks that are trained on images whose truth is known: `from regseg.learn import regnet, segment, train`.

- `train`: the loop of all learning here, and files of weights.
- `segment`: a small network that labels the parts of a brain, whatever the contrast of the scan.
- `regnet`: a small network that predicts the displacement field between two images.

Each of them can be read in one sitting. They need PyTorch, which the extra `learning` brings.
"""

try:
    import safetensors  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError("learning needs PyTorch and safetensors: pip install 'regseg-course[learning]'") from error
