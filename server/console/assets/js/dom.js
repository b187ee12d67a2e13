// Elements are made here and nowhere else. Text always becomes a text node, so
// what comes from outside is shown and never read as markup.

const svgSpace = "http://www.w3.org/2000/svg";

function put(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") element[name] = value;
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

// el makes an HTML element with attributes, listeners ("onclick") and children.
export function el(name, attributes, ...children) {
  return put(document.createElement(name), attributes, children);
}

// svg makes an element of a drawing.
export function svg(name, attributes, ...children) {
  return put(document.createElementNS(svgSpace, name), attributes, children);
}

// fill gives an element new children.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// say sets a text only when it differs, which keeps selections and readers calm.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const shapes = {
  start: ["M8 5.5v13l11-6.5z"],
  again: ["M18.5 12a6.5 6.5 0 1 1-2-4.7L19 9.5", "M19 5v4.5h-4.5"],
  stop: ["M7 7h10v10H7z"],
  remove: ["M5 7h14", "M10 7V5h4v2", "M7 7l1 12h8l1-12", "M10.5 10.5v5.5", "M13.5 10.5v5.5"],
  theme: ["M12 4a8 8 0 1 0 0 16z", "M12 4a8 8 0 0 1 0 16"],
  leave: ["M10 5H6v14h4", "M13 8l4 4-4 4", "M17 12H10"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  left: ["M15 5l-7 7 7 7"],
  right: ["M9 5l7 7-7 7"],
  save: ["M12 5v10", "M8 11l4 4 4-4", "M6 19h12"],
  picture: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4", "M9 9h.01"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
};

// icon draws one of the shapes; it says nothing to a screen reader.
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 1.9, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" },
    shapes[name].map((path, at) => svg("path", { d: path, fill: name === "theme" && at === 0 ? "currentColor" : null })));
}

let fields = 0;

// field makes a label, an input and a place for what is wrong with it.
export function field(label, input, hint) {
  const id = `field-${++fields}`;
  input.id = id;
  const wrong = el("span", { class: "wrong", id: `${id}-wrong`, hidden: true });
  input.setAttribute("aria-describedby", wrong.id);
  input.addEventListener("input", () => refuse(input, ""));
  return el("div", { class: "field" }, el("label", { for: id }, label), input, hint && el("span", { class: "small muted" }, hint), wrong);
}

// refuse shows what is wrong with an input, and below it what the server said;
// "" takes it back.
export function refuse(input, text, detail = "") {
  const wrong = document.getElementById(`${input.id}-wrong`) ?? input.parentElement?.querySelector(".wrong");
  if (!wrong) return;
  fill(wrong, text, detail && el("span", { class: "said" }, detail));
  wrong.hidden = text === "";
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}
