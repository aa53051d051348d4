// The ranked classes of every picture, and why one of them is where it is.

import { api } from "./api.js";
import { find, make } from "./elements.js";
import { fail } from "./failure.js";
import { drawNeighbourhood } from "./neighbourhood.js";

const shown = { results: [], subject: null, classes: [] };

// `subject` is what was asked about, `classes` are the ids of the candidates.
export function showAnswers(results, subject, classes) {
  Object.assign(shown, { results, subject, classes });
  closeWhy();
  find("results").replaceChildren(...results.map((result, number) => make("article", { class: "picture" },
    make("figure", {}, subject?.urls[number] ? make("img", { src: subject.urls[number], alt: result.image }) : null,
      make("figcaption", {}, result.image)),
    make("div", {}, ...verdict(result), make("ol", { class: "plain", "aria-label": `Classes for ${result.image}` },
      ...result.predictions.map((one) => make("li", {}, row(one, result.predictions, number))))))));
}

// Where the answers stand below the questions, as on a phone, bring them into view.
export function lookAtAnswers() {
  if (window.matchMedia("(max-width: 48rem)").matches) find("answers").scrollIntoView();
}

export function noAnswers() {
  showAnswers([], null, []);
}

// The classes that stand in the answers, each once.
export function answeredClasses() {
  const found = new Map();
  for (const result of shown.results) {
    for (const one of result.predictions) found.set(one.class_id, { id: one.class_id, label: one.name, hint: one.class_id });
  }
  return [...found.values()];
}

function verdict(result) {
  const told = [];
  if (result.is_unknown) told.push(make("p", { class: "verdict" }, "None of these, it seems."));
  else if (result.back_off && result.back_off.class_id !== result.predictions[0].class_id) {
    told.push(make("p", { class: "verdict" }, `Some kind of ${result.back_off.name} (${percent(result.back_off.probability)}).`));
  }
  return told;
}

function row(one, all, number) {
  const isTwin = all.some((other) => other !== one && other.name === one.name);
  const twin = isTwin ? make("span", { class: "id" }, one.class_id) : null;
  const sign = one.is_seen ? "seen" : one.semantics === "trained" ? "unseen" : "unseen, added";
  const bar = make("span", { class: "bar" });
  bar.style.width = `${barOf(one, all)}%`;
  const button = make("button", { type: "button", class: `row ${one.is_seen ? "seen" : "unseen"}`, "aria-expanded": "false",
    "aria-controls": "why", title: `Why ${one.name}?`, onclick: () => toggleWhy(one, number, button) },
    make("span", { class: "rank" }, String(one.rank)),
    make("span", {}, one.name, make("span", { class: `mark ${one.is_seen ? "seen" : ""}` }, sign), twin),
    make("span", { class: "value" }, hasProbability(one) ? percent(one.probability) : one.score.toFixed(2)),
    make("span", { class: "track", "aria-hidden": "true" }, bar),
    make("small", {}, one.path.length > 1 ? pathText(one.path) : ""));
  return button;
}

function hasProbability(one) {
  return one.probability !== null && one.probability !== undefined;
}

function percent(share) {
  if (share < 0.001) return "< 0.1 %";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

function barOf(one, all) {
  if (hasProbability(one)) return Math.max(1, 100 * one.probability);
  const best = all[0].score, worst = all[all.length - 1].score;
  return best === worst ? 100 : 12 + (88 * (one.score - worst)) / (best - worst);
}

function pathText(path) {
  const signs = { start: "", up: " ▸ ", down: " ◂ " };
  return path.map((step) => signs[step.direction] + step.name).join("");
}

function toggleWhy(one, number, button) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  closeWhy();
  if (!isOpen) why(one, number, button);
}

function closeWhy() {
  find("why").hidden = true;
  find("answers").append(find("why"));
  for (const open of document.querySelectorAll(".row[aria-expanded=true]")) open.setAttribute("aria-expanded", "false");
}

async function why(one, number, button) {
  find("status").textContent = `Looking why ${one.name} …`;
  button.setAttribute("aria-expanded", "true");
  try {
    const found = await api.explain(shown.subject.one(number), shown.classes, one.class_id);
    if (button.getAttribute("aria-expanded") !== "true") return; // closed, or another one asked, meanwhile
    tell(found);
    button.closest("article").append(find("why"));
    find("why").hidden = false;
    find("status").textContent = `Why ${one.name}: shown below its picture.`;
    find("why").scrollIntoView({ block: "nearest" });
  } catch (error) {
    button.setAttribute("aria-expanded", "false");
    find("status").textContent = "Not explained.";
    fail(error);
  }
}

function tell(found) {
  find("why-title").textContent = `Why ${found.name}`;
  find("why-class").textContent = [found.unique_name, found.definition].filter(Boolean).join(": ");
  find("why-text").textContent = [found.placement, found.note].filter(Boolean).map(sentence).join(" ");
  const parts = found.contributions.map((part) => [part.name, part.amount]);
  if (parts.length && found.num_rest) parts.push([`${found.num_rest.toLocaleString("en")} others`, found.rest]);
  find("parts").replaceChildren(...parts.map(([name, amount]) => make("li", {},
    make("span", {}, name), make("span", { class: "value" }, `${amount >= 0 ? "+" : "−"}${Math.abs(amount).toFixed(2)}`))));
  find("near").textContent = found.near.length ? `Easily taken for: ${found.near.map((near) => near.name).join(", ")}.` : "";
  find("graph").replaceChildren(drawNeighbourhood(found.neighbourhood));
}

export function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
