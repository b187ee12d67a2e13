// The page with all tasks, and the form for a new one.

import { el, icon, fill, field, refuse, say } from "./dom.js";
import { t, speed, duration } from "./words.js";
import { api } from "./api.js";
import { state, watch, remaining, pace, put } from "./state.js";
import { newBadge, newProgress, newActions, word, isActive } from "./parts.js";
import { fault, notify } from "./dialog.js";

// newForm makes the form for a new task.
function newForm(types) {
  const link = el("input", { type: "text", name: "url", placeholder: t("new.placeholder"), autocomplete: "off", spellcheck: "false" });
  const type = el("select", { name: "type" }, types.map((each) => el("option", { value: each.name }, word("type", each.name))));
  const keyword = el("textarea", { name: "keyword", spellcheck: "false" });
  const name = el("input", { name: "name", autocomplete: "off", spellcheck: "false" });
  const group = el("input", { name: "group", autocomplete: "off" });
  const place = el("input", { name: "save_path", autocomplete: "off", spellcheck: "false", placeholder: t("new.place.default") });
  const options = el("textarea", { name: "options", spellcheck: "false" });
  const schedule = el("input", { name: "schedule", autocomplete: "off", spellcheck: "false", placeholder: t("schedule.none") });
  const start = el("input", { type: "checkbox", checked: true, id: "start-now" });
  const linkField = field(t("new.link"), link);
  linkField.querySelector("label").className = "hidden-label";
  const byHand = el("div", { class: "pair" }, field(t("new.type"), type), field(t("new.keyword"), keyword));
  const more = el("details", {}, el("summary", {}, t("new.more")),
    el("div", { class: "form" }, byHand,
      el("div", { class: "pair" }, field(t("new.name"), name, t("new.name.hint")), field(t("new.group"), group), field(t("new.place"), place), field(t("schedule"), schedule, t("schedule.hint"))),
      field(t("new.options"), options, t("new.options.hint", { example: '{"pages": "1-3", "path": "{user.name}/{id}_p{page}"}' })),
      el("label", { class: "choice", for: "start-now" }, start, t("new.start"))));
  const send = el("button", { class: "main", id: "create" }, t("new.create"));
  const resolves = state.session.resolve;
  const inputs = { url: link, type, keyword, name, group, save_path: place, options, schedule };
  let key = crypto.randomUUID(); // the same for each try of one task
  const form = el("form", { class: "sheet form", "aria-label": t("new.title"), onsubmit: submit },
    el("div", { class: "paste" }, resolves && linkField, send), more);
  if (!resolves) more.open = true;

  function spec() {
    const values = { start: start.checked };
    if (resolves && link.value.trim()) values.url = link.value.trim();
    else Object.assign(values, { type: type.value, keyword: keyword.value.trim() });
    for (const [at, input] of [["name", name], ["group", group], ["save_path", place], ["schedule", schedule]]) if (input.value.trim()) values[at] = input.value.trim();
    if (!values.name && !values.url) values.name = `${values.type}-${values.keyword}`.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60).replace(/[-.]+$/, "");
    return values;
  }

  // readOptions returns null when what stands there is no JSON object.
  function readOptions() {
    if (!options.value.trim()) return {};
    try {
      const read = JSON.parse(options.value);
      return read && typeof read === "object" && !Array.isArray(read) ? { options: read } : null;
    } catch {
      return null;
    }
  }

  async function submit(event) {
    event.preventDefault();
    for (const input of Object.values(inputs)) refuse(input, "");
    const chosen = readOptions();
    if (!chosen) {
      more.open = true;
      return refuse(options, t("new.options.wrong"));
    }
    if (resolves && !link.value.trim() && !keyword.value.trim()) return refuse(link, t("new.nothing"));
    send.disabled = true;
    const sentAt = performance.now();
    try {
      const info = await api.create({ ...spec(), ...chosen }, key);
      put(info, sentAt);
      for (const input of [link, keyword, name]) input.value = "";
      notify(t("new.done", { name: info.task_name }));
      link.focus();
      key = crypto.randomUUID();
    } catch (error) {
      const refused = (error.field ?? "").split(".")[0].toLowerCase();
      const input = inputs[refused === "keyword" && link.value.trim() ? "url" : refused];
      if (!input) fault(error);
      else {
        if (input !== link) more.open = true;
        refuse(input, error.message);
        input.focus();
      }
      if (error.status) key = crypto.randomUUID(); // it was refused; a corrected one is another task
    } finally {
      send.disabled = false;
    }
  }
  return form;
}

