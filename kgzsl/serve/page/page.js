// The page: chosen pictures and classes are the state; answers are drawn from what the service says.

import { api, Failure } from "./api.js";
import { Combobox } from "./combobox.js";
import { find, make } from "./elements.js";
import { drawNeighbourhood } from "./neighbourhood.js";

const CAREFUL = { refuse: 0.05, back_off: 0.8 };
const state = { pictures: [], classes: [], samples: false, limits: { pictures: 16 } };

// what went wrong

function fail(error) {
  const known = error instanceof Failure;
  if (!known) console.error(error);
  const choices = error.details?.candidates ?? [];
  const told = choices.length ? `“${error.details.name}” could mean several classes. Which one?` : error.message;
  find("failure-text").textContent = known ? told : `Something failed on this page: ${error.message}`;
  find("failure-choices").replaceChildren(...choices.map((one) => make("li", {},
    make("button", { type: "button", onclick: () => settle(error.details.name, one) },
      `${one.label} (${one.path || one.name})`))));
  find("failure").hidden = false;
}

function settle(name, one) {
  state.classes = state.classes.filter((chosen) => chosen.id !== name);
  addClass({ id: one.class_id, label: one.label });
  rank();
}

function noFailure() {
  find("failure").hidden = true;
}

// pictures

function addPictures(files) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/"));
  const taken = pictures.slice(0, state.limits.pictures - state.pictures.length);
  for (const file of taken) state.pictures.push({ file, url: URL.createObjectURL(file) });
  showPictures();
  if (taken.length) rank();
  if (pictures.length < files.length) {
    fail(new Failure(0, { code: "no_picture", message: "Only pictures can be classified; other files were left out." }));
  }
  if (taken.length < pictures.length) {
    fail(new Failure(0, { code: "too_much", message: `${state.limits.pictures} pictures are the limit; the rest was left out.` }));
  }
}

function removePicture(picture) {
  URL.revokeObjectURL(picture.url);
  state.pictures = state.pictures.filter((one) => one !== picture);
  showPictures();
}

function showPictures() {
  find("thumbs").replaceChildren(...state.pictures.map((picture) => make("li", {},
    make("img", { src: picture.url, alt: picture.file.name }),
    make("button", { type: "button", "aria-label": `Remove ${picture.file.name}`, onclick: () => removePicture(picture) }, "×"))));
}

