// A class, what is above it and what stands beside it, drawn in layers: parents above children.

import { drawn } from "./elements.js";

const HEIGHT = 26, GAP_X = 14, GAP_Y = 34, LETTER = 6.8, PAD = 18;

export function drawNeighbourhood({ nodes, edges }) {
  const layers = layersOf(nodes);
  const places = placesOf(layers);
  const width = Math.max(...[...places.values()].map((place) => place.x + place.width)) + PAD;
  const height = layers.length * (HEIGHT + GAP_Y) + PAD;
  const told = nodes.map((node) => `${node.label} (${node.kind})`).join(", ");
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Neighbourhood: ${told}` });
  for (const [child, parent] of edges) svg.append(line(places.get(parent), places.get(child)));
  for (const node of nodes) svg.append(box(node, places.get(node.class_id)));
  return svg;
}

function layersOf(nodes) {
  const levels = [...new Set(nodes.map((node) => node.level))].sort((a, b) => a - b);
  return levels.map((level) => nodes.filter((node) => node.level === level));
}

function placesOf(layers) {
  const widths = layers.map((layer) => layer.map((node) => node.label.length * LETTER + 18));
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

function line(above, below) {
  return drawn("line", {
    x1: above.x + above.width / 2, y1: above.y + HEIGHT, x2: below.x + below.width / 2, y2: below.y,
  });
}

function box(node, place) {
  const text = drawn("text", { x: place.x + place.width / 2, y: place.y + 17, "text-anchor": "middle" });
  text.append(node.label);
  const frame = drawn("rect", { x: place.x, y: place.y, width: place.width, height: HEIGHT, rx: 6 });
  return drawn("g", { class: `${node.kind}${node.is_self ? " self" : ""}` }, frame, text);
}
