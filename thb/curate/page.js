/* The page of `thb curate`: plays a clip, sends the answer about it, and shows the next one once that is written. */

"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const film = at("film");
const answers = data.answers;
let place = -1; // of the clip that is shown
let sound = true, held = false; // as the rater wants it; and whether the browser plays none before the first key or click
let watched = 0, since = null; // milliseconds for which the clip was seen, and since when it is
let busy = false;

// ---- what is shown ---------------------------------------------------------------------------------------

const named = answer => answer === "keep" ? "keep" : `remove: ${data.reasons[answer]}`;
const left = () => answers.filter(one => !one).length;

function show(wanted, words = "") {
  place = wanted;
  watched = 0;
  since = document.hidden ? null : performance.now();
  film.src = `clip/${place}`;
  film.setAttribute("aria-label", data.clips[place]);
  at("fault").textContent = "";
  at("said").textContent = words;
  play();
  tell();
}

function tell() {
  const given = answers.filter(Boolean), own = answers[place];
  const removed = given.filter(one => one.answer !== "keep").length;
  const seconds = given.map(one => one.seconds).sort((a, b) => a - b), typical = seconds[seconds.length >> 1];
  const words = [`${given.length} of ${data.clips.length} judged`];
  if (given.length) words.push(`${Math.round(100 * removed / given.length)}% to be removed`);
  if (typical) words.push(`${Number((60 / typical).toPrecision(2))} clips a minute`);
  if (typical && left()) words.push(`about ${Math.ceil(typical * left() / 60)} min left`);
  at("progress").textContent = words.join(" · ");
  at("bar").value = given.length;
  at("name").textContent = `clip ${place + 1} of ${data.clips.length}: ${data.clips[place]}${own ? ` (${named(own.answer)})` : ""}`;
  for (const button of document.querySelectorAll("[data-answer]"))
    button.setAttribute("aria-pressed", Boolean(own) && own.answer === button.dataset.answer);
}

function play() {
  film.muted = !sound;
  film.play().catch(fault => {
    if (fault.name !== "NotAllowedError") return;
    held = film.muted = true;
    film.play().catch(() => {});
  });
}

for (const event of ["play", "pause"])
  film.addEventListener(event, () => { at("play").textContent = film.paused ? "play" : "pause"; });
film.addEventListener("volumechange", () => {
  if (!held) sound = !film.muted;
  at("sound").textContent = film.muted ? "off" : "on";
});
film.addEventListener("error", () => {
  at("fault").textContent = "This clip is not there any more, or this browser cannot play it. Skip it, or judge it elsewhere.";
});
document.addEventListener("visibilitychange", () => {
  if (since !== null) watched += performance.now() - since;
  since = document.hidden ? null : performance.now();
});

// ---- what a key does -------------------------------------------------------------------------------------

async function send(what, body) {
  const found = await fetch(what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
    .catch(() => null);
  if (found === null) throw new Error("`thb curate` does not answer: start it again, and open the address that it prints.");
  const said = await found.json();
  if (!found.ok) throw new Error(`Not written: ${said.error}`);
  return said;
}

async function judge(answer) {
  const seconds = (watched + (since === null ? 0 : performance.now() - since)) / 1000, judged = place;
  await send("answer", { clip: judged, answer, seconds });
  answers[judged] = { answer, seconds };
  const words = `${data.clips[judged]}: ${named(answer)}`;
  if (left()) show(after(judged), words);
  else {
    tell();
    at("said").textContent = `${words}. Every clip is judged; this page can be closed.`;
  }
}

async function undo() {
  const { clip } = await send("undo", {});
  if (clip === null) return void (at("said").textContent = "There is no answer to take back.");
  answers[clip] = null;
  show(clip, "The answer is taken back.");
}

/* The next clip without an answer, from the start again after the last; if there is none, the next one. */
function after(from) {
  const all = data.clips.map((_, i) => (from + 1 + i) % data.clips.length);
  return all.find(i => !answers[i] && i !== from) ?? all[0];
}

const moves = {
  ArrowLeft: () => show((place + data.clips.length - 1) % data.clips.length),
  ArrowRight: () => show(after(place)),
  Backspace: undo,
  " ": () => { if (film.paused) play(); else film.pause(); },
  v: () => { sound = film.muted; },
};

async function act(key, answer) {
  const wanted = answer ? () => judge(answer) : moves[key];
  if (busy || !wanted) return;
  busy = true; // what is pressed meanwhile would be about a clip that nobody has seen yet
  try {
    await wanted();
    held = false;
    film.muted = !sound;
  } catch (fault) {
    at("fault").textContent = fault.message;
  }
  busy = false;
}

const buttons = new Map([...document.querySelectorAll("[data-key]")].map(one => [one.dataset.key, one]));
for (const [key, button] of buttons) {
  button.setAttribute("aria-keyshortcuts", key === " " ? "Space" : key);
  button.addEventListener("click", () => act(key, button.dataset.answer));
}
document.addEventListener("keydown", event => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, button = buttons.get(key);
  if (!button || event.ctrlKey || event.altKey || event.metaKey) return;
  if (key === " " && event.target.closest("button, summary, video")) return; // theirs: it presses, opens, plays
  if (key.startsWith("Arrow") && event.target === film) return; // seeks
  event.preventDefault();
  if (!event.repeat) act(key, button.dataset.answer); // a key that is held down judges one clip
});

show(answers.findIndex(one => !one) < 0 ? 0 : answers.findIndex(one => !one));
