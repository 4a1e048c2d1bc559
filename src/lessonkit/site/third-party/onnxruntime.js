// ONNX Runtime on one thread of WebAssembly, so that the page needs no isolation from other origins.
import { env } from "onnxruntime-web/wasm";

env.wasm.numThreads = 1;
env.wasm.wasmPaths = new URL("onnxruntime/", import.meta.url).href;

export { InferenceSession, Tensor } from "onnxruntime-web/wasm";
