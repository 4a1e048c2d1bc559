// NiiVue draws in three dimensions.
export * from "@niivue/niivue";
