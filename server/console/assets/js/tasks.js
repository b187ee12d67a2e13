// The page with all tasks.

import { el, icon, fill, say } from "./dom.js";
import { t, speed, duration, moment, number } from "./words.js";
import { api } from "./api.js";
import { state, watch, remaining, pace } from "./state.js";
import { newBadge, newProgress, newActions, word, isActive } from "./parts.js";
import { newForm } from "./new.js";
import { clearFinished, clearing } from "./clear.js";

const pageSize = 100;

// choices are the kinds of tasks that the list can be narrowed down to.
const choices = {
  all: () => true,
  active: isActive,
  idle: (info) => ["WaitStart", "Stopped", "Scheduled"].includes(info.state),
  over: (info) => info.state === "Over",
  failed: (info) => info.failed > 0 || info.state === "Error",
};

// passes says whether a task belongs into the list: all the words that are
// looked for are in its name, keyword, type, group, state or number.
function passes(info) {
  const { text, choice } = state.filter;
  if (!choices[choice](info)) return false;
  if (!text) return true;
  const all = [info.task_name, info.keyword, info.type_name, word("type", info.type_name), info.group, word("state", info.state), `#${info.tid}`].join("\n").toLowerCase();
  return text.toLowerCase().split(/\s+/).every((part) => all.includes(part));
}

function newRow(info) {
  const created = moment(info.created_at);
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
  // A task that shares its name has its number beside it.
  const show = (latest, shared) => {
    say(link, latest.task_name);
    say(kind, [shared && `#${latest.tid}`, word("type", latest.type_name), latest.group, created].filter(Boolean).join(" · "));
    if (link.title !== (latest.save_path ?? "")) link.title = latest.save_path ?? "";
    for (const part of [badge, progress, actions]) part.show(latest);
    say(rate, speed(pace(latest)));
    say(rest, latest.running ? duration(remaining(latest)) : "–");
    const error = isActive(latest) || latest.state === "Error" ? latest.error ?? "" : "";
    badge.element.title = error;
  };
  return { element, show };
}

// needsLogin is for a site that has a login: one with a login in the browser, or
// one of whose tasks waits for it.
function needsLogin() {
  if (!state.known || state.account !== null) return false;
  return state.session.browser_login || [...state.tasks.values()].some((info) => info.state === "WaitToken");
}

// newTools are the fields that narrow the list down, and the button that clears
// it up. changed is called when other tasks are wanted.
function newTools(changed) {
  const text = el("input", { type: "search", id: "filter", placeholder: t("filter.placeholder"), "aria-label": t("filter.placeholder"), autocomplete: "off", spellcheck: "false", value: state.filter.text });
  const choice = el("select", { id: "filter-state", "aria-label": t("column.state") }, Object.keys(choices).map((name) => el("option", { value: name }, t(`filter.${name}`))));
  choice.value = state.filter.choice;
  const clear = el("button", { id: "clear", class: "danger", onclick: () => clearFinished(finished, progress) });
  const clearText = el("span");
  clear.append(icon("remove"), clearText);
  let finished = [];
  const progress = () => {
    clear.disabled = clearing.left > 0;
    clear.hidden = finished.length === 0 && clearing.left === 0;
    say(clearText, clearing.left > 0 ? t("clear.left", { count: number(clearing.left) }) : t("clear.button", { count: number(finished.length) }));
  };
  const choose = () => {
    state.filter = { text: text.value.trim(), choice: choice.value, page: 0 };
    changed();
  };
  text.addEventListener("input", choose);
  choice.addEventListener("change", choose);
  return {
    element: el("div", { class: "tools" }, text, choice, el("span", { class: "spread" }), clear),
    show(listed) {
      finished = listed.filter(choices.over);
      progress();
    },
  };
}

// newPager turns the pages of the list.
function newPager(changed) {
  const turn = (by) => () => {
    state.filter.page += by;
    changed();
  };
  const text = el("span", { class: "number", id: "shown" });
  const before = el("button", { class: "icon", id: "page-before", "aria-label": t("page.before"), title: t("page.before"), onclick: turn(-1) }, icon("left"));
  const after = el("button", { class: "icon", id: "page-after", "aria-label": t("page.after"), title: t("page.after"), onclick: turn(1) }, icon("right"));
  const element = el("div", { class: "pager" }, before, text, after);
  return {
    element,
    // show returns the first and last place of the page that shows.
    show(count) {
      const last = Math.max(Math.ceil(count / pageSize) - 1, 0);
      state.filter.page = Math.min(Math.max(state.filter.page, 0), last);
      const from = state.filter.page * pageSize;
      const to = Math.min(from + pageSize, count);
      element.hidden = last === 0;
      before.disabled = from === 0;
      after.disabled = to === count;
      say(text, t("page.of", { from: number(from + 1), to: number(to), count: number(count) }));
      return [from, to];
    },
  };
}

