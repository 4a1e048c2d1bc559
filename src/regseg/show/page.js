// What every script of a widget needs, the viewer's as well as a playground's.

const ARRAYS = {
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array,
  float32: Float32Array, float64: Float64Array,
};
const SYNC_MS = 150;   // after the last move, Python learns of it
const SPEAK_MS = 600;  // after the last move, a screen reader does

const inflated = (bytes, format) =>
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format))).arrayBuffer();

// A layer comes from the kernel as voxels or, where there is none, as the address of a NIfTI file of ours.
async function unpack(layer) {
  if (!layer.file) return { ...layer, values: new ARRAYS[layer.type](await inflated(layer.voxels, "deflate")) };
  const answer = await fetch(layer.file);
  if (!answer.ok) throw new Error(`${layer.file}: ${answer.status}`);
  const content = await inflated(await answer.arrayBuffer(), "gzip"), header = new DataView(content);
  const kind = { 2: Uint8Array, 512: Uint16Array }[header.getInt16(70, true)];
  const [start, slope, intercept] = [108, 112, 116].map(at => header.getFloat32(at, true));
  const steps = new kind(content, start), values = new Float32Array(steps.length);
  for (let n = 0; n < steps.length; n++) values[n] = slope * steps[n] + intercept;
  return { ...layer, values };
}

const minus = text => String(text).replaceAll("-", "−");

// An element with these properties and children.
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "role" || key.startsWith("aria-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}
