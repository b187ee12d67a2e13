// The form for a new task.

import { el, field, refuse, say } from "./dom.js";
import { t } from "./words.js";
import { api, newKey } from "./api.js";
import { state, put } from "./state.js";
import { word } from "./parts.js";
import { fault, notify } from "./dialog.js";
import { explain } from "./wrong.js";
import { newOptions } from "./options.js";

const quiet = 250; // milliseconds after the last letter of a link

// someWorks is the type that a link is taken for until its own is known.
const someWorks = { name: "", stages: ["DownloadPicture"] };

// followLink asks what a link leads to, once nobody types any more. told gets
// the answer, or null while there is none.
function followLink(link, told) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    const text = link.value.trim();
    told(null, text);
    if (!text) return;
    timer = setTimeout(async () => {
      try {
        const found = await api.resolve(text);
        if (link.value.trim() === text) told(found, text);
      } catch {
        // It is half a link so far; adding it says what is wrong.
      }
    }, quiet);
  };
}

// newForm makes the form.
export function newForm(types) {
  const resolves = state.session.resolve;
  const plain = (name, placeholder) => el("input", { name, autocomplete: "off", spellcheck: "false", placeholder });
  const link = el("input", { type: "text", name: "url", placeholder: t("new.placeholder"), autocomplete: "off", spellcheck: "false" });
  const type = el("select", { name: "type" }, types.map((each) => el("option", { value: each.name }, word("type", each.name))));
  const keyword = el("textarea", { name: "keyword", spellcheck: "false" });
  const name = plain("name");
  const group = plain("group");
  const place = plain("save_path", t("new.place.default"));
  const schedule = plain("schedule", t("schedule.none"));
  const start = el("input", { type: "checkbox", checked: true, id: "start-now" });
  const keep = el("input", { type: "checkbox", id: "keep-choices" });
  const options = newOptions();
  const leads = el("span", { class: "small muted", id: "leads", role: "status" });
  const linkField = field(t("new.link"), link);
  linkField.querySelector("label").className = "hidden-label";
  linkField.append(leads);
  const byLink = el("p", { class: "small muted", hidden: true }, t("new.bylink"));
  const more = el("details", { class: "more" }, el("summary", {}, t("new.more")),
    el("div", { class: "form" },
      el("div", { class: "pair" }, field(t("new.type"), type), field(t("new.keyword"), keyword)), byLink,
      el("div", { class: "pair" }, field(t("new.name"), name, t("new.name.hint")), field(t("new.group"), group), field(t("new.place"), place), field(t("schedule"), schedule, t("schedule.hint"))),
      options.element,
      el("div", { class: "choices" },
        el("label", { class: "choice", for: "start-now" }, start, t("new.start")),
        el("label", { class: "choice", for: "keep-choices" }, keep, t("new.keep")))));
  const send = el("button", { class: "main", id: "create" }, t("new.create"));
  const inputs = { url: link, type, keyword, name, group, save_path: place, schedule };
  const byHand = { type: type.value, keyword: "" }; // what stood there before a link took its place
  let key = newKey(); // the same for each try of one task

  const follow = () => options.follow(types.find((each) => each.name === type.value));
  const linked = () => resolves && link.value.trim() !== "";
  const told = (found, text) => {
    const by = resolves && text !== "";
    if (by && !type.disabled) Object.assign(byHand, { type: type.value, keyword: keyword.value });
    if (!by && type.disabled) [type.value, keyword.value] = [byHand.type, byHand.keyword];
    type.disabled = keyword.disabled = by;
    byLink.hidden = !by;
    say(leads, found ? t("new.leads", { type: word("type", found.type), keyword: found.keyword }) : "");
    if (found) {
      type.value = found.type;
      keyword.value = found.keyword;
      refuse(keyword, "");
    }
    if (by && !found) options.follow(someWorks);
    else follow();
  };
  link.addEventListener("input", followLink(link, told));
  type.addEventListener("change", follow);
  follow();

  function spec(chosen) {
    const values = { start: start.checked };
    if (linked()) values.url = link.value.trim();
    else Object.assign(values, { type: type.value, keyword: keyword.value.trim() });
    for (const [at, input] of [["name", name], ["group", group], ["save_path", place], ["schedule", schedule]]) if (input.value.trim()) values[at] = input.value.trim();
    if (!values.name && !values.url) values.name = `${values.type}-${values.keyword}`.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60).replace(/[-.]+$/, "");
    if (Object.keys(chosen).length) values.options = chosen;
    return values;
  }

  // clear makes the form ready for another task.
  function clear() {
    link.value = "";
    told(null, "");
    byHand.keyword = keyword.value = name.value = "";
    if (keep.checked) return;
    for (const input of [group, place, schedule]) input.value = "";
    options.clear();
    start.checked = true;
  }

  function show(error) {
    const [refused, option] = (error.field ?? "").toLowerCase().split(".");
    const input = refused === "options" ? options.input(option) : inputs[refused === "keyword" && linked() ? "url" : refused];
    if (!input) return fault(error);
    if (input !== link) more.open = true;
    const { text, detail } = explain(input === link ? "url" : error.field, error.message);
    refuse(input, text, detail);
    input.focus();
  }

  async function submit(event) {
    event.preventDefault();
    for (const input of Object.values(inputs)) refuse(input, "");
    const chosen = options.read();
    if (!chosen) return void (more.open = true);
    if (resolves && !linked() && !keyword.value.trim()) return refuse(link, t("new.nothing"));
    send.disabled = true;
    const sentAt = performance.now();
    try {
      const info = await api.create(spec(chosen), key);
      put(info, sentAt);
      clear();
      notify(t("new.done", { name: info.task_name }));
      link.focus();
      key = newKey();
    } catch (error) {
      show(error);
      if (error.status) key = newKey(); // it was refused; a corrected one is another task
    } finally {
      send.disabled = false;
    }
  }
  if (!resolves) more.open = true;
  return el("form", { class: "sheet form", "aria-label": t("new.title"), onsubmit: submit }, el("div", { class: "paste" }, resolves && linkField, send), more);
}
