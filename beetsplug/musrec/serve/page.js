"use strict";

// What stands behind the # of the address is a request of the API: `#similar?query=Waltz&n=20` shows what
// `similar?query=Waltz&n=20` answers. So links work, and so do back and forward.

const DOORS = {similar: ["query"], sounds: ["words"], journey: ["from", "to"]};  // with the fields of each
const ID_OF = {query: "id", from: "from_id", to: "to_id"};  // asks for the song with an id, instead of a query
const COUNT = "20", SEEDS = 4;  // songs in a list; seeds that are named
const SERVER = location.origin + location.pathname.replace(/\/*$/, "/");  // a proxy may serve it all below a path
const $ = id => document.getElementById(id);
const fields = $("ask").elements;
const names = new Map();  // id -> name of each song seen
let seeds = [], songs = [], earlier = [];  // what is shown; the list before each change of its order
let running = new AbortController(), slow, opened = false;

class Refusal extends Error {  // its message is for the reader
  constructor(message, passing = false) { super(message); this.passing = passing; }  // whether it may be another time
}

// Text. Tags reach the page as text alone, never as HTML; control characters and overrides of direction are left out.

function plain(text) { return String(text ?? "").replace(/[\s\p{Cc}\u202a-\u202e\u2066-\u2069]+/gu, " ").trim(); }
function title_of(song) { return plain(song.title) || "(no title)"; }
function name_of(song) { return [plain(song.artist), title_of(song)].filter(Boolean).join(" - "); }
function many(n) { return `${n.toLocaleString("en")} ${n === 1 ? "song" : "songs"}`; }
function duration(seconds) {
  const whole = Math.round(seconds), two = n => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function button(label, title, onclick) {
  const made = make("button", {type: "button", "aria-label": title, title}, label);
  made.onclick = onclick;
  return made;
}
function link(song, text) {
  return make("a", {href: address("similar", {id: song.id, n: here().wanted.n}), dir: "auto"}, text);
}

// The server.

async function ask(path, signal) {
  for (;;) {
    const token = stored_token(), response = await reach(path, token, signal);
    if (response.status !== 401) return read(response);
    if (token === stored_token()) await ask_for_token(token !== "");
  }
}
async function reach(path, token, signal) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(token));  // what a header may hold, as curl sends it
  const headers = token ? {Authorization: `Bearer ${bytes}`} : {};
  try { return await fetch(SERVER + path, {headers, signal, cache: "no-store"}); }
  catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server can't be reached. Is beet musrec-serve still running?", true);
  }
}
async function read(response) {
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Refusal(plain(answer?.error) || `The server gave no answer that this page can read (HTTP ${response.status}).`, response.status >= 500);
}

// The token: asked for once, for all requests that wait for it. It stays in this tab, and is in no address.

let token_to_come = null;
function stored_token() { return sessionStorage.getItem("musrec-token") ?? ""; }
function ask_for_token(refused) {
  token_to_come ??= new Promise((resolve, reject) => {
    let given = "";
    sessionStorage.removeItem("musrec-token");
    $("token-says").textContent = refused ? "That is not the server's token." : "The server wants the token that is set as musrec.serve.token.";
    $("token-form").onsubmit = () => { given = $("token").value.trim(); };
    $("token-dialog").onclose = () => {
      token_to_come = null;
      $("token").value = "";
      if (!given) return reject(new Refusal("The server answers only with its token.", true));
      sessionStorage.setItem("musrec-token", given);
      resolve();
    };
    $("token-dialog").showModal();
  });
  return token_to_come;
}

// The address.

function address(door, wanted) { return `#${door}?${new URLSearchParams(wanted)}`; }
function here() {
  const [name, text = ""] = location.hash.slice(1).split(/\?(.*)/s), given = new URLSearchParams(text);
  const door = Object.hasOwn(DOORS, name) ? name : "similar", wanted = {};
  for (const field of DOORS[door]) {
    const key = [ID_OF[field], field].find(each => given.get(each));
    if (key) wanted[key] = given.get(key);
  }
  const complete = Object.keys(wanted).length === DOORS[door].length;
  return {door, complete, wanted: {...wanted, n: given.get("n") || COUNT}};
}
function go(event) {
  event.preventDefault();
  const {door} = here(), wanted = {};
  for (const name of DOORS[door]) {
    const {value, dataset} = fields[name];
    if (dataset.id) wanted[ID_OF[name]] = dataset.id;  // until something else is typed
    else wanted[name] = value.trim();
  }
  const next = address(door, {...wanted, n: fields.n.value});
  if (next !== location.hash) location.hash = next;
  else show_anew();
}
function show_anew() {
  history.replaceState(null, "");  // forget how the list was changed
  show();
  if (!$("status").children.length) load_status();
}

// From the address to the list.

async function show() {
  const {door, wanted, complete} = here(), {signal} = running = (running.abort(), new AbortController());
  fill_form(door, wanted);
  $("error").hidden = true;
  busy(complete);
  if (door === "sounds") load_words();
  if (!complete) {
    $("result").hidden = true;
    document.title = "Similar songs";
    return;
  }
  try {
    const answer = history.state ?? await ask(`${door}?${new URLSearchParams(wanted)}`, signal);
    display(door, wanted, answer);
  } catch (error) {
    if (!signal.aborted) complain(error);
  }
  if (!signal.aborted) busy(false);
}
function busy(is) {
  clearTimeout(slow);
  $("result").setAttribute("aria-busy", String(is));
  if (is) slow = setTimeout(() => { $("go").textContent = "Searching…"; }, 300);
  else $("go").textContent = "Search";
}
function fill_form(door, wanted) {
  for (const part of document.querySelectorAll("main [data-door]")) part.hidden = part.dataset.door !== door;
  for (const tab of document.querySelectorAll("nav a")) tab.setAttribute("aria-current", tab.dataset.door === door ? "page" : "false");
  for (const [of, list] of Object.entries(DOORS)) for (const name of list) fields[name].disabled = of !== door;
  fields.n.value = wanted.n;
  for (const name of DOORS[door]) fill_field(fields[name], wanted[name], wanted[ID_OF[name]]);
  press_words();
}
function fill_field(field, text = "", id) {
  field.value = id ? names.get(id) ?? `song ${id}` : text;
  if (id) field.dataset.id = id;
  else delete field.dataset.id;
}
function complain(error) {
  $("result").hidden = true;
  $("error").hidden = false;
  $("error-says").textContent = error instanceof Refusal ? error.message : "This page failed; the browser's console says why.";
  $("again").hidden = !error.passing;
  if (!(error instanceof Refusal)) throw error;
}
function display(door, wanted, answer) {
  songs = answer.songs;
  seeds = answer.seeds ?? (door === "journey" ? [...songs.slice(0, 1), ...songs.slice(-1)] : []);
  earlier = [];
  for (const song of [...seeds, ...songs]) names.set(String(song.id), name_of(song));
  fill_form(door, wanted);  // again: now the names are known
  $("head").textContent = document.title = headline(door, wanted);
  $("seeds").hidden = door !== "similar" || seeds.length < 2;  // the headline names a single one
  $("seeds").replaceChildren(...seeds.slice(0, SEEDS).map(song => make("li", {}, link(song, name_of(song)))));
  if (seeds.length > SEEDS) $("seeds").append(make("li", {}, `and ${(seeds.length - SEEDS).toLocaleString("en")} more`));
  $("onward").hidden = door !== "similar" || seeds.length !== 1;
  if (seeds.length) $("onward").setAttribute("href", address("journey", {from_id: seeds[0].id, n: wanted.n}));
  $("result").hidden = false;
  draw();
  if (opened && !$("ask").contains(document.activeElement)) $("head").focus();  // what had it may be gone
  opened = true;
}
function headline(door, wanted) {
  if (door === "sounds") return `Sounds like ${plain(wanted.words)}`;
  if (door === "journey") return seeds.length === 2 ? `From ${name_of(seeds[0])} to ${name_of(seeds[1])}` : "A journey";
  return seeds.length === 1 ? `Songs like ${name_of(seeds[0])}` : `Songs like these ${many(seeds.length)}`;
}

// The list.

const LEGENDS = {
  similar: "The fuller the bar, the nearer the song; the number is its distance. Choose a song to go on from it.",
  sounds: "The fuller the bar, the better the song fits the words. Choose a song to go on from it.",
  journey: "The fuller the bar, the nearer the song is to the one before it. Choose a song to go on from it.",
};
function draw() {
  const total = songs.reduce((sum, song) => sum + (song.length || 0), 0), none = earlier.length ? "The list is empty." : "No song was found.";
  const farthest = Math.max(...songs.filter(has_distance).map(song => song.distance), Number.EPSILON);  // its bar is the shortest
  $("summary").textContent = songs.length ? `${many(songs.length)}, ${duration(total)}` : none;
  $("rows").replaceChildren(...songs.map((song, at) => row(song, at, farthest)));
  $("undo").hidden = !earlier.length;
  $("legend").hidden = !songs.some(has_distance);
  $("legend").textContent = LEGENDS[here().door];
  for (const id of ["edit", "format", "copy", "download"]) $(id).hidden = !songs.length;
}
function row(song, at, farthest) {
  const handle = make("span", {class: "handle", "aria-hidden": "true", title: "Drag to another place"}, "⠿");
  const from = [song.artist, song.album].map(plain).filter(Boolean).map(text => make("bdi", {}, text));
  const item = make("li", {},
    handle,
    make("div", {class: "song"}, link(song, title_of(song)), make("small", {}, ...from.flatMap((part, k) => k ? [" · ", part] : [part]))),
    nearness(song, farthest),
    make("time", {}, song.length ? duration(song.length) : ""),
    make("span", {class: "order"},
      button("↑", `Move up: ${title_of(song)}`, () => move(at, at - 1, 0)),
      button("↓", `Move down: ${title_of(song)}`, () => move(at, at + 1, 1)),
      button("✕", `Remove: ${title_of(song)}`, () => remove(at))));
  handle.onpointerdown = event => drag(event, item, at);
  return item;
}
function has_distance(song) { return typeof song.distance === "number"; }
function nearness(song, farthest) {
  const cell = make("span", {class: "near"}), bar = make("i");
  if (!has_distance(song)) return cell;
  bar.style.width = `${100 - 80 * Math.max(0, song.distance) / farthest}%`;
  cell.append(make("span", {class: "bar", "aria-hidden": "true"}, bar), make("span", {class: "unseen"}, "distance "), song.distance.toFixed(3));
  return cell;
}

// The play order. A list that was changed is kept with its place in the history.

function change(next) {
  earlier.push(songs);
  keep(next);
}
function keep(next) {
  songs = next;
  draw();
  setTimeout(() => history.replaceState(earlier.length ? {seeds, songs} : null, ""));  // which Safari limits, by an error
}
function move(from, to, pressed) {
  if (to < 0 || to >= songs.length || to === from) return;
  const next = [...songs], [song] = next.splice(from, 1);
  next.splice(to, 0, song);
  change(next);
  if (pressed !== undefined) $("rows").children[to].querySelectorAll("button")[pressed].focus();
  $("said").textContent = `${name_of(song)} is now number ${to + 1} of ${songs.length}`;
}
function remove(at) {
  change(songs.filter((_, k) => k !== at));
  const next = $("rows").children[Math.min(at, songs.length - 1)];
  (next ? next.querySelectorAll("button")[2] : $("undo")).focus();
}
function undo() {
  keep(earlier.pop());
  if ($("undo").hidden) $("head").focus();
}
function drag(event, item, from) {
  const handle = event.currentTarget;
  const middle = other => { const box = other.getBoundingClientRect(); return box.top + box.height / 2; };
  if (event.button) return;
  event.preventDefault();
  handle.setPointerCapture(event.pointerId);
  item.classList.add("dragged");
  handle.onpointermove = ({clientY}) => {  // the others move around it: an element that moves itself loses the pointer
    while (item.previousElementSibling && clientY < middle(item.previousElementSibling)) item.after(item.previousElementSibling);
    while (item.nextElementSibling && clientY > middle(item.nextElementSibling)) item.before(item.nextElementSibling);
    if (clientY < 60) scrollBy(0, -12);
    if (clientY > innerHeight - 60) scrollBy(0, 12);
  };
  handle.onlostpointercapture = () => {
    handle.onpointermove = handle.onlostpointercapture = null;
    item.classList.remove("dragged");
    move(from, [...$("rows").children].indexOf(item));
  };
}

// The list to take along.

function as_m3u(list) {
  const lines = list.flatMap(song => [`#EXTINF:${Math.round(song.length) || -1},${name_of(song)}`, plain(song.id)]);
  return `#EXTM3U\n${lines.join("\n")}\n`;
}
const FORMATS = {
  m3u: {ending: "m3u8", type: "audio/x-mpegurl", write: as_m3u},
  json: {ending: "json", type: "application/json", write: list => `${JSON.stringify(list, null, 2)}\n`},
  text: {ending: "txt", type: "text/plain", write: list => `${list.map(name_of).join("\n")}\n`},
};
function download() {
  const {ending, type, write} = FORMATS[$("format").value], href = URL.createObjectURL(new Blob([write(songs)], {type}));
  make("a", {href, download: `${here().door}.${ending}`}).click();
  setTimeout(() => URL.revokeObjectURL(href), 60000);
}
async function copy() {
  const text = FORMATS[$("format").value].write(songs);
  const done = await navigator.clipboard?.writeText(text).then(() => true, () => false) || copy_by_selection(text);
  $("copy").textContent = done ? "Copied" : "Not copied";
  $("said").textContent = done ? `${many(songs.length)} copied` : "The browser did not copy the list";
  setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
}
function copy_by_selection(text) {  // without https a page has no navigator.clipboard
  const box = make("textarea", {class: "unseen"});
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  $("copy").focus();
  return done;
}

// The words of the model, and what the server is.

function typed_words() { return fields.words.value.split(",").map(word => word.trim()).filter(Boolean); }
function toggle_word(name) {
  const typed = typed_words(), others = typed.filter(word => word !== name);
  fields.words.value = (others.length < typed.length ? others : [...typed, name]).join(", ");
  press_words();
}
function press_words() {
  const typed = typed_words();
  for (const each of $("groups").querySelectorAll("button")) each.setAttribute("aria-pressed", String(typed.includes(each.textContent)));
  $("words").hidden = fields.words.disabled || !$("groups").children.length;
}
function suggest_words() {  // each suggestion is the whole text, with its last word completed
  const [last, ...others] = fields.words.value.split(",").reverse().map(word => word.trim());
  const [, not = "", begun] = last.match(/^(no |without |-)?(.*)$/is), before = others.reverse().map(word => `${word}, `).join("");
  const names = [...$("groups").querySelectorAll("button")].map(each => each.textContent);
  const found = begun ? names.filter(name => name.startsWith(begun.toLowerCase()) && name !== begun) : [];
  $("suggestions").replaceChildren(...found.map(name => make("option", {value: `${before}${not}${name}`})));
}
async function load_words() {
  if ($("groups").children.length) return;
  const {words} = await ask("words").catch(quietly({words: []}));
  const groups = new Map(words.map(word => [word.group, []]));
  for (const {name, group} of words) groups.get(group).push(button(name, name, () => toggle_word(name)));
  $("groups").replaceChildren(...[...groups].map(([group, list]) => make("fieldset", {}, make("legend", {}, group), ...list)));
  press_words();
}
async function load_status() {
  const status = await ask("status").catch(quietly(null));
  if (!status) return;
  const known = [many(status.songs), status.embedded < status.songs && `${status.embedded.toLocaleString("en")} with an embedding`,
    status.model && `model ${status.model}`, `beets-musrec ${status.version ?? ""}`];
  $("status").replaceChildren(...known.filter(Boolean).map(text => make("span", {}, plain(text))));
}
function quietly(instead) {  // words and status are extras: the search says what is wrong with the server
  return error => {
    if (!(error instanceof Refusal)) throw error;
    return instead;
  };
}

$("ask").onsubmit = go;
$("ask").oninput = event => { delete event.target.dataset.id; press_words(); suggest_words(); };
$("again").onclick = show_anew;
$("undo").onclick = undo;
$("copy").onclick = copy;
$("download").onclick = download;
$("edit").onclick = () => $("edit").setAttribute("aria-pressed", String($("rows").classList.toggle("editing")));
$("token-leave").onclick = () => $("token-dialog").close();
addEventListener("hashchange", show);
if (matchMedia("(pointer: fine)").matches) fields.query.focus();  // on a phone, the keyboard would cover half of it
show();
load_status();
