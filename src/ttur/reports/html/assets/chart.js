// A chart in SVG: bands, lines, crosses; zoom by dragging or keys, values under a cursor.

const DASHES = ["", "7 3", "2 2.5", "9 3 2 3"];
const COLOURS = 7;

// The colour and line of a setting, the same in every chart and beside every name.
function look(state, setting, role = "mean") {
  const index = setting === null ? -1 : state.order.indexOf(setting);
  return index < 0
    ? { colour: role === "mean" ? "c0" : "neutral", dash: "" }
    : { colour: `c${index % COLOURS}`, dash: DASHES[index % DASHES.length] };
}

function mark(state, setting, role = "mean") {
  const { colour, dash } = look(state, setting, role);
  const line = { x1: 1, y1: 5, x2: 31, y2: 5, class: `line ${role} ${colour}`, "stroke-dasharray": dash };
  const dot = role === "published" ? draw("circle", { cx: 16, cy: 5, r: 2, class: `dot ${colour}` }) : null;
  return draw("svg", { class: "mark", width: 32, height: 10, "aria-hidden": "true" }, draw("line", line), dot);
}

const ROLES = ["level", "published", "run", "mean"]; // from the back to the front

class Chart {
  constructor(state) {
    this.state = state;
    this.zoom = null; // the ends of x, null for all
    this.log = null; // null as the block says
    this.cursor = null; // a value of x
    this.width = 0;
    this.id = `chart-${(Chart.count = (Chart.count ?? 0) + 1)}`;
    this.caption = make("h3", { id: `${this.id}-title` });
    this.hint = make("p", { class: "hidden", id: `${this.id}-hint` },
      "Left and right move the cursor, plus and minus zoom, 0 shows all.");
    this.plot = make("div", {
      class: "plot", tabindex: 0, role: "application", "aria-roledescription": "chart",
      "aria-labelledby": `${this.id}-title`, "aria-describedby": `${this.id}-hint`,
    });
    this.readout = make("p", { class: "readout", "aria-live": "polite" });
    this.legend = make("ul", { class: "legend" });
    this.note = make("p", { class: "note" });
    this.logButton = button("log scale", () => this.toggleLog(), { "aria-pressed": "false" });
    this.buttons = make("div", { class: "buttons" },
      button("+", () => this.zoomBy(0.5), { "aria-label": "zoom in" }),
      button("−", () => this.zoomBy(2), { "aria-label": "zoom out" }),
      button("all", () => this.show(null), { "aria-label": "show all" }),
      this.logButton);
    this.values = make("div");
    this.table = make("details", {}, make("summary", {}, "Table of values"), this.values);
    this.table.addEventListener("toggle", () => this.tabulate());
    this.element = make("figure", { class: "chart" },
      this.caption, this.hint, this.legend, this.plot, this.readout, this.note,
      make("div", { class: "below" }, this.table, this.buttons));
    this.listen();
    state.changed.push(() => this.render());
  }

  update(block) {
    this.block = block;
    this.caption.textContent = block.title;
    this.note.textContent = block.note;
    this.element.classList.toggle("wide", block.wide);
    this.render();
  }

  // What is drawn now: series that are switched on, on the axis of the page.
  get shown() {
    const { hidden, axis, runs, published } = this.state;
    return this.block.series.filter((one) =>
      !hidden.has(one.setting) && (one.role !== "run" || runs) && (one.role !== "published" || published)
      && (one.role === "level" || one.lines.some((line) => line.at[axis])));
  }

  // The ends of x: of the runs, or of what was published where there are none.
  get extent() {
    const { axis } = this.state;
    const ends = (some) => some.flatMap((one) => one.lines.flatMap((line) => line.at[axis] ?? []));
    const own = ends(this.shown.filter((one) => one.role === "mean" || one.role === "run"));
    const all = own.length ? own : ends(this.shown);
    if (!all.length) return null;
    const [low, high] = [Math.min(...all), Math.max(...all)];
    return low < high ? [low, high] : [low - 0.5, high + 0.5];
  }

