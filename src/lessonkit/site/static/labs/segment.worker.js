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

async function look(session, values, size) {
  const { labels } = await session.run({ image: new Tensor("float32", values, [1, 1, ...size.toReversed()]) });
  if (labels.data.length !== values.length) throw new Error("The network answered with another number of voxels than it was given.");
  return Uint8Array.from(labels.data, Number);
}

// The first voxel of a box of so many around the middle of what is labelled, or nothing where nothing is.
function around(labels, size, box) {
  const counts = size.map(n => new Uint32Array(n));
  let all = 0;
  labels.forEach((label, at) => {
    if (!label) return;
    all++;
    for (let axis = 0, rest = at; axis < 3; rest = Math.floor(rest / size[axis++])) counts[axis][rest % size[axis]]++;
  });
  const middle = along => {
    let below = 0;
    return along.findIndex(count => (below += count) >= all / 2);
  };
  return all ? counts.map((along, axis) => middle(along) - box[axis] / 2) : undefined;
}

// Calls with the places of each voxel of a box in it and in an image, where it lies in the image.
function each(first, box, size, call) {
  for (let z = 0, to = 0; z < box[2]; z++) for (let y = 0; y < box[1]; y++) for (let x = 0; x < box[0]; x++, to++) {
    const [i, j, k] = [first[0] + x, first[1] + y, first[2] + z];
    if (i >= 0 && j >= 0 && k >= 0 && i < size[0] && j < size[1] && k < size[2]) call(to, i + size[0] * (j + size[1] * k));
  }
}

// A network whose file names a box has learned from scans of that size: it looks at all, and then at a box around what it
// has found, as in Python. How much air and neck the scan shows is so of no account.
async function looked(session, { values, size }, box) {
  const labels = await look(session, values, size), first = box && around(labels, size, box);
  if (!first) return labels;
  const part = new Float32Array(box[0] * box[1] * box[2]).fill(values.reduce((a, b) => Math.min(a, b)));
  each(first, box, size, (to, from) => { part[to] = values[from]; });
  const better = await look(session, part, box);
  labels.fill(0);
  each(first, box, size, (from, to) => { labels[to] = better[from]; });
  return labels;
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
  const about = metadata(network);
  const labels = await looked(session, seen, about.box?.split(",").map(Number));
  return { seen, labels, names: about.labels?.split(",") ?? [] };
}

onmessage = ({ data }) => segment(data).then(answer => postMessage(answer), problem => postMessage({ problem: problem.message }));
