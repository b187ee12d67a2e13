// What the server says of a field, in the words of the reader. What it said
// itself stays with it: it knows more.

import { t } from "./words.js";

// sayings are looked through in order: the field, what is said of it, and the
// words for that.
const sayings = [
  [/^url$/, /short link/, "url.short"],
  [/^url$/, /not taken by this server/, "url.none"],
  [/^url$/, /\d+ bytes/, "long"],
  [/^url$/, /./, "url"],
  [/./, /at most \d+ bytes|longer than \d+ bytes/, "long"],
  [/^save_path$/, /not below a folder/, "save_path.outside"],
  [/./, /^is (required|empty)/, "required"],
  [/^save_path$/, /./, "save_path"],
  [/^type$/, /./, "type"],
  [/^name$/, /./, "name"],
  [/^keyword$/, /./, "keyword"],
  [/^schedule$/, /./, "schedule"],
  [/^options\.path$|^options\.multi_path$/, /./, "options.path"],
  [/^options\.pages$/, /./, "options.pages"],
  [/^options\.filter$/, /./, "options.filter"],
  [/^options$/, /no option/, "options.unknown"],
  [/^options/, /./, "options"],
  [/^timeout_ms$/, /./, "timeout_ms"],
  [/^interval_time_ms$/, /./, "interval_time_ms"],
  [/^concurrency_number$/, /./, "concurrency_number"],
  [/^bandwidth_limit$/, /./, "bandwidth_limit"],
  [/^daily_cap$/, /./, "daily_cap"],
  [/^quiet_hours$/, /./, "quiet_hours"],
  [/^proxy$/, /./, "proxy"],
  [/^callback$/, /./, "callback"],
  [/^refresh_token$/, /./, "refresh_token"],
  [/./, /is not between|out of bounds|is negative|must not be negative/, "bounds"],
];

// explain returns the words for what is wrong with a field, and what the server
// said of it; without words, what the server said takes their place.
export function explain(field, said) {
  const found = sayings.find(([of, like]) => of.test(field.toLowerCase()) && like.test(said));
  return found ? { text: t(`wrong.${found[2]}`), detail: said } : { text: said, detail: "" };
}
