// elastix, compiled to WebAssembly; its files lie beside the bundle.
import { setPipelinesBaseUrl, setPipelineWorkerUrl } from "@itk-wasm/elastix";

setPipelinesBaseUrl(new URL("elastix", import.meta.url).href);
setPipelineWorkerUrl(new URL("elastix/itk-wasm-pipeline.min.worker.js", import.meta.url).href);

export { defaultParameterMap, elastix } from "@itk-wasm/elastix";
