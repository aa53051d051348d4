// What is asked about: pictures that were dropped, pasted or chosen, or a sample that the service knows.

import { api } from "./api.js";
import { find, make } from "./elements.js";
import { warn } from "./failure.js";

const asked = { pictures: [], limit: 16, taken: true, changed: () => undefined };

export function takePictures(changed) {
  asked.changed = changed;
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
    if (event.dataTransfer.files.length) addPictures(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) addPictures(event.clipboardData.files);
  });
  find("sample").addEventListener("change", () => {
    if (find("sample").value) dropPictures();
    changed();
  });
}

// Fit what can be asked about to the service: samples alone where it has no backbone.
export async function offer(run) {
  asked.limit = run.limits.pictures;
  asked.taken = run.takes_pictures;
  find("pictures-field").hidden = !asked.taken;
  find("samples-field").hidden = asked.taken && !run.samples;
  const notes = {
    pictures: "No picture at hand? The features of these are kept with the service.",
    samples: "This service has no backbone here and takes no pictures; these are features of pictures that it knows.",
    nothing: `This service has no backbone and no samples: ${run.no_backbone}`,
  };
  find("samples-note").textContent = notes[asked.taken ? "pictures" : run.samples ? "samples" : "nothing"];
  const { samples } = await api.samples();
  const groups = new Map();
  for (const name of samples) {
    const label = name.replace(/ \d+$/, "");
    groups.set(label, [...(groups.get(label) ?? []), make("option", { value: name }, name)]);
  }
  find("sample").replaceChildren(make("option", { value: "" }, "Choose …"),
    ...[...groups].map(([label, options]) => make("optgroup", { label }, ...options)));
}

// Return what is asked about and how it looks, or null.
export function subject() {
  const sample = find("sample").value;
  const files = asked.pictures.map((picture) => picture.file);
  if (!sample && !files.length) return null;
  const urls = sample ? [] : asked.pictures.map((picture) => picture.url);
  return { sample, files, urls, one: (number) => (sample ? { sample } : { files: [files[number]] }) };
}

export function nothingYet() {
  return asked.taken ? "Choose a picture first." : "Choose a sample first.";
}

export function dropPictures() {
  asked.pictures.forEach((picture) => URL.revokeObjectURL(picture.url));
  asked.pictures = [];
  showPictures();
}

function addPictures(files) {
  if (!asked.taken) return warn("This service has no backbone here and takes no pictures; choose a sample.");
  const pictures = [...files].filter((file) => file.type.startsWith("image/"));
  const taken = pictures.slice(0, asked.limit - asked.pictures.length);
  for (const file of taken) asked.pictures.push({ file, url: URL.createObjectURL(file) });
  if (taken.length) find("sample").value = "";
  showPictures();
  if (taken.length) asked.changed();
  if (pictures.length < files.length) warn("Only pictures can be classified; other files were left out.");
  if (taken.length < pictures.length) warn(`${asked.limit} pictures are the limit; the rest was left out.`);
}

function removePicture(picture) {
  URL.revokeObjectURL(picture.url);
  asked.pictures = asked.pictures.filter((one) => one !== picture);
  showPictures();
}

function showPictures() {
  find("thumbs").replaceChildren(...asked.pictures.map((picture) => make("li", {},
    make("img", { src: picture.url, alt: picture.file.name }),
    make("button", { type: "button", "aria-label": `Remove ${picture.file.name}`, onclick: () => removePicture(picture) }, "×"))));
}
