// Bundles each library behind our one file for it, with the files that it loads itself and the licences of all.
// What is made goes into the folder that the command line names.
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { build } from "esbuild";

const out = process.argv[2];
const LIBRARIES = ["elastix", "niivue", "onnxruntime"];
// What a bundled library fetches while it runs, by the folder in which our file lets it look.
const LOADED = {
  elastix: [
    "@itk-wasm/elastix/dist/pipelines/default-parameter-map.js",
    "@itk-wasm/elastix/dist/pipelines/default-parameter-map.wasm.zst",
    "@itk-wasm/elastix/dist/pipelines/elastix.js",
    "@itk-wasm/elastix/dist/pipelines/elastix.wasm.zst",
    "itk-wasm/dist/pipeline/web-workers/bundles/itk-wasm-pipeline.min.worker.js",
  ],
  onnxruntime: [
    "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  ],
};

const bundle = (names, how) => build({
  entryPoints: names.map((name) => `${name}.js`),
  outdir: out,
  bundle: true,
  target: "es2022",
  conditions: ["onnxruntime-web-use-extern-wasm"],
  minify: true,
  legalComments: "none",  // all licences stand in one file
  metafile: true,
  logLevel: "warning",
  ...how,
});
const made = [
  await bundle(LIBRARIES, { format: "esm" }),
  // Slides are shown from the disk too, where a browser loads no modules.
  await bundle(["reveal"], { format: "iife", globalName: "slideShow" }),
];
const used = new Set(made.flatMap(({ metafile }) => Object.keys(metafile.inputs)).filter((path) => path.startsWith("node_modules/")));
for (const [folder, files] of Object.entries(LOADED)) {
  await mkdir(join(out, folder), { recursive: true });
  for (const file of files) {
    await cp(join("node_modules", file), join(out, folder, posix.basename(file)));
    used.add(`node_modules/${file}`);
  }
}

const packages = new Set([...used].map((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)[0]));
const said = [];
for (const folder of [...packages].sort()) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  said.push([`${name} ${version}: ${license ?? "see below"}`, ...texts.map((text) => text.trim())].join("\n\n"));
}
await writeFile(join(out, "licences.txt"), said.join(`\n\n${"-".repeat(80)}\n\n`) + "\n");
