"""The segmentation network as an ONNX file, which needs no Python: the website runs it in the browser.

    python -m regseg.learn onnx segment.onnx

The file's input `image` is a scan, float32 (1, 1, z, y, x), in voxels of 2 mm along L, P and S; each side is a multiple
of 16, and the grey values are as they come. Its output `labels` has the same shape (int32): the number of each voxel's
structure. The names stand under `labels` in the file's metadata, in their order, separated by commas. Under `box` is
the size along x, y and z of what the network has learned from: whoever uses it should look twice, as `segment` does, at
all of the scan and then at such a box around the brain that was found.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from regseg.files import written_whole
from regseg.learn.segment import BRAIN, MULTIPLE, SPACING, UNet
from regseg.synth.scans import NAMES


class Labels(nn.Module):
    """A network that answers with labels and not with logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """The number of each voxel's most likely structure."""
        return self.network(image).argmax(dim=1, keepdim=True).to(torch.int32)


def to_onnx(network: UNet, path: Path) -> None:
    """Write a network as ONNX, whole or not at all; its weights are rounded to 16 bits, which halves the file.

    Raises
    ------
    ImportError
        The packages that write such files are missing.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter asks for it
    except ImportError as error:
        raise ImportError("ONNX files need the packages of: pip install 'regseg-course[onnx]'") from error
    side = {axis: MULTIPLE * torch.export.Dim(f"{name}{MULTIPLE}") for axis, name in enumerate("zyx", start=2)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, of torch's own parts
        program = torch.onnx.export(
            Labels(network).eval(),
            (torch.rand(1, 1, 48, 64, 80),),
            dynamo=True,
            input_names=["image"],
            output_names=["labels"],
            dynamic_shapes=(side,),
            verbose=False,
        )
    model = program.model_proto
    kept = []
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == "float32" and values.size > 16:
            weights.CopyFrom(onnx.numpy_helper.from_array(values.astype("float16"), f"{weights.name}_half"))
            kept.append(weights.name)
    for name in kept:
        cast = onnx.helper.make_node("Cast", [name], [name.removesuffix("_half")], to=onnx.TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
    about = {"labels": ",".join(NAMES), "spacing in mm": str(SPACING), "box": ",".join(map(str, BRAIN))}
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model)
    with written_whole(path) as file:
        file.write(model.SerializeToString())
