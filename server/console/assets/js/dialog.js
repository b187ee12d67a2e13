// Questions and notices.

import { el, icon, fill, say } from "./dom.js";
import { t, number } from "./words.js";
import { api } from "./api.js";

// notify shows a line for a few seconds.
export function notify(text, bad = false) {
  const line = el("div", { class: bad ? "notice bad" : "notice" }, text);
  const place = document.getElementById("notices");
  place.append(line);
  while (place.children.length > 4) place.firstChild.remove();
  setTimeout(() => line.remove(), bad ? 8000 : 4000);
}

// fault shows an error that belongs to no field.
export function fault(error) {
  if (error?.word === "not_signed_in") return;
  notify(error?.text ?? String(error), true);
}

function open(dialog) {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.();
  });
  dialog.showModal();
}

// askRemove asks whether to delete a task. It answers null for no, otherwise
// whether its files go too.
export function askRemove(info) {
  return new Promise((resolve) => {
    const files = el("input", { type: "checkbox", id: "remove-files" });
    const dialog = el("dialog", { "aria-labelledby": "ask-title" },
      el("form", { method: "dialog" },
        el("h1", { id: "ask-title" }, t("remove.title", { name: info.task_name })),
        el("p", { class: "muted" }, t("remove.text")),
        info.save_path && el("label", { class: "choice", for: "remove-files" }, files, t("remove.files")),
        el("div", { class: "row end" },
          el("button", { value: "no", autofocus: true }, t("cancel")),
          el("button", { value: "yes", class: "main danger", id: "remove-yes" }, t("remove")))));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? files.checked : null));
    open(dialog);
  });
}

// askClear asks whether to delete so many finished tasks. It answers null for
// no, otherwise whether those with failed items go too.
export function askClear(clean, failed) {
  return new Promise((resolve) => {
    const too = el("input", { type: "checkbox", id: "clear-failed", checked: clean === 0 });
    const title = el("h1", { id: "ask-title" });
    const count = () => say(title, t("clear.title", { count: number(clean + (too.checked ? failed : 0)) }));
    too.addEventListener("change", count);
    count();
    const dialog = el("dialog", { "aria-labelledby": "ask-title" },
      el("form", { method: "dialog" },
        title,
        el("p", { class: "muted" }, t("clear.text")),
        failed > 0 && el("label", { class: "choice", for: "clear-failed" }, too, t("clear.failed", { count: number(failed) })),
        el("div", { class: "row end" },
          el("button", { value: "no", autofocus: true }, t("cancel")),
          el("button", { value: "yes", class: "main danger", id: "clear-yes" }, t("remove")))));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? too.checked : null));
    open(dialog);
  });
}

// showPicture shows one of several pictures in full; arrow keys go on.
export function showPicture(tid, files, at) {
  const image = el("img", { alt: "" });
  const name = el("span");
  const save = el("a", { class: "button", "aria-label": t("picture.save") }, icon("save"));
  const show = (to) => {
    at = (to + files.length) % files.length;
    const file = files[at];
    image.src = api.fileURL(tid, file.seq);
    image.alt = file.path;
    save.href = image.src;
    save.setAttribute("download", file.path.split("/").pop());
    fill(name, `${at + 1} / ${files.length} · ${file.path}`);
  };
  const dialog = el("dialog", { class: "view", "aria-label": t("picture.view") },
    image,
    el("div", { class: "row" },
      el("button", { class: "icon", onclick: () => show(at - 1), "aria-label": t("picture.before") }, icon("left")),
      el("button", { class: "icon", onclick: () => show(at + 1), "aria-label": t("picture.after") }, icon("right")),
      name,
      el("button", { class: "icon", onclick: () => save.click(), "aria-label": t("picture.save") }, icon("save")),
      el("button", { class: "icon", autofocus: true, onclick: () => dialog.close(), "aria-label": t("close") }, icon("close"))));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  show(at);
  open(dialog);
}
