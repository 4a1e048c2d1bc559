"""The data cards as text: a listing for the terminal and a page for the website."""

from itertools import groupby

from regseg.data.cards import MNI_NOTICE, Card, by_name

KINDS = {
    "template": "An average of many people, or made from it without invented intensities.",
    "synthetic": "Computed: contrast, lesions, bone, motion or noise are invented. Those with a download were computed "
    "by others; all the rest are made by the course: those named phantom from formulas, the others from the template.",
    "real": "Images of patients or specimens, published by others and downloaded on demand.",
}


def listing(long: bool = False) -> str:
    """Return every dataset in one line each, or with `long` its whole card."""
    blocks = []
    for card in by_name().values():
        size = f" ({card.bytes / 1e6:.1f} MB)" if card.bytes else ""
        where = "embedded" if card.embedded else f"download{size}"
        line = f"{card.name:20} {card.kind:10} {card.modality:20} {where:20} {card.title}"
        if long:
            facts = ("what", "origin", "licence", "consent", "citation")
            line += "".join(f"\n    {fact}: {getattr(card, fact)}" for fact in facts)
            line += "".join(f"\n    {url}" for url in card.urls) + "\n"
        blocks.append(line.rstrip(" "))
    return "\n".join([*blocks, "", "Notice for every dataset made from the template:", MNI_NOTICE] if long else blocks)


def markdown() -> str:
    """Return the page learners/data-card.md."""
    lines = [
        "---",
        'title: "Data cards"',
        "---",
        "",
        "<!-- Made by `regseg data card`; edit src/regseg/data/cards.py or data/registry.json instead. -->",
        "",
        "Every image of the course is template, synthetic or real, and its caption says which.",
        "`data.load` and its sisters take the names below; `regseg data list --long` prints these cards.",
    ]
    for kind, meaning in KINDS.items():
        cards = [card for card in by_name().values() if card.kind == kind]
        lines += ["", f"## {kind.capitalize()} images", "", meaning, ""]
        lines += ["| name | modality | what it is |", "|---|---|---|"]
        lines += [f"| {names} | {card.modality} | {card.what} |" for names, card in _families(cards)]
        lines += ["", f"### Terms of the {kind} images", ""]
        lines += _terms(cards)
    lines += ["", "## Notice of the template", "", "It goes with every image that is made from the template.", ""]
    lines += [f"> {line}" for line in MNI_NOTICE.splitlines()]
    return "\n".join(lines) + "\n"


def _families(cards: list[Card]) -> list[tuple[str, Card]]:
    """Return the cards with their names; neighbours that differ only in their number share one row."""
    rows = []
    for _, family in groupby(cards, key=lambda card: (card.title, card.what)):
        members = list(family)
        first, last = members[0], members[-1]
        rows.append((f"`{first.name}`" if first is last else f"`{first.name}` to `{last.name}`", first))
    return rows


def _terms(cards: list[Card]) -> list[str]:
    """Return one list item for each set of terms, with the names under it."""
    lines = []
    terms = {}
    for names, card in _families(cards):
        terms.setdefault((card.origin, card.licence, card.consent, card.citation), []).append(names)
    for (origin, licence, consent, citation), names in terms.items():
        lines.append(
            f"- {', '.join(names)}: from {origin}. Licence: {licence}. "
            f"Provenance and consent: {consent}. Cite: {citation}."
        )
    return lines