function newRow(info) {
  const badge = newBadge();
  const progress = newProgress();
  const actions = newActions();
  const link = el("a", { class: "task-name", href: `#/task/${info.tid}` });
  const kind = el("div", { class: "small muted" });
  const rate = el("span", { class: "number" });
  const rest = el("span", { class: "number" });
  const element = el("tr", { role: "row", "data-tid": info.tid },
    el("td", { role: "cell", class: "name" }, link, kind),
    el("td", { role: "cell", class: "state" }, badge.element),
    el("td", { role: "cell", class: "progress" }, progress.element),
    el("td", { role: "cell", class: "speed" }, rate),
    el("td", { role: "cell", class: "eta" }, rest),
    el("td", { role: "cell", class: "actions" }, actions.element));
  const show = (latest) => {
    say(link, latest.task_name);
    say(kind, [word("type", latest.type_name), latest.group].filter(Boolean).join(" · "));
    for (const part of [badge, progress, actions]) part.show(latest);
    say(rate, speed(pace(latest)));
    say(rest, latest.running ? duration(remaining(latest)) : "–");
    const error = isActive(latest) || latest.state === "Error" ? latest.error ?? "" : "";
    badge.element.title = error;
  };
  show(info);
  return { element, show };
}

// tasksPage shows the page; it returns what ends it.
export async function tasksPage(main) {
  document.title = `${t("nav.tasks")} · pixivoc`;
  const { types } = await api.types();
  const rows = new Map();
  const body = el("tbody", { role: "rowgroup" });
  const login = el("div", { class: "note" }, t("tasks.login"), el("a", { href: "#/settings" }, t("tasks.login.link")));
  const empty = el("div", { class: "sheet empty" }, icon("picture"), el("strong", {}, t("tasks.empty")), el("span", {}, t("tasks.empty.hint")));
  const list = el("div", { class: "sheet list" },
    el("table", { class: "tasks", role: "table", "aria-label": t("nav.tasks") },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
        ["name", "state", "progress", "speed", "eta"].map((name) => el("th", { role: "columnheader", scope: "col" }, t(`column.${name}`))),
        el("th", { role: "columnheader", scope: "col" }, el("span", { class: "hidden-label" }, t("column.actions"))))),
      body));
  fill(main, el("div", { class: "stack" }, el("h1", { class: "hidden-label" }, t("nav.tasks")), login, newForm(types), empty, list));

  function show(tids) {
    login.hidden = !state.known || state.account !== null;
    empty.hidden = !state.known || state.tasks.size > 0;
    list.hidden = state.tasks.size === 0;
    if (tids !== null && [...tids].every((tid) => rows.has(tid) && state.tasks.has(tid))) {
      for (const tid of tids) rows.get(tid).show(state.tasks.get(tid));
      return;
    }
    for (const [tid, row] of rows) {
      if (state.tasks.has(tid)) continue;
      row.element.remove();
      rows.delete(tid);
    }
    let before = body.firstChild; // newest first
    for (const info of [...state.tasks.values()].sort((a, b) => b.tid - a.tid)) {
      let row = rows.get(info.tid);
      if (row) row.show(info);
      else rows.set(info.tid, (row = newRow(info)));
      if (row.element === before) before = before.nextSibling;
      else body.insertBefore(row.element, before);
    }
  }
  show(null);
  return watch(show);
}
