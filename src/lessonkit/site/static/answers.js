// Answer boxes, below the starter of an exercise whose answer is a choice, an order of letters, or numbers. What they say
// are the sentences of regseg.check (ANSWERS, filled by scripts that are written when the site is built).
document.head.append(make("link", { rel: "stylesheet", href: new URL("answers.css", document.currentScript.src) }));

// The number of the sentence on what somebody typed; undefined where it cannot be read.
const sentenceOnLetters = ({ known }, typed) => {
  const words = typed.toUpperCase().match(/[A-Z]+/g) ?? [], letters = words.join("");
  const initials = words.map((word) => word[0]).join("");
  return [letters, [...letters].sort().join(""), initials].map((form) => known[form]).find((found) => found !== undefined);
};
const sentenceOnNumbers = ({ ask, known }, typed) => {
  const plain = typed.replaceAll("−", "-"), number = /[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/gi;
  const given = (plain.match(number) ?? []).map(Number);
  if (given.length !== ask || !/^[\s,;()[\]]*$/.test(plain.replace(number, " "))) return undefined;
  return known.find(([target, within]) => given.every((value, n) => within[n] === null || Math.abs(value - target[n]) <= within[n]))[2];
};

// The first answers to the questions of a quiz, as a line that a room can paste, below the last of them.
const quizOf = (name) => /^(\d\d)-quiz-(\d+)$/.exec(name)?.slice(1) ?? [];
const firstAnswers = {};
function noteFirst(name, letter) {
  const [quiz, number] = quizOf(name);
  if (!quiz) return;
  const mine = firstAnswers[quiz] ??= {};
  mine[number] ??= letter;
  const place = all("[data-exercise]").findLast((other) => quizOf(other.dataset.exercise)[0] === quiz);
  const line = place.querySelector(".line") ?? place.appendChild(make("p", { className: "line" }));
  const code = `${quiz}: ${Object.keys(mine).map((one) => one + mine[one]).join(" ")}`;
  line.replaceChildren("Your first answers, for a room that counts them: ", make("code", { textContent: code }));
}

for (const place of all("[data-exercise]")) {
  const box = ANSWERS[place.dataset.exercise], id = `answer-${place.dataset.exercise}`;
  const said = make("p", { className: "verdict", role: "status" });
  const say = (number, typed) => {
    const sentence = number === undefined ? box.unread.replace("@@", typed) : box.sentences[number];
    said.textContent = sentence;
    said.dataset.right = sentence.startsWith("Right.");
  };
  if (box.ask === "choice") {
    const group = make("div", { role: "group", className: "options" });
    group.setAttribute("aria-label", "Your answer");
    const buttons = Object.keys(box.known).map((option) => make("button", { type: "button", textContent: option }));
    for (const button of buttons) button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
      say(box.known[button.textContent], button.textContent);
      noteFirst(place.dataset.exercise, button.textContent);
    });
    group.append(...buttons);
    place.append(group, said);
  } else {
    const form = make("form", {}), input = make("input", { id, type: "text", autocomplete: "off", spellcheck: false });
    if (box.ask === "letters") input.autocapitalize = "characters";
    const wanted = box.ask === "letters" ? "letters" : box.ask === 1 ? "a number" : `${box.ask} numbers`;
    form.append(make("label", { htmlFor: id, textContent: `Your answer (${wanted})` }), input, make("button", { textContent: "Check" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = input.value.trim();
      if (typed) say((box.ask === "letters" ? sentenceOnLetters : sentenceOnNumbers)(box, typed), typed);
    });
    place.append(form, said);
  }
}
