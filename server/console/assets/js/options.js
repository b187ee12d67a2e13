// The options of a task: fields for the common ones, JSON for all others.

import { el, fill, field, refuse } from "./dom.js";
import { t } from "./words.js";
import { word } from "./parts.js";

// pathFields and filterFields are examples of what a template and a filter can
// name.
export const pathFields = ["id", "page", "number", "title", "date", "type", "user.name", "user.id"];
export const filterFields = ["bookmarks", "views", "type", "pages", "width", "height", "ai", "x_restrict", "day", "user_id"];

// keys are the options of which a person is told, by what takes them.
export const keys = {
  works: ["path", "multi_path", "pages", "filter", "metadata", "ugoira", "blocked_users", "blocked_tags", "revision", "file_time", "archive", "full_audit_every", "delay_ms"],
  Search: ["search_target", "sort", "duration", "start_date", "end_date", "search_ai_type", "include_translated_tag_results", "merge_plain_keyword_results",
    "bookmark_num_min", "bookmark_num_max", "content_type", "ratio_pattern", "width_min", "width_max", "height_min", "height_max", "tool"],
  Links: ["referer"],
};

// sets are the options that are a choice of several words.
const sets = { metadata: ["json", "xmp", "text"], ugoira: ["gif", "apng", "webp", "mkv", "cbz", "mp4", "webm"] };

const text = (key, placeholder) => el("input", { name: `option-${key}`, autocomplete: "off", spellcheck: "false", placeholder });

// newOptions makes the part of a form for options.
export function newOptions() {
  const inputs = {
    pages: text("pages", "1-3, LAST"),
    filter: text("filter", 'bookmarks >= 500 and ai != "yes"'),
    path: text("path", "{user.name}/{id}_p{page}"),
    multi_path: text("multi_path", "{user.name}/{id} {title}/{number:02}"),
  };
  const tick = (id, value) => el("input", { type: "checkbox", id, value });
  const boxes = Object.fromEntries(Object.entries(sets).map(([key, all]) => [key, all.map((value) => tick(`${key}-${value}`, value))]));
  const archive = tick("option-archive");
  const json = el("textarea", { name: "options", spellcheck: "false" });
  const works = el("div", { class: "form" },
    el("div", { class: "pair" },
      field(t("option.label.pages"), inputs.pages, t("option.hint.pages")),
      field(t("option.label.filter"), inputs.filter, t("option.hint.filter", { fields: filterFields.join(", ") }))),
    el("div", { class: "pair" },
      field(t("option.label.path"), inputs.path, t("option.hint.path", { fields: pathFields.map((name) => `{${name}}`).join(" ") })),
      field(t("option.label.multi_path"), inputs.multi_path, t("option.hint.multi_path"))),
    Object.entries(boxes).map(([key, all]) => el("fieldset", {}, el("legend", { class: "legend" }, t(`option.label.${key}`)),
      el("div", { class: "choices" }, all.map((input) => el("label", { class: "choice", for: input.id }, input, word(`option.${key}`, input.value)))))),
    el("label", { class: "choice", for: archive.id }, archive, t("option.label.archive")));
  const list = el("dl", { class: "keys" });
  const none = el("p", { class: "muted small" }, t("new.options.none"));
  const known = el("details", {}, el("summary", {}, t("new.options.keys")), none, list);
  const box = field(t("new.options"), json, t("new.options.hint", { example: '{"revision": "keep", "delay_ms": 500}' }));
  const element = el("div", { class: "form" }, works, box, known);

  // follow shows what fits a task type.
  function follow(type) {
    const saves = type?.stages.includes("DownloadPicture") ?? false;
    works.hidden = !saves;
    box.querySelector(".small").hidden = !saves; // the example is one of works
    const fitting = [...(keys[type?.name] ?? []), ...(saves ? keys.works : [])];
    none.hidden = fitting.length > 0;
    fill(list, fitting.map((key) => [el("dt", {}, key), el("dd", {}, t(`option.${key}`, { example: inputs.path.placeholder }))]));
  }

  // read returns what was chosen, or null when something is wrong with it.
  function read() {
    for (const input of [...Object.values(inputs), json]) refuse(input, "");
    let chosen = {};
    if (json.value.trim()) {
      try {
        chosen = JSON.parse(json.value);
      } catch {
        chosen = null;
      }
      if (chosen === null || typeof chosen !== "object" || Array.isArray(chosen)) {
        refuse(json, t("new.options.wrong"));
        return null;
      }
    }
    if (works.hidden) return chosen;
    const own = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input.value.trim()]).filter(([, value]) => value));
    for (const [key, all] of Object.entries(boxes)) {
      const words = all.filter((each) => each.checked).map((each) => each.value);
      if (words.length) own[key] = words;
    }
    if (archive.checked) own.archive = true;
    const twice = Object.keys(own).find((key) => key in chosen);
    if (twice) {
      refuse(json, t("new.options.twice", { key: twice }));
      return null;
    }
    return { ...chosen, ...own };
  }

  // input returns where the option of that key was given.
  function input(key) {
    const own = works.hidden ? null : inputs[key];
    return own?.value.trim() ? own : json;
  }

  function clear() {
    for (const each of [...Object.values(inputs), json]) {
      each.value = "";
      refuse(each, "");
    }
    for (const each of [...Object.values(boxes).flat(), archive]) each.checked = false;
  }

  return { element, json, follow, read, input, clear };
}
