"use strict";
const sheet = document.getElementById("sheet");
const svg = sheet.querySelector("svg");
const tip = document.getElementById("tip");
const start = svg.getAttribute("viewBox").split(" ").map(Number);
let view = [...start];
let held = null;

// Words are kept as data, so that the browser does not show its own tip beside this one.
for (const title of svg.querySelectorAll("g title, use title, path title")) {
  title.parentNode.dataset.says = title.textContent;
  title.parentNode.setAttribute("aria-label", title.textContent);
  title.remove();
}

function show() {
  svg.setAttribute("viewBox", view.join(" "));
}

// A place of the window in the units of the picture.
function place(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [at.x, at.y];
}

function zoom(factor, x, y) {
  const width = Math.min(start[2], Math.max(start[2] / 40, view[2] * factor));
  const by = width / view[2];
  view = [x - (x - view[0]) * by, y - (y - view[1]) * by, width, view[3] * by];
  if (width === start[2]) view = [...start];
  show();
}

sheet.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, ...place(event));
}, { passive: false });

sheet.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; });
window.addEventListener("pointerup", () => { held = null; });
window.addEventListener("pointermove", (event) => {
  if (held) {
    const scale = svg.getScreenCTM().a;
    view[0] -= (event.clientX - held[0]) / scale;
    view[1] -= (event.clientY - held[1]) / scale;
    held = [event.clientX, event.clientY];
    show();
  }
  const mark = event.target.closest ? event.target.closest("[data-says]") : null;
  svg.querySelectorAll(".pointed").forEach((one) => one.classList.remove("pointed"));
  tip.hidden = !mark;
  if (!mark) return;
  mark.classList.add("pointed");
  tip.textContent = mark.dataset.says;
  tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 6)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 6)}px`;
});

sheet.addEventListener("keydown", (event) => {
  const step = view[2] / 10;
  const middle = [view[0] + view[2] / 2, view[1] + view[3] / 2];
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === "+" || event.key === "=") zoom(1 / 1.2, ...middle);
  else if (event.key === "-") zoom(1.2, ...middle);
  else if (moves[event.key]) {
    view[0] += moves[event.key][0];
    view[1] += moves[event.key][1];
    show();
  } else return;
  event.preventDefault();
});

document.getElementById("whole").addEventListener("click", () => {
  view = [...start];
  show();
});

// A mark may belong to two series, its kind and its branch: it is shown where both are.
const boxes = [...document.querySelectorAll(".bar input")];
for (const box of boxes) {
  box.addEventListener("change", () => {
    const hidden = new Set(boxes.filter((one) => !one.checked).flatMap((one) => JSON.parse(one.dataset.gids)));
    for (const gid of boxes.flatMap((one) => JSON.parse(one.dataset.gids))) {
      const group = document.getElementById(gid);
      if (group) group.style.display = hidden.has(gid) ? "none" : "";
    }
  });
}
