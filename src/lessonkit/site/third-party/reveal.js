// reveal.js shows slides, and their notes in a window of the speaker's. No other file of ours knows it.
import Reveal from "reveal.js";
import "reveal.js/reveal.css";
import Notes from "reveal.js/plugin/notes";

// The keys to right and left go from stack to stack, down and up within one, and the space bar through all of them.
// `moved` is called with each slide that comes up. On paper each slide is a page, and `moved` is called with all of them.
export async function present(root, { paper, quiet, minutes, moved }) {
  const deck = new Reveal(root, {
    // The style sheet sizes the slides: a living figure in a page that is scaled would not know where the mouse is.
    disableLayout: !paper, width: 1280, height: 720, margin: 0, center: false, display: "flex", viewDistance: 2,
    transition: quiet ? "none" : "fade", backgroundTransition: "none", transitionSpeed: "fast",
    hash: true, respondToHashChanges: true, slideNumber: "c/t", scrollActivationWidth: null, pdfSeparateFragments: false,
    keyboardCondition: (event) => !event.target.closest(".stage"),
    totalTime: 60 * minutes,
    plugins: [Notes],
  });
  deck.on("slidechanged", ({ currentSlide }) => moved(currentSlide));
  deck.on("pdf-ready", () => deck.getSlides().forEach(moved));
  await deck.initialize();
  return { now: () => deck.getCurrentSlide(), speak: () => deck.getPlugin("notes").open() };
}
