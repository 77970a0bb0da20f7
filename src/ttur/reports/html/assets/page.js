// The page: its head, what can be switched, its sections; and what is new while runs go on.

const SECONDS = 2; // between two looks at a server

const state = {
  order: [], // settings, whose place is their colour
  axes: {},
  axis: null,
  hidden: new Set(),
  runs: true,
  published: true,
  changed: [], // called when something was switched
  axisChanged: [], // called before, when it was the axis
};

const told = () => state.changed.forEach((each) => each());
const root = document.getElementById("page");
const title = make("h1");
const subtitle = make("p", { class: "subtitle" });
const status = make("p", { class: "status", role: "status" });
const contents = make("ul");
const nav = make("nav", { "aria-label": "Contents" }, contents);
const controls = make("details", { class: "controls" });
const sections = make("div", { class: "sections" });
const made = make("footer");
root.append(make("header", {}, title, subtitle, status, nav), controls, sections, made);

function choice(type, name, checked, label, does) {
  const input = make("input", { type, name });
  input.checked = checked;
  input.addEventListener("change", () => { does(input.checked); told(); });
  return make("label", {}, input, ...label);
}

// What can be switched, made anew only when there is something else to switch.
let switches = "";
function renewControls(page) {
  const roles = new Set(page.blocks.flatMap((block) => (block.series ?? []).map((one) => one.role)));
  const now = JSON.stringify([page.settings, page.axes, [...roles].sort()]);
  if (now === switches) return;
  switches = now;
  state.order = Object.keys(page.settings);
  state.axes = page.axes;
  state.axis = state.axis in page.axes ? state.axis : Object.keys(page.axes)[0] ?? null;
  const boxes = Object.entries(page.settings).map(([key, label]) =>
    choice("checkbox", "setting", !state.hidden.has(key), [mark(state, key), label], (on) => {
      if (on) state.hidden.delete(key); else state.hidden.add(key);
    }));
  const all = (on) => button(on ? "all" : "none", () => {
    state.order.forEach((key) => { if (on) state.hidden.delete(key); else state.hidden.add(key); });
    boxes.forEach((box) => { box.querySelector("input").checked = on; });
    told();
  });
  const radios = Object.entries(page.axes).map(([key, label]) =>
    choice("radio", "axis", key === state.axis, [label], () => {
      state.axis = key;
      state.axisChanged.forEach((each) => each());
    }));
  const more = [];
  if (roles.has("run")) more.push(choice("checkbox", "runs", state.runs, ["single runs"], (on) => { state.runs = on; }));
  if (roles.has("published")) more.push(choice("checkbox", "published", state.published, ["published curves"], (on) => { state.published = on; }));
  const group = (name, some) => (some.length ? make("fieldset", {}, make("legend", {}, name), ...some) : null);
  controls.replaceChildren(make("summary", {}, "Settings and time axis"),
    make("div", { class: "groups" }, ...[
      group("Settings", boxes.length > 3 ? [...boxes, all(true), all(false)] : boxes),
      group("Time axis", radios), group("Also", more)].filter((one) => one !== null)));
  controls.hidden = !boxes.length;
}

const slug = (text) => `section-${text.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;

// Blocks become elements once; later ones of the same name and kind renew them.
const views = new Map();
const places = new Map();
function view(block, seen) {
  const name = [block.kind, block.named ?? (block.kind === "text" || block.kind === "facts" ? "" : block.title)].join("|");
  const count = seen.get(name) ?? 0;
  seen.set(name, count + 1);
  const key = `${name}|${count}`;
  if (!views.has(key)) views.set(key, { made: MAKERS[block.kind](state), text: "" });
  const found = views.get(key);
  const text = JSON.stringify(block);
  if (found.text !== text) {
    found.text = text;
    found.made.update(block);
  }
  return found.made.element;
}

function section(text) {
  if (!places.has(text)) {
    const id = slug(text);
    const content = make("div", { class: "content" });
    const whole = make("section", { "aria-labelledby": id }, make("h2", { id }, text), content);
    places.set(text, { whole, content, link: make("li", {}, make("a", { href: `#${id}` }, text)) });
  }
  return places.get(text);
}

function show(page) {
  document.title = page.title;
  title.textContent = page.title;
  subtitle.textContent = page.subtitle;
  made.textContent = page.made;
  renewControls(page);
  const seen = new Map();
  const parts = [];
  const before = [];
  for (const block of page.blocks) {
    if (block.kind === "heading") parts.push({ ...section(block.text), elements: [] });
    else (parts.at(-1)?.elements ?? before).push(view(block, seen));
  }
  arrange(sections, [...before, ...parts.map((part) => part.whole)]);
  parts.forEach((part) => arrange(part.content, part.elements));
  arrange(contents, parts.map((part) => part.link));
  nav.hidden = parts.length < 2;
}

const time = () => new Date().toLocaleTimeString();

async function follow(source) {
  let tag = "";
  status.textContent = "following the runs";
  for (;;) {
    await new Promise((done) => { setTimeout(done, 1000 * SECONDS); });
    try {
      const answer = await fetch(`${source}?after=${tag}`, { cache: "no-store" });
      if (answer.status === 200) {
        const fresh = await answer.json();
        tag = fresh.tag;
        show(fresh.page);
        status.textContent = `following the runs; last change seen at ${time()}`;
      }
    } catch {
      status.textContent = "the program that follows the runs has ended; this is how they stood";
    }
  }
}

const data = JSON.parse(document.getElementById("data").textContent);
controls.open = window.innerWidth > 720;
window.addEventListener("beforeprint", () => { controls.open = true; });
show(data.page);
if (data.source) follow(data.source);