  // Lowest and highest of what lies within the ends of x, bands included; of what is above 0 too.
  heights([left, right]) {
    let [low, high, positive] = [Infinity, -Infinity, Infinity];
    for (const one of this.shown) {
      for (const line of one.lines) {
        const at = line.at[this.state.axis];
        const columns = [line.values, line.low ?? [], line.high ?? []];
        for (const column of columns) {
          column.forEach((value, index) => {
            if (value === null || (one.role !== "level" && (at[index] < left || at[index] > right))) return;
            low = Math.min(low, value);
            high = Math.max(high, value);
            if (value > 0) positive = Math.min(positive, value);
          });
        }
      }
    }
    return { low, high, positive };
  }

  get isLog() {
    return this.log ?? this.block.scale === "log";
  }

  render() {
    if (!this.block) return;
    const extent = this.extent;
    const [left, right] = this.zoom ?? extent ?? [0, 1];
    const { low, high, positive } = this.heights([left, right]);
    const empty = extent === null || low > high;
    const wide = low > 0 && high > 30 * low;
    const isLog = (this.log === null && this.block.scale === "auto" ? wide : this.isLog) && high > 0;
    this.logButton.setAttribute("aria-pressed", String(isLog));
    this.drawsLog = isLog;
    this.drawLegend();
    this.tabulate();
    const width = Math.round(this.plot.clientWidth);
    if (!width) return;
    if (empty) {
      this.plot.replaceChildren(make("p", { class: "empty" }, "Nothing to draw: all is switched off, or not on this axis."));
      this.readout.textContent = "";
      return;
    }
    const height = Math.round(this.block.wide ? Math.min(430, Math.max(240, 0.52 * width)) : Math.min(260, 0.7 * width));
    const bottom = isLog ? positive : low;
    const pad = isLog ? (high / bottom) ** 0.04 || 1.1 : (high - bottom) * 0.05 || Math.abs(high) * 0.1 || 1;
    const ends = isLog ? [bottom / pad, high * pad] : [bottom - pad, high + pad];
    const x = scale(left, right, 52, width - 12, false);
    const y = scale(ends[0], ends[1], height - 40, 8, isLog);
    this.frame = { x, y, width, height, left, right };
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", focusable: "false" });
    svg.append(draw("clipPath", { id: `${this.id}-clip` },
      draw("rect", { x: 52, y: 2, width: width - 58, height: height - 42 })));
    this.drawAxes(svg, ends, isLog);
    const lines = draw("g", { "clip-path": `url(#${this.id}-clip)` });
    const inOrder = [...this.shown].sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role));
    for (const one of inOrder) lines.append(...this.drawSeries(one));
    this.pointer = draw("g", { class: "pointer" });
    svg.append(lines, this.pointer);
    this.plot.replaceChildren(svg);
    this.point();
  }

  drawAxes(svg, [low, high], isLog) {
    const { x, y, width, height, left, right } = this.frame;
    for (const value of (isLog ? logTicks : linearTicks)(low, high, height / 50)) {
      svg.append(draw("line", { class: "grid", x1: 52, x2: width - 12, y1: y.at(value), y2: y.at(value) }),
        draw("text", { class: "tick", x: 46, y: y.at(value) + 4, "text-anchor": "end" }, tickText(value)));
    }
    for (const value of linearTicks(left, right, width / 90)) {
      svg.append(draw("line", { class: "grid", x1: x.at(value), x2: x.at(value), y1: 8, y2: height - 40 }),
        draw("text", { class: "tick", x: x.at(value), y: height - 24, "text-anchor": "middle" }, tickText(value)));
    }
    svg.append(draw("line", { class: "axis", x1: 52, x2: width - 12, y1: height - 40, y2: height - 40 }),
      draw("line", { class: "axis", x1: 52, x2: 52, y1: 8, y2: height - 40 }),
      draw("text", { class: "label", x: (52 + width - 12) / 2, y: height - 6, "text-anchor": "middle" },
        this.state.axes[this.state.axis] ?? ""));
  }

  drawSeries(one) {
    const { x, y, width } = this.frame;
    const { colour, dash } = look(this.state, one.setting, one.role);
    if (one.role === "level") {
      const at = y.at(one.lines[0].values[0]);
      return [draw("line", { class: "line level neutral", x1: 52, x2: width - 12, y1: at, y2: at }),
        draw("text", { class: "tick halo", x: width - 16, y: at - 5, "text-anchor": "end" }, one.label)];
    }
    const drawn = [];
    for (const line of one.lines) {
      const at = line.at[this.state.axis];
      if (!at) continue;
      const place = (column) => (index) => `${x.at(at[index]).toFixed(1)} ${y.at(column[index]).toFixed(1)}`;
      const there = at.map((_, index) => index).filter((index) => this.drawable(line.values[index]));
      if (line.low && line.high) {
        const inside = there.filter((index) => this.drawable(line.low[index]) && this.drawable(line.high[index]));
        const outline = [...inside.map(place(line.high)), ...inside.reverse().map(place(line.low))];
        if (outline.length) drawn.push(draw("path", { class: `band ${one.role} ${colour}`, d: `M${outline.join("L")}Z` }));
      }
      const points = there.map(place(line.values));
      if (!points.length) continue;
      drawn.push(draw("path", { class: `line ${one.role} ${colour}`, "stroke-dasharray": one.role === "mean" ? dash : "", d: `M${points.join("L")}` }));
      const dots = one.role === "published" || points.length === 1 ? points : [];
      drawn.push(...dots.map((point) => {
        const [cx, cy] = point.split(" ");
        return draw("circle", { class: `dot ${colour}`, cx, cy, r: one.role === "published" ? 2 : 3 });
      }));
      if (one.cross && line === one.lines.at(-1)) {
        const [cx, cy] = points.at(-1).split(" ").map(Number);
        drawn.push(draw("path", { class: `cross ${colour}`, d: `M${cx - 5} ${cy - 5}l10 10m0 -10l-10 10` }));
      }
    }
    return drawn;
  }

  drawable(value) {
    return value !== null && (!this.drawsLog || value > 0);
  }

  drawLegend() {
    const listed = this.shown.filter((one) => one.role === "mean" || one.role === "published");
    const crossed = this.shown.filter((one) => one.cross);
    this.legend.hidden = !this.block.wide;
    this.legend.replaceChildren(
      ...listed.map((one) => make("li", {}, mark(this.state, one.setting, one.role), one.label)),
      ...crossed.map((one) => make("li", {}, "× ", one.label)));
  }

  // The nearest point of each mean, by x.
  near(value) {
    return this.shown.filter((one) => one.role === "mean").flatMap((one) => {
      let best = null;
      for (const line of one.lines) {
        (line.at[this.state.axis] ?? []).forEach((at, index) => {
          const distance = Math.abs(at - value);
          if (line.values[index] !== null && (best === null || distance < best.distance)) {
            best = { one, at, value: line.values[index], low: line.low?.[index], high: line.high?.[index], distance };
          }
        });
      }
      return best ? [best] : [];
    });
  }

  // The cursor, its line, its dots, and what they say.
  point() {
    this.pointer.replaceChildren();
    if (this.cursor === null) {
      this.readout.textContent = "";
      return;
    }
    const { x, y, height, left, right } = this.frame;
    const near = this.near(this.cursor);
    if (!near.length) return;
    const at = near.reduce((a, b) => (b.distance < a.distance ? b : a)).at;
    if (at >= left && at <= right) {
      this.pointer.append(draw("line", { class: "cursor", x1: x.at(at), x2: x.at(at), y1: 8, y2: height - 40 }));
    }
    const told = [make("span", {}, `${this.state.axes[this.state.axis]} ${numberText(at)}: `)];
    for (const { one, at: place, value, low, high } of near) {
      const { colour } = look(this.state, one.setting);
      if (this.drawable(value) && place >= left && place <= right) {
        this.pointer.append(draw("circle", { class: `dot ${colour}`, cx: x.at(place), cy: y.at(value), r: 4 }));
      }
      const band = low === undefined || low === null || low === high ? "" : ` (${numberText(low)} to ${numberText(high)})`;
      told.push(make("span", { class: "value" }, mark(this.state, one.setting), `${one.label} `, make("b", {}, numberText(value)), band));
    }
    this.readout.replaceChildren(...told);
  }

  show(ends) {
    this.zoom = ends;
    this.render();
  }

  zoomBy(factor) {
    const extent = this.extent;
    if (!extent) return;
    const [left, right] = this.zoom ?? extent;
    const middle = this.cursor !== null && this.cursor >= left && this.cursor <= right ? this.cursor : (left + right) / 2;
    const ends = [Math.max(extent[0], middle + (left - middle) * factor), Math.min(extent[1], middle + (right - middle) * factor)];
    this.show(ends[0] <= extent[0] && ends[1] >= extent[1] ? null : ends);
  }

  toggleLog() {
    this.log = !this.drawsLog;
    this.render();
  }

  step(direction) {
    const all = this.shown.filter((one) => one.role === "mean").flatMap((one) => one.lines.flatMap((line) => line.at[this.state.axis] ?? []));
    const [left, right] = this.zoom ?? this.extent ?? [0, 0];
    const places = [...new Set(all)].filter((at) => at >= left && at <= right).sort((a, b) => a - b);
    if (!places.length) return;
    const beyond = direction > 0
      ? places.find((at) => this.cursor === null || at > this.cursor) ?? places.at(-1)
      : places.findLast((at) => this.cursor === null || at < this.cursor) ?? places[0];
    this.cursor = beyond;
    this.point();
  }

  listen() {
    new ResizeObserver(() => {
      if (this.plot.clientWidth !== this.width) {
        this.width = this.plot.clientWidth;
        this.render();
      }
    }).observe(this.plot);
    const place = (event) => event.clientX - this.plot.getBoundingClientRect().left;
    let start = null;
    this.plot.addEventListener("pointerdown", (event) => { start = place(event); });
    this.plot.addEventListener("pointermove", (event) => {
      if (!this.frame || !this.pointer?.isConnected) return;
      this.cursor = this.frame.x.of(place(event));
      this.point();
      if (start !== null && Math.abs(place(event) - start) > 4) {
        const [from, to] = [start, place(event)].sort((a, b) => a - b);
        this.pointer.append(draw("rect", { class: "chosen", x: from, y: 8, width: to - from, height: this.frame.height - 48 }));
      }
    });
    this.plot.addEventListener("pointerup", (event) => {
      const [from, to] = [start ?? 0, place(event)].sort((a, b) => a - b);
      const dragged = start !== null && to - from > 8;
      start = null;
      if (!dragged || !this.frame) return;
      const { x, left, right } = this.frame;
      this.show([Math.max(left, x.of(from)), Math.min(right, x.of(to))]);
    });
    for (const gone of ["pointerleave", "pointercancel"]) {
      this.plot.addEventListener(gone, (event) => {
        start = null;
        if (event.pointerType === "touch" || !this.pointer) return;
        this.cursor = null;
        this.point();
      });
    }
    this.plot.addEventListener("dblclick", () => this.show(null));
    const keys = {
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      "+": () => this.zoomBy(0.5), "=": () => this.zoomBy(0.5), "-": () => this.zoomBy(2),
      0: () => this.show(null), Escape: () => this.show(null),
    };
    this.plot.addEventListener("keydown", (event) => {
      const does = keys[event.key];
      if (!does || event.ctrlKey || event.metaKey || event.altKey || !this.pointer) return;
      event.preventDefault();
      does();
    });
    this.state.axisChanged.push(() => { this.zoom = null; this.cursor = null; });
  }

  // The same as a table, for those who do not see it: a row for each x, a column for each mean.
  tabulate() {
    if (!this.table.open || !this.block) return;
    const shown = this.shown.filter((one) => one.role === "mean" || one.role === "published");
    const rows = new Map();
    shown.forEach((one, column) => one.lines.forEach((line) => {
      (line.at[this.state.axis] ?? []).forEach((at, index) => {
        if (!rows.has(at)) rows.set(at, Array(shown.length).fill(""));
        const [low, high] = [line.low?.[index], line.high?.[index]];
        const band = low === undefined || low === null || low === high ? "" : ` (${numberText(low)} to ${numberText(high)})`;
        rows.get(at)[column] = numberText(line.values[index]) + band;
      });
    }));
    const ordered = [...rows].sort((a, b) => a[0] - b[0]);
    this.values.replaceChildren(tableOf({
      title: this.block.title,
      columns: [this.state.axes[this.state.axis] ?? "", ...shown.map((one) => one.label)],
      rows: ordered.map(([at, cells]) => [numberText(at), ...cells]),
      all: true,
    }));
  }
}
