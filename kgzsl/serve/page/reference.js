// The API for people, made from the service's own OpenAPI description.

import { find, make } from "./elements.js";

const VERBS = ["get", "post", "put", "delete"];

function fieldsOf(schema) {
  const needed = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, one]) => make("tr", {},
    make("td", {}, make("code", {}, name), needed.has(name) ? " (needed)" : ""),
    make("td", {}, typeOf(one)), make("td", {}, one.description ?? "")));
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  const preset = schema.default === undefined ? "" : `, ${JSON.stringify(schema.default)} where left out`;
  return (schema.format === "binary" ? "file" : schema.type ?? "any") + preset;
}

function tableOf(title, rows) {
  if (!rows.length) return null;
  return make("div", {}, make("h4", {}, title), make("table", {}, make("tbody", {}, ...rows)));
}

function operation(place, verb, told, schemas) {
  const found = (schema) => (schema?.$ref ? schemas[schema.$ref.split("/").pop()] : schema) ?? {};
  const bodies = Object.entries(told.requestBody?.content ?? {});
  const parameters = (told.parameters ?? []).map((one) => make("tr", {},
    make("td", {}, make("code", {}, one.name), one.required ? " (needed)" : ""),
    make("td", {}, typeOf(one.schema)), make("td", {}, one.description ?? one.schema.description ?? "")));
  const answers = Object.keys(told.responses).join(", ");
  return make("section", {}, make("h3", {}, `${verb.toUpperCase()} ${place}`), make("p", {}, told.description ?? told.summary),
    tableOf("Parameters", parameters),
    ...bodies.map(([kind, body]) => tableOf(`Body, ${kind}`, fieldsOf(found(body.schema)))),
    make("p", { class: "note" }, `Answers with status ${answers}. Failures are {"error": {"code", "message"}}.`));
}

const answer = await fetch("/openapi.json");
const { info, paths, components } = await answer.json();
find("reference").replaceChildren(make("p", {}, `${info.description} Version ${info.version}.`),
  ...Object.entries(paths).flatMap(([place, verbs]) => VERBS.filter((verb) => verbs[verb])
    .map((verb) => operation(place, verb, verbs[verb], components.schemas))));
