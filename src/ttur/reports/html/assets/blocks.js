// One maker a kind of block. Each has an element, and takes its data anew at any time.

const LONG = 40; // letters; shorter cells stand on one line

function tableOf({ title, columns, rows, numbers = [], settings = [], all = false }, state = null) {
  const isNumber = columns.map((column) => all || numbers.includes(column));
  const cell = (text, place, row) => {
    const mine = place === 0 && settings[row] && state ? mark(state, settings[row]) : null;
    return make(place === 0 ? "th" : "td", { scope: place === 0 ? "row" : null, class: isNumber[place] ? "number" : text.length > LONG ? "long" : null }, mine, text);
  };
  return scrollable(title, make("table", {},
    make("caption", {}, title),
    make("thead", {}, make("tr", {}, columns.map((column, place) =>
      make("th", { scope: "col", class: isNumber[place] ? "number" : null }, column)))),
    make("tbody", {}, rows.map((cells, row) => make("tr", {}, cells.map((text, place) => cell(text, place, row)))))));
}

// What is drawn anew as a whole.
const simple = (element, fill) => ({ element, update: (block) => element.replaceChildren(...[fill(block)].flat()) });

class Gallery {
  constructor(state) {
    this.state = state;
    this.place = null; // of the slider; null follows the newest
    this.title = make("h3");
    this.id = `gallery-${(Gallery.count = (Gallery.count ?? 0) + 1)}`;
    this.slider = make("input", { type: "range", id: this.id, min: 0, step: 1 });
    this.output = make("output", { for: this.id });
    this.label = make("label", { for: this.id });
    this.bar = make("div", { class: "slider" }, this.label, this.slider, this.output);
    this.strips = make("div", { class: "strips" });
    this.element = make("div", { class: "gallery wide" }, this.title, this.bar, this.strips);
    this.slider.addEventListener("input", () => {
      const place = Number(this.slider.value);
      this.place = place === this.updates.length - 1 ? null : this.updates[place];
      this.render();
    });
    state.changed.push(() => this.render());
  }

  update(block) {
    this.block = block;
    this.title.textContent = block.title;
    this.label.textContent = block.unit;
    this.strips.classList.toggle("small", block.small);
    const all = block.strips.flatMap((strip) => strip.frames.map((frame) => frame.at));
    this.updates = [...new Set(all.filter((at) => at !== null))].sort((a, b) => a - b);
    this.slider.max = Math.max(0, this.updates.length - 1);
    this.bar.hidden = this.updates.length < 2;
    this.render();
  }

  render() {
    if (!this.block) return;
    const at = this.place ?? this.updates.at(-1) ?? null;
    this.slider.value = this.updates.indexOf(at);
    this.output.textContent = at === null ? "" : numberText(at);
    this.slider.setAttribute("aria-valuetext", `update ${at}`);
    const shown = this.block.strips.filter((strip) => !this.state.hidden.has(strip.setting));
    this.strips.replaceChildren(...shown.map((strip) => {
      const frame = strip.frames.findLast((one) => one.at === null || one.at <= at) ?? strip.frames[0];
      const described = `${strip.described || strip.label}, ${frame.caption}`;
      const seen = frame.image
        ? make("img", { src: picture(frame.image), alt: described, loading: "lazy" })
        : make("pre", {}, frame.text);
      return make("figure", {}, make("figcaption", {}, make("b", {}, strip.setting ? mark(this.state, strip.setting) : null, strip.label)), seen, make("figcaption", {}, frame.caption));
    }));
  }
}

// Nothing but pictures within the page.
const picture = (address) => (address.startsWith("data:image/png;base64,") ? address : "data:,");

const MAKERS = {
  text: () => {
    const element = make("p", { class: "wide" });
    return { element, update: (block) => { element.textContent = block.text; element.classList.toggle("doubt", block.doubt); } };
  },
  facts: () => simple(make("dl", { class: "wide" }), (block) =>
    block.rows.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text)))),
  table: (state) => {
    const element = make("div", { class: "wide table" });
    let details = null;
    return { element, update: (block) => {
      const table = tableOf(block, state);
      const note = block.note ? make("p", { class: "note" }, block.note) : null;
      if (!block.folded) return filled(element, {}, (element.replaceChildren(), [table, note]));
      if (!details) {
        details = make("details");
        element.append(details);
      }
      details.replaceChildren(make("summary", {}, block.title), table, ...(note ? [note] : []));
      return element;
    } };
  },
  code: () => simple(make("div", { class: "wide code" }), (block) =>
    [make("h3", {}, block.title), scrollable(block.title, make("pre", {}, make("code", {}, block.text)))]),
  figure: () => simple(make("figure", { class: "wide picture" }), (block) =>
    [block.title ? make("figcaption", {}, make("b", {}, block.title)) : null, make("img", { src: picture(block.image), alt: block.title || "figure, described below", loading: "lazy" }), make("figcaption", {}, block.described)].filter((one) => one !== null)),
  chart: (state) => new Chart(state),
  gallery: (state) => new Gallery(state),
};