// newList is the table of a page of tasks. Only its rows are there, so that it
// stays quick with ten thousand tasks.
function newList() {
  const rows = new Map(); // those that show
  let listed = new Set(); // those that pass
  let names = new Map(); // how many tasks have a name
  const body = el("tbody", { role: "rowgroup" });
  const nothing = el("p", { class: "muted nothing" }, t("filter.nothing"));
  const table = el("table", { class: "tasks", role: "table", "aria-label": t("nav.tasks") },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      ["name", "state", "progress", "speed", "eta"].map((name) => el("th", { role: "columnheader", scope: "col" }, t(`column.${name}`))),
      el("th", { role: "columnheader", scope: "col" }, el("span", { class: "hidden-label" }, t("column.actions"))))),
    body);
  const tools = newTools(() => choose());
  const pager = newPager(() => {
    choose();
    element.scrollIntoView();
  });
  const element = el("div", { class: "sheet list" }, tools.element, table, nothing, pager.element);
  const showRow = (row, info) => row.show(info, names.get(info.task_name) > 1);

  // choose makes the list anew.
  function choose() {
    names = new Map();
    for (const { task_name } of state.tasks.values()) names.set(task_name, (names.get(task_name) ?? 0) + 1);
    const list = [...state.tasks.values()].filter(passes).sort((a, b) => b.tid - a.tid); // newest first
    listed = new Set(list.map((info) => info.tid));
    tools.show(list);
    const [from, to] = pager.show(list.length);
    const shown = list.slice(from, to);
    table.hidden = shown.length === 0;
    nothing.hidden = shown.length > 0;
    const stay = new Set(shown.map((info) => info.tid));
    for (const [tid, row] of rows) {
      if (stay.has(tid)) continue;
      row.element.remove();
      rows.delete(tid);
    }
    let before = body.firstChild;
    for (const info of shown) {
      let row = rows.get(info.tid);
      if (!row) rows.set(info.tid, (row = newRow(info)));
      showRow(row, info);
      if (row.element === before) before = before.nextSibling;
      else body.insertBefore(row.element, before);
    }
  }

  // show takes up the tasks that have changed; null is everything.
  function show(tids) {
    const same = tids !== null && [...tids].every((tid) => {
      const info = state.tasks.get(tid);
      return info && names.has(info.task_name) && listed.has(tid) === passes(info);
    });
    if (!same || [...tids].some((tid) => ended(tid))) return choose();
    for (const tid of tids) if (rows.has(tid)) showRow(rows.get(tid), state.tasks.get(tid));
  }

  // ended says whether a task is over of which that was not known: the button
  // that clears up counts those.
  const over = new Set();
  function ended(tid) {
    const now = choices.over(state.tasks.get(tid));
    const was = over.has(tid);
    if (now) over.add(tid);
    else over.delete(tid);
    return now !== was;
  }
  return { element, show };
}

// tasksPage shows the page; it returns what ends it.
export async function tasksPage(main) {
  document.title = `${t("nav.tasks")} · pixivoc`;
  const { types } = await api.types();
  const login = el("div", { class: "note" }, t("tasks.login"), el("a", { href: "#/settings" }, t("tasks.login.link")));
  const empty = el("div", { class: "sheet empty" }, icon("picture"), el("strong", {}, t("tasks.empty")), el("span", {}, t("tasks.empty.hint")));
  const list = newList();
  fill(main, el("div", { class: "stack" }, el("h1", { class: "hidden-label" }, t("nav.tasks")), login, newForm(types), empty, list.element));

  function show(tids) {
    login.hidden = !needsLogin();
    empty.hidden = !state.known || state.tasks.size > 0;
    list.element.hidden = state.tasks.size === 0;
    list.show(tids);
  }
  show(null);
  return watch(show);
}
