// A scan as the network sees it: voxels of 2 mm along L, P and S, around all of it. As regseg.learn.segment.coarse has it.
import { sampler, times } from "./geometry.js";

const SPACING = 2, MULTIPLE = 16;  // mm; each side, in voxels, is a multiple of this
const MOST_VOXELS = 60e6, LONGEST_MM = 400;

// Why an image is no scan that could be labelled, in one sentence; nothing where it is one.
function complaint({ size, spacing, values }) {
  if (size.length < 3) return "This is a single slice: the network looks at whole heads.";
  if (values.length > MOST_VOXELS) return "This scan has more than 60 million voxels, too many for a browser: make it coarser first.";
  if (size.some((count, axis) => count * spacing[axis] > LONGEST_MM)) return "This scan is longer than 40 cm: cut out the head first.";
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) return "The scan has voxels that are no number (NaN or infinite): replace them, with 0 for example.";
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low === high ? `All voxels of the scan are ${low}: there is nothing to label.` : "";
}

// One half of ITK's discrete Gaussian of a variance (voxels²): T. Lindeberg, Scale-space for discrete signals, PAMI 1990.
function kernel(variance) {
  const weights = [];
  for (let n = 0, sum = 0; sum < 0.99; n++) {
    let term = Math.exp(-variance), bessel = 0;
    for (let k = 1; k <= n; k++) term *= variance / 2 / k;
    for (let k = 0; k < 30; term *= (variance / 2) ** 2 / ((k + 1) * (k + 1 + n)), k++) bessel += term;
    weights.push(bessel);
    sum += n ? 2 * bessel : bessel;
  }
  const sum = weights.reduce((all, weight, n) => all + (n ? 2 : 1) * weight, 0);
  return weights.map(weight => weight / sum);
}

// What is finer is averaged over the new voxels, or noise and thin structures would alias.
function smoothed({ size, spacing, values }) {
  let from = Float32Array.from(values);
  size.forEach((count, axis) => {
    const weights = kernel(Math.max(0, SPACING ** 2 - spacing[axis] ** 2) / 12 / spacing[axis] ** 2);
    if (weights.length === 1) return;
    const stride = size.slice(0, axis).reduce((all, each) => all * each, 1), to = new Float32Array(from.length);
    for (let at = 0; at < from.length; at++) {
      const place = Math.floor(at / stride) % count;
      let sum = weights[0] * from[at];
      for (let n = 1; n < weights.length; n++) {
        sum += weights[n] * (from[at - Math.min(n, place) * stride] + from[at + Math.min(n, count - 1 - place) * stride]);
      }
      to[at] = sum;
    }
    from = to;
  });
  return from;
}

// The scan on the network's grid; an error says in one sentence why it cannot be.
export function coarse(image) {
  const problem = complaint(image);
  if (problem) throw new Error(problem);
  const { size, spacing, origin, direction } = image;
  const corners = Array.from({ length: 8 }, (_, corner) =>
    times(direction, size.map((count, axis) => spacing[axis] * ((corner >> axis & 1) * count - 0.5))).map((value, axis) => value + origin[axis]));
  const first = [0, 1, 2].map(axis => Math.min(...corners.map(corner => corner[axis])));
  const last = [0, 1, 2].map(axis => Math.max(...corners.map(corner => corner[axis])));
  const sides = first.map((low, axis) => Math.ceil((last[axis] - low) / (SPACING * MULTIPLE) - 1e-9) * MULTIPLE);
  const start = first.map((low, axis) => (low + last[axis]) / 2 - SPACING * (sides[axis] - 1) / 2);
  const show = sampler({ ...image, values: smoothed(image) }, image.values.reduce((low, value) => Math.min(low, value), Infinity));
  const values = new Float32Array(sides[0] * sides[1] * sides[2]), point = [0, 0, 0];
  for (let z = 0, at = 0; z < sides[2]; z++) for (let y = 0; y < sides[1]; y++) for (let x = 0; x < sides[0]; x++, at++) {
    point[0] = start[0] + SPACING * x;
    point[1] = start[1] + SPACING * y;
    point[2] = start[2] + SPACING * z;
    values[at] = show(point);
  }
  return { size: sides, spacing: [SPACING, SPACING, SPACING], origin: start, direction: [1, 0, 0, 0, 1, 0, 0, 0, 1], values };
}
