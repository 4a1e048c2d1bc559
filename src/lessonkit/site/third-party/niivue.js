// NiiVue draws in three dimensions, and reads a reader's own file. No other file of ours knows it.
import { Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";

const VIEWS = { "3-D": SLICE_TYPE.RENDER, planes: SLICE_TYPE.MULTIPLANAR, axial: SLICE_TYPE.AXIAL, coronal: SLICE_TYPE.CORONAL, sagittal: SLICE_TYPE.SAGITTAL };
const OURS = {
  // The lesson's sides: the patient's right is on the left, the nose points to the left, and each edge has its letter.
  isRadiologicalConvention: true, sagittalNoseLeft: true, showAllOrientationMarkers: true, isOrientCube: true,
  multiplanarShowRender: SHOW_RENDER.NEVER, show3Dcrosshair: true, multiplanarPadPixels: 8,
  crosshairColor: [0.94, 0.89, 0.26, 1], crosshairWidth: 0.4, crosshairWidthUnit: "percent", backColor: [0, 0, 0, 1], fontColor: [1, 1, 1, 1],
  dragAndDropEnabled: false, isResizeCanvas: true, loadingText: "", logLevel: "silent",
};

// Draws the images in a canvas, which stands in the page. Each image is { url } or { file }, and may have a name, a window
// [black, white], a colour map of NiiVue's, an opacity, or the colours of its labels, [red, green, blue] each.
export async function draw(canvas, images, view = "3-D") {
  const viewer = new Niivue(OURS);
  // A browser has few contexts of WebGL: for one too many it takes another picture's away.
  const close = () => { viewer.cleanup(); canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext(); };
  try { await load(viewer, canvas, images, view); }
  catch (problem) { close(); throw problem; }
  return {
    volume: viewer.volumes[0],
    show(name) { viewer.setSliceType(VIEWS[name]); },
    turn(azimuth, elevation) { viewer.setRenderAzimuthElevation(azimuth, elevation); },
    // Cuts away what lies in front of a plane, so many hundredths of the way through the image; 0 cuts nothing.
    cut(share, azimuth, elevation) { viewer.setClipPlane([share ? 0.6 - 1.2 * share : 2, azimuth, elevation]); },
    close,
  };
}

async function load(viewer, canvas, images, view) {
  await viewer.attachToCanvas(canvas);
  viewer.setSliceType(VIEWS[view]);
  for (const { file, url, name, window: [black, white] = [], colours, map = "gray", opacity = 1 } of images) {
    if (file) await viewer.loadFromFile(file).catch(() => { throw new Error("it is damaged, or of a format that NiiVue does not read."); });
    else await viewer.addVolumeFromUrl({ url, name, colormap: map, opacity, cal_min: black, cal_max: white });
    if (colours) viewer.volumes.at(-1).setColormapLabel(table(colours));
  }
  if (!viewer.volumes.length) throw new Error("This file holds no image that NiiVue can read.");
  const [{ hdr, img }] = viewer.volumes;
  if (img.length < hdr.dims[1] * hdr.dims[2] * hdr.dims[3]) throw new Error("it breaks off: it has fewer voxels than its header says.");
  viewer.updateGLVolume();
}

function table(colours) {
  const channel = n => [0, ...colours.map(colour => colour[n])];
  return { R: channel(0), G: channel(1), B: channel(2), A: [0, ...colours.map(() => 255)], I: [0, ...colours.map((_, n) => n + 1)] };
}
