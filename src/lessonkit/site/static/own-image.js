// A reader's own file, looked at in the page: it is read here, and goes nowhere.
import { draw } from "./space.js";

const place = document.getElementById("own-place"), said = document.getElementById("own-said");
const form = document.querySelector(".own"), input = document.getElementById("own-file");
const SIDES = [["left", "right"], ["back", "front"], ["feet", "head"]];  // where the axes of NIfTI run from and to
let drawn;

// What the file says of its grid. `affine` takes indices to positions in NIfTI's axes.
function describe({ hdr }) {
  const size = hdr.dims.slice(1, 4), unit = { 1: 1000, 3: 0.001 }[hdr.xyzt_units & 7] ?? 1;  // m and µm, in mm
  const spacing = hdr.pixDims.slice(1, 4).map(step => +(Math.abs(step) * unit).toPrecision(3));
  const ways = [0, 1, 2].map(axis => {
    const along = [0, 1, 2].map(row => hdr.affine[row][axis]), most = along.reduce((best, mm, n) => Math.abs(mm) > Math.abs(along[best]) ? n : best, 0);
    return `${"ijk"[axis]} runs to the ${SIDES[most][+(along[most] > 0)]}`;
  });
  return `${size.join(" × ")} voxels of ${spacing.join(" × ")} mm; ${ways.join(", ")}.`;
}

async function open(file) {
  if (!file) return;
  said.textContent = `Opening ${file.name} …`;
  drawn?.close();
  drawn = undefined;
  try {
    drawn = await draw(place, [{ file }], file.name, ["planes", "axial", "coronal", "sagittal", "3-D"]);
    said.textContent = `${file.name}: ${describe(drawn.volume)}`;
  } catch (error) {
    place.replaceChildren();
    said.textContent = `${file.name} could not be opened: ${error.message}`;
  }
}

said.textContent = "";
input.addEventListener("change", () => open(input.files[0]));
for (const name of ["dragover", "drop"]) form.addEventListener(name, event => event.preventDefault());
form.addEventListener("drop", event => open(event.dataTransfer.files[0]));
open(input.files[0]);  // one that was chosen before this script was there
