// Clearing up: deletes the tasks that are over; their files stay.

import { t, number } from "./words.js";
import { api } from "./api.js";
import { drop } from "./state.js";
import { askClear, fault, notify } from "./dialog.js";

const hands = 4; // requests at a time

// clearing says how many tasks are still to be deleted.
export const clearing = { left: 0 };

const rest = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function removeOne(tid) {
  for (;;) {
    try {
      await api.remove(tid, false);
      return;
    } catch (error) {
      if (error.word === "task_not_found") return; // somebody else was quicker
      if (error.word !== "quota") throw error;
      await rest(error.wait || 1);
    }
  }
}

// clearFinished asks first. progress is called whenever there is less to do.
export async function clearFinished(finished, progress) {
  const clean = finished.filter((info) => !info.failed);
  const failed = await askClear(clean.length, finished.length - clean.length);
  if (failed === null || clearing.left > 0) return;
  const queue = (failed ? finished : clean).map((info) => info.tid);
  let done = 0;
  clearing.left = queue.length;
  const work = async () => {
    while (queue.length) {
      const tid = queue.shift();
      await removeOne(tid);
      done++;
      clearing.left = queue.length;
      drop(tid);
      progress();
    }
  };
  try {
    await Promise.all(Array.from({ length: hands }, work));
  } catch (error) {
    queue.length = 0; // what one may not do, the others may not either
    fault(error);
  } finally {
    clearing.left = 0;
    progress();
    if (done) notify(t("clear.done", { count: number(done) }));
  }
}
