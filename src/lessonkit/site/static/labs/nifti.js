// NIfTI-1 and -2 files, packed or not, in and out. NIfTI counts to the right, the front and the head; images here are LPS.

const ARRAYS = { 2: Uint8Array, 4: Int16Array, 8: Int32Array, 16: Float32Array, 64: Float64Array, 256: Int8Array, 512: Uint16Array, 768: Uint32Array };

async function through(stream, bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

// The image in a file's bytes. An error says in one sentence why there is none.
export async function readNifti(bytes) {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    bytes = await through(new DecompressionStream("gzip"), bytes).catch(() => { throw new Error("The file is packed, and breaks off or is damaged."); });
  }
  if (bytes.length < 348) throw new Error("This is no NIfTI file: it is too short.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = [348, 540].includes(view.getInt32(0, true));
  const version = { 348: 1, 540: 2 }[view.getInt32(0, little)];
  const mark = version && String.fromCharCode(...bytes.subarray(version === 1 ? 344 : 4, version === 1 ? 347 : 7));
  if (!/^n[i+][12]$/.test(mark ?? "")) throw new Error("This is no NIfTI file: choose one that ends in .nii or .nii.gz.");
  if (mark[1] === "i") throw new Error("The voxels lie in another file (.img): choose a NIfTI file that holds both, .nii or .nii.gz.");
  const two = version === 2;
  const long = at => Number(view.getBigInt64(at, little)), short = at => view.getInt16(at, little);
  const real = at => two ? view.getFloat64(at, little) : view.getFloat32(at, little), width = two ? 8 : 4;
  const dims = Array.from({ length: 8 }, (_, at) => two ? long(16 + 8 * at) : short(40 + 2 * at));
  const steps = Array.from({ length: 8 }, (_, at) => real((two ? 104 : 76) + width * at));
  const type = short(two ? 12 : 70), offset = two ? long(168) : real(108);
  let [slope, intercept] = two ? [real(176), real(184)] : [real(112), real(116)];
  if (!slope || !Number.isFinite(slope)) [slope, intercept] = [1, 0];
  if (dims.slice(4, dims[0] + 1).some(count => count > 1)) throw new Error("The file holds more than one volume: choose one of a single volume.");
  const n = dims[0] === 2 || dims[0] > 2 && dims[3] === 1 ? 2 : 3;
  const size = dims.slice(1, n + 1), count = size.reduce((all, each) => all * each, 1);
  if (dims[0] < 2 || dims[0] > 7 || size.some(each => each < 1)) throw new Error("The header of this file is damaged: it names no size.");
  const Values = ARRAYS[type];
  if (!Values) throw new Error("Its voxels are of a kind that this page does not read: save them as whole numbers or as floats.");
  const end = offset + count * Values.BYTES_PER_ELEMENT;
  if (!(end <= bytes.length)) throw new Error("The file breaks off: it has fewer voxels than its header says.");

  let values = new Values(bytes.slice(offset, end).buffer);
  if (!little && Values.BYTES_PER_ELEMENT > 1) {
    const raw = new DataView(values.buffer), get = `get${Values.name.replace("Array", "")}`;
    values = values.map((_, at) => raw[get](at * Values.BYTES_PER_ELEMENT, false));
  }
  if (slope !== 1 || intercept !== 0) values = Float32Array.from(values, value => value * slope + intercept);
  const unit = { 1: 1000, 3: 0.001 }[(two ? view.getInt32(500, little) : bytes[123]) & 7] ?? 1;  // m and µm, in mm
  const rows = affineOf({ two, real, width, short, view, little, steps }).map(row => row.map(value => unit * value));
  const spacing = [0, 1, 2].map(axis => Math.hypot(rows[0][axis], rows[1][axis], rows[2][axis]));
  if (spacing.slice(0, n).some(step => !(step > 0))) throw new Error("The header of this file is damaged: it says nowhere where the voxels lie.");
  const lps = [-1, -1, 1];
  const direction = [];
  for (let r = 0; r < n; r++) for (let c = 0; c < n; c++) direction.push(lps[r] * rows[r][c] / spacing[c] + 0);
  const skew = [[0, 1], [0, 2], [1, 2]].slice(0, n === 3 ? 3 : 1).some(([a, b]) => Math.abs(rows.reduce((sum, row) => sum + row[a] * row[b], 0)) > 1e-3 * spacing[a] * spacing[b]);
  if (skew) throw new Error("The axes of this image are not at right angles, and this page cannot straighten them.");
  return { size, spacing: spacing.slice(0, n), origin: lps.slice(0, n).map((sign, r) => sign * rows[r][3] + 0), direction, values };
}

// The matrix from indices to RAS: the sform, else the qform, else the steps alone, as ITK's reader has it.
function affineOf({ two, real, width, short, view, little, steps }) {
  const code = at => two ? view.getInt32(at, little) : short(at);
  const [qform, sform] = two ? [code(344), code(348)] : [code(252), code(254)];
  if (sform > 0) {
    const start = two ? 400 : 280;
    return [0, 1, 2].map(r => [0, 1, 2, 3].map(c => real(start + width * (4 * r + c))));
  }
  if (qform > 0) {
    const [b, c, d, x, y, z] = [0, 1, 2, 3, 4, 5].map(at => real((two ? 352 : 256) + width * at));
    const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d)), flip = steps[0] < 0 ? -1 : 1;
    const turn = [
      [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
      [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
      [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    return turn.map((line, r) => [line[0] * steps[1], line[1] * steps[2], line[2] * steps[3] * flip, [x, y, z][r]]);
  }
  return [-1, -1, 1].map((sign, r) => [0, 1, 2].map(c => r === c ? sign * steps[c + 1] : 0).concat(0));
}

// A packed NIfTI-1 file of a 3-D image of whole numbers from 0 to 255, which stand for slope * number + intercept.
export async function writeNifti({ size, spacing, origin, direction, values, slope = 1, intercept = 0 }) {
  const bytes = new Uint8Array(352 + values.length), view = new DataView(bytes.buffer);
  view.setInt32(0, 348, true);
  [3, ...size, 1, 1, 1, 1].forEach((count, at) => view.setInt16(40 + 2 * at, count, true));
  view.setInt16(70, 2, true);
  view.setInt16(72, 8, true);
  [1, ...spacing, 0, 0, 0, 0].forEach((step, at) => view.setFloat32(76 + 4 * at, step, true));
  view.setFloat32(108, 352, true);
  view.setFloat32(112, slope, true);
  view.setFloat32(116, intercept, true);
  view.setUint8(123, 2);  // mm
  view.setInt16(254, 1, true);
  const lps = [-1, -1, 1];
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) view.setFloat32(280 + 4 * (4 * r + c), lps[r] * direction[3 * r + c] * spacing[c], true);
    view.setFloat32(280 + 4 * (4 * r + 3), lps[r] * origin[r], true);
  }
  bytes.set([0x6e, 0x2b, 0x31, 0], 344);  // "n+1"
  bytes.set(values, 352);
  return through(new CompressionStream("gzip"), bytes);
}
