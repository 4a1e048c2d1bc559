// A lab: a scan of a head, the lesson's or the reader's own, labelled by a network in the browser.
import { fetched } from "./files.js";
import { planes } from "./geometry.js";
import { writeNifti } from "./nifti.js";

const HTML = `
  <p class="about"></p>
  <div class="row">
    <label>Your own scan (.nii, .nii.gz) <input type="file" name="scan" accept=".nii,.gz,.nii.gz"></label>
    <button type="button" name="lesson">The lesson's scan</button>
  </div>
  <p class="help">Or drop a file here. It never leaves your computer: the network comes to it, and runs in this page.</p>
  <details class="other"><summary>Another network</summary>
    <div class="row"><label>Network (.onnx) <input type="file" name="network" accept=".onnx"></label></div>
    <p class="help">It takes <code>image</code>, float32 (1, 1, z, y, x) in voxels of 2 mm along L, P and S, and answers <code>labels</code> of the same shape, whole numbers up to 255. The names of its labels stand in the file's metadata under <code>labels</code>, with commas between them.</p>
  </details>
  <div class="row"><button type="button" name="go" class="first">Segment</button></div>
  <progress max="1" value="0" aria-label="Progress" hidden></progress>
  <p role="status"></p>
  <div class="stage"></div>
  <div class="answer" hidden>
    <div class="table" tabindex="0"><table><caption>Volumes, counted in voxels of 2 mm</caption><thead><tr><th scope="col">label</th><th scope="col">name</th><th scope="col">volume / ml</th></tr></thead><tbody></tbody></table></div>
    <p class="actions"><a download="labels.nii.gz">Download the labels</a></p>
  </div>`;

