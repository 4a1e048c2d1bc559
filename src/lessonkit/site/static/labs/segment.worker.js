// Labels a scan beside the page, which so stays awake. Takes { scan, network }, the bytes of a NIfTI and an ONNX file.
// Answers { busy, share } while it works, and then { seen, labels, names } or { problem }.
import { InferenceSession, Tensor } from "../bundles/onnxruntime.js";
import { readNifti } from "./nifti.js";
import { coarse } from "./scan.js";

// What an ONNX file says of itself: field 14 of its protocol buffer has pairs of key (1) and value (2).
function metadata(bytes) {
  const found = {}, text = new TextDecoder();
  const fields = function* (from, end) {
    const number = () => {
      let value = 0;
      for (let power = 1; ; power *= 128) {
        const byte = bytes[from++];
        value += (byte & 127) * power;
        if (!(byte & 128)) return value;
      }
    };
    while (from < end) {
      const tag = number(), kind = tag & 7;
      if (kind === 0) number();
      else if (kind === 2) {
        const length = number();
        yield [tag >> 3, from, from + length];
        from += length;
      } else from += { 1: 8, 5: 4 }[kind] ?? Infinity;
    }
  };
  for (const [field, start, stop] of fields(0, bytes.length)) {
    if (field !== 14) continue;
    const pair = {};
    for (const [part, from, end] of fields(start, stop)) pair[part] = text.decode(bytes.subarray(from, end));
    found[pair[1]] = pair[2];
  }
  return found;
}

async function segment({ scan, network }) {
  postMessage({ busy: "Reading the scan.", share: 0.2 });
  const image = await readNifti(scan);
  postMessage({ busy: "Bringing it to voxels of 2 mm.", share: 0.4 });
  const seen = coarse(image);
  postMessage({ busy: "Loading the network.", share: 0.6 });
  const session = await InferenceSession.create(network)
    .catch(problem => { throw new Error(`This is no network that the page can run: ${problem.message}`); });
  if (session.inputNames.join() !== "image" || session.outputNames.join() !== "labels") {
    throw new Error(`The network must take "image" and answer "labels"; this one takes "${session.inputNames}" and answers "${session.outputNames}".`);
  }
  postMessage({ busy: "Labelling.", share: 0.8 });
  const { labels } = await session.run({ image: new Tensor("float32", seen.values, [1, 1, ...seen.size.toReversed()]) });
  if (labels.data.length !== seen.values.length) throw new Error("The network answered with another number of voxels than it was given.");
  const names = metadata(network).labels?.split(",") ?? [];
  return { seen, labels: Uint8Array.from(labels.data, Number), names };
}

onmessage = ({ data }) => segment(data).then(answer => postMessage(answer), problem => postMessage({ problem: problem.message }));
