// A class, what is above it and what stands beside it, drawn in layers: parents above children.

import { drawn } from "./elements.js";

const HEIGHT = 26, GAP_X = 14, GAP_Y = 34, LETTER = 6.8, PAD = 18;

export function drawNeighbourhood({ nodes, links }) {
  const places = placesOf(layersOf(nodes, links));
  const ends = [...places.values()];
  const width = Math.max(...ends.map((place) => place.x + place.width)) + PAD;
  const height = Math.max(...ends.map((place) => place.y)) + HEIGHT + PAD;
  const told = nodes.map((node) => `${node.name} (${node.kind})`).join(", ");
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Neighbourhood: ${told}` });
  for (const link of links) svg.append(...line(places.get(link.parent), places.get(link.child), link.steps));
  for (const node of nodes) svg.append(box(node, places.get(node.class_id)));
  return svg;
}

// Each class lies one layer below the lowest of its parents; within a layer classes stand below their parents' middle.
function layersOf(nodes, links) {
  const parents = new Map(nodes.map((node) => [node.class_id, []]));
  for (const link of links) parents.get(link.child).push(link.parent);
  const level = new Map();
  const levelOf = (id) => {
    if (!level.has(id)) level.set(id, Math.max(-1, ...parents.get(id).map(levelOf)) + 1);
    return level.get(id);
  };
  const layers = [];
  for (const node of nodes) (layers[levelOf(node.class_id)] ??= []).push(node);
  const column = new Map();
  for (const layer of layers) {
    const middle = (node) => {
      const above = parents.get(node.class_id).map((id) => column.get(id) ?? 0);
      return above.length ? above.reduce((sum, one) => sum + one, 0) / above.length : 0;
    };
    layer.sort((a, b) => middle(a) - middle(b));
    layer.forEach((node, place) => column.set(node.class_id, place / Math.max(1, layer.length - 1)));
  }
  return layers;
}

function placesOf(layers) {
  const widths = layers.map((layer) => layer.map((node) => node.name.length * LETTER + 18));
  const totals = widths.map((layer) => layer.reduce((sum, width) => sum + width + GAP_X, -GAP_X));
  const widest = Math.max(...totals);
  const places = new Map();
  layers.forEach((layer, row) => {
    let x = PAD + (widest - totals[row]) / 2;
    layer.forEach((node, column) => {
      places.set(node.class_id, { x, y: PAD / 2 + row * (HEIGHT + GAP_Y), width: widths[row][column] });
      x += widths[row][column] + GAP_X;
    });
  });
  return places;
}

function line(above, below, steps) {
  const ends = { x1: above.x + above.width / 2, y1: above.y + HEIGHT, x2: below.x + below.width / 2, y2: below.y };
  if (steps < 2) return [drawn("line", ends)];
  const text = drawn("text", { x: ends.x1 + 0.75 * (ends.x2 - ends.x1) + 5, y: ends.y1 + 0.75 * (ends.y2 - ends.y1) + 4, class: "steps" });
  text.append(`${steps} steps`);
  return [drawn("line", { ...ends, "stroke-dasharray": "3 4" }), text];
}

function box(node, place) {
  const text = drawn("text", { x: place.x + place.width / 2, y: place.y + 17, "text-anchor": "middle" });
  text.append(node.name);
  const frame = drawn("rect", { x: place.x, y: place.y, width: place.width, height: HEIGHT, rx: 6 });
  return drawn("g", { class: `${node.kind}${node.is_asked ? " self" : ""}` }, frame, text);
}