export default async function mount(lab) {
  const given = await fetched("segment.json", "json");
  lab.innerHTML = HTML;
  const one = selector => lab.querySelector(selector), field = name => one(`[name="${name}"]`);
  const said = text => { one("[role=status]").textContent = text; };
  let scan, network, worker, end, links = [];

  const lesson = () => ({ name: given.about, read: () => fetched(given.scan, "arrayBuffer") });
  const file = chosen => ({ name: `Your file ${chosen.name}.`, read: () => chosen.arrayBuffer() });
  const choose = next => {
    stop();
    scan = next;
    one(".about").textContent = scan.name;
    said("");
    clear();
  };

  function clear() {
    end?.();
    end = undefined;
    links.forEach(URL.revokeObjectURL);
    links = [];
    one(".stage").replaceChildren();
    one(".answer").hidden = true;
  }

  function rest() {
    worker?.terminate();
    worker = undefined;
    one("progress").hidden = true;
    lab.ariaBusy = "false";
    field("go").textContent = "Segment";
  }

  function stop() {
    if (!worker) return;
    rest();
    said("Stopped.");
  }

  async function segment() {
    if (!network && !given.network) return said("This copy of the course has no network: choose one above.");
    clear();
    const mine = worker = new Worker(new URL("segment.worker.js", import.meta.url), { type: "module" });
    one("progress").hidden = false;
    lab.ariaBusy = "true";
    field("go").textContent = "Stop";
    const busy = (text, share) => {
      said(text);
      one("progress").value = share;
    };
    busy("Fetching the network and what runs it, the first time only.", 0);
    try {
      const began = performance.now();
      const [image, net] = await Promise.all([scan.read(), network ? network.arrayBuffer() : fetched(given.network, "arrayBuffer")]);
      const answer = await new Promise((resolve, reject) => {
        mine.onmessage = ({ data }) => data.busy ? busy(data.busy, data.share) : data.problem ? reject(new Error(data.problem)) : resolve(data);
        mine.onerror = () => reject(new Error("The browser could not start the network."));
        mine.postMessage({ scan: new Uint8Array(image), network: new Uint8Array(net) });
      });
      if (mine !== worker) return;
      const seconds = (performance.now() - began) / 1000;
      await show(answer);
      said(`Labelled in ${seconds.toFixed(1)} s.`);
      rest();
    } catch (problem) {
      if (mine !== worker) return;
      said(problem.message);
      rest();
    }
  }

  // ---- the answer: the planes are the course's own viewer, the one of its notebooks

  async function show({ seen, labels, names }) {
    const counts = new Map();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    const found = [...counts.keys()].filter(label => label).sort((a, b) => a - b);
    const name = label => names[label] ?? `label ${label}`;
    const rows = found.map(label => [label, name(label), (counts.get(label) * seen.spacing[0] ** 3 / 1000).toFixed(1)]);
    one("tbody").replaceChildren(...rows.map(cells => {
      const row = document.createElement("tr");
      row.append(...cells.map(text => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    }));
    const map = await writeNifti({ ...seen, values: labels });
    one(".answer a").href = link(map);
    one(".answer").hidden = false;

    const sorted = seen.values.toSorted(), [low, high] = [sorted[0], sorted[Math.floor(sorted.length * 0.998)]];
    const slope = (sorted.at(-1) - low) / 255;
    const picture = await writeNifti({ ...seen, values: Uint8Array.from(seen.values, value => Math.round((value - low) / slope)), slope, intercept: low });
    const [{ mount: mountViews }, { default: explore }] = await Promise.all([import("../show/mount.js"), import("../show/explore.js")]);
    for (const sheet of ["mount", "explore"]) style(sheet);
    const middle = place(seen, labels);
    const traits = {
      scene: {
        dimension: 3, ...seen, values: undefined, range: [low, sorted.at(-1)], whole: false,
        label_names: Object.fromEntries(found.map(label => [label, name(label)])),
        planes: planes(seen).map(({ name: called, right, down, toRight, toDown, normal, edges }) => ({
          name: called, normal, right, down, flip_right: toRight < 0, flip_down: toDown < 0, edges,
          size: [seen.size[right] * seen.spacing[right], seen.size[down] * seen.spacing[down]],
        })),
      },
      layers: { image: { file: "image", components: 1, window: [low, high] }, labels: { file: "labels", components: 1, window: null } },
      position: middle, window: [low, high], opacity: 0.5, labels_opacity: 0.35, view: 0, mode: "look",
    };
    const state = { views: [{ title: "", traits }], shared: [], files: { image: link(picture), labels: link(map) } };
    end = await mountViews(one(".stage"), state, explore);
  }

  // The middle of what is labelled, in mm.
  function place({ size, spacing, origin }, labels) {
    const sum = [0, 0, 0];
    let count = 0;
    labels.forEach((label, at) => {
      if (!label) return;
      count++;
      [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / size[0] / size[1])].forEach((index, axis) => { sum[axis] += index; });
    });
    return sum.map((total, axis) => origin[axis] + spacing[axis] * Math.round(count ? total / count : size[axis] / 2));
  }

  function link(bytes) {
    links.push(URL.createObjectURL(new Blob([bytes], { type: "application/gzip" })));
    return links.at(-1);
  }

  function style(name) {
    const href = new URL(`../show/${name}.css`, import.meta.url).href;
    if ([...document.styleSheets].some(sheet => sheet.href === href)) return;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
  }

  // ---- what is pressed

  field("scan").addEventListener("change", ({ target }) => { if (target.files[0]) choose(file(target.files[0])); });
  field("lesson").addEventListener("click", () => {
    field("scan").value = "";
    choose(lesson());
  });
  field("network").addEventListener("change", ({ target }) => {
    network = target.files[0];
    choose(scan);
  });
  field("go").addEventListener("click", () => worker ? stop() : segment());
  for (const name of ["dragover", "drop"]) {
    lab.addEventListener(name, event => {
      event.preventDefault();
      lab.classList.toggle("over", name === "dragover");
      const dropped = event.dataTransfer.files[0];
      if (name === "drop" && dropped) choose(file(dropped));
    });
  }
  lab.addEventListener("dragleave", () => lab.classList.remove("over"));
  choose(lesson());
  rest();
  if (!given.network) one(".other").open = true;
}