function takePictures() {
  const drop = find("drop");
  find("files").addEventListener("change", (event) => {
    addPictures(event.target.files);
    event.target.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    window.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  window.addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("over"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!state.samples) addPictures(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => {
    if (!state.samples && event.clipboardData.files.length) addPictures(event.clipboardData.files);
  });
}

// classes

function addClass(one) {
  if (!state.classes.some((chosen) => chosen.id === one.id)) state.classes.push(one);
  showClasses();
}

function showClasses() {
  find("chips").replaceChildren(...state.classes.map((one) => make("li", {}, one.label,
    make("button", { type: "button", "aria-label": `Remove ${one.label}`, onclick: () => {
      state.classes = state.classes.filter((chosen) => chosen !== one);
      showClasses();
    } }, "×"))));
  const count = state.classes.length;
  find("class-note").textContent = count ? `${count} chosen: these compete.` : "None chosen: all classes of the run compete.";
}

async function addOwn(event) {
  event.preventDefault();
  noFailure();
  const parent = find("add-parent").value.trim();
  const asked = { name: find("add-name").value.trim(), description: find("add-description").value.trim(), parents: parent ? [parent] : [] };
  try {
    const added = await api.add(asked);
    addClass({ id: added.class_id, label: added.name });
    event.target.reset();
    find("add").open = false;
    find("status").textContent = `Added ${added.name}. ${sentence(added.why)}`;
    await rank(false);
  } catch (error) {
    fail(error);
  }
}

// answers

async function rank(tell = true) {
  const options = { top_k: Number(find("top").value) || 5, ...(find("careful").checked ? CAREFUL : {}) };
  const classes = state.classes.map((one) => one.id);
  const sample = find("sample").value;
  if (state.samples ? !sample : !state.pictures.length) {
    if (tell) find("status").textContent = state.samples ? "Choose a sample first." : "Choose a picture first.";
    return;
  }
  noFailure();
  find("rank").disabled = true;
  if (tell) find("status").textContent = "Ranking …";
  try {
    const files = state.pictures.map((picture) => picture.file);
    const asked = state.samples ? api.predictSamples([sample], classes, options) : api.predictPictures(files, classes, options);
    const { results } = await asked;
    state.explain = state.samples
      ? (number, target) => api.explainSample(sample, classes, target)
      : (number, target) => api.explainPicture(files[number], classes, target);
    show(results);
    const words = `${results.length === 1 ? "One picture" : `${results.length} pictures`} ranked.`;
    if (tell) find("status").textContent = state.samples ? "Sample ranked." : words;
  } catch (error) {
    if (tell) find("status").textContent = "Nothing ranked.";
    fail(error);
  } finally {
    find("rank").disabled = false;
  }
}

function show(results) {
  find("why").hidden = true;
  find("results").replaceChildren(...results.map((result, number) => make("article", { class: "picture" },
    make("figure", {}, state.pictures[number] && !state.samples ? make("img", { src: state.pictures[number].url, alt: result.image }) : null,
      make("figcaption", {}, result.image)),
    make("div", {}, ...refusal(result), make("ol", { class: "plain", "aria-label": `Classes for ${result.image}` },
      ...result.predictions.map((one) => make("li", {}, row(one, result.predictions, number))))))));
}

function refusal(result) {
  const told = [];
  if (result.is_unknown) told.push(make("p", { class: "verdict" }, "None of these, it seems."));
  else if (result.back_off && result.back_off.class_id !== result.predictions[0].class_id) {
    const sure = `${(100 * result.back_off.probability).toFixed(0)} %`;
    told.push(make("p", { class: "verdict" }, `Some kind of ${result.back_off.name} (${sure}).`));
  }
  return told;
}

function row(one, all, number) {
  const share = barOf(one, all);
  const path = pathText(one.path);
  const sign = one.is_seen ? "seen" : one.semantics === "trained" ? "unseen" : "unseen, added";
  const value = one.probability === null || one.probability === undefined ? one.score.toFixed(2) : `${(100 * one.probability).toFixed(0)} %`;
  const bar = make("span", { class: "bar" });
  bar.style.width = `${share}%`;
  const button = make("button", { type: "button", class: `row ${one.is_seen ? "seen" : "unseen"}`, "aria-pressed": "false",
    onclick: () => why(one, number, button) },
    make("span", { class: "rank" }, String(one.rank)),
    make("span", {}, one.name, make("span", { class: `mark ${one.is_seen ? "seen" : ""}` }, sign)),
    make("span", { class: "value" }, value),
    make("span", { class: "track", "aria-hidden": "true" }, bar),
    make("small", {}, path));
  return button;
}

function barOf(one, all) {
  if (one.probability !== null && one.probability !== undefined) return Math.max(1, 100 * one.probability);
  const best = all[0].score, worst = all[all.length - 1].score;
  return best === worst ? 100 : 12 + (88 * (one.score - worst)) / (best - worst);
}

function pathText(path) {
  const signs = { start: "", up: " ▸ ", down: " ◂ " };
  return path.map((step) => signs[step.direction] + step.name).join("");
}

async function why(one, number, button) {
  for (const other of document.querySelectorAll(".row")) other.setAttribute("aria-pressed", String(other === button));
  find("status").textContent = `Looking why ${one.name} …`;
  try {
    const found = await state.explain(number, one.class_id);
    find("why-title").textContent = `Why ${one.name}`;
    find("why-text").textContent = [found.placement, found.note].filter(Boolean).map(sentence).join(" ");
    find("parts").replaceChildren(...found.contributions.map((part) => make("li", {},
      make("span", {}, part.name), make("span", { class: "value" }, `${part.amount >= 0 ? "+" : "−"}${Math.abs(part.amount).toFixed(2)}`))));
    find("near").textContent = found.near.length ? `Easily taken for: ${found.near.map((near) => near.name).join(", ")}.` : "";
    find("graph").replaceChildren(drawNeighbourhood(found.neighbourhood));
    find("why").hidden = false;
    find("status").textContent = `Why ${one.name}: shown below.`;
    find("why").scrollIntoView({ block: "nearest" });
  } catch (error) {
    fail(error);
  }
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

// beginning

async function begin() {
  takePictures();
  find("failure-close").addEventListener("click", noFailure);
  find("rank").addEventListener("click", () => rank());
  find("careful").addEventListener("change", () => rank());
  find("sample").addEventListener("change", () => rank());
  find("add-form").addEventListener("submit", addOwn);
  find("clear").addEventListener("click", () => {
    state.pictures.slice().forEach(removePicture);
    state.classes = [];
    showClasses();
    find("results").replaceChildren();
    find("why").hidden = true;
    find("status").textContent = "Nothing asked yet.";
    noFailure();
  });
  new Combobox(find("class-input"), find("class-list"), { search: api.search, choose: addClass, fail });
  try {
    const run = await api.run();
    state.limits = run.limits;
    find("top").max = run.limits.top_k;
    find("facts").textContent = `${run.run}: ${run.method}, ${run.graph.classes.toLocaleString("en")} classes, `
      + `${run.seen.toLocaleString("en")} of them seen; backbone ${run.backbone}`;
    find("careful-field").hidden = !run.calibrated;
    if (!run.takes_pictures) await offerSamples(run);
  } catch (error) {
    find("facts").textContent = "";
    fail(error);
  }
}

async function offerSamples(run) {
  state.samples = true;
  const { samples } = await api.samples();
  find("pictures-field").hidden = true;
  find("samples-field").hidden = false;
  find("sample").replaceChildren(...["", ...samples].map((name) => make("option", { value: name }, name || "Choose …")));
  find("samples-note").textContent = samples.length
    ? "This service has no backbone here and takes no pictures; these are features of pictures that it knows."
    : `This service has no backbone and no samples: ${run.no_backbone}`;
}

begin();
