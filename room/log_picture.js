// The picture of the log (room/log_picture.py): one lane a partition, newest on the right.
// Text is only ever set as textContent or as an attribute, never as HTML.

const WIDTH = 46; // of a cell, in pixels
const MOST_CELLS = 40; // a lane
const UNMOVED = { preventScroll: true }; // a cell in focus does not push the lane aside
const FLASH = 4000; // milliseconds for which a marker that has changed hands stands out

const make = (kind, name, parent) => {
  const element = document.createElement(kind);
  element.className = name;
  parent?.append(element);
  return element;
};
const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

export default {
  template: '<div role="region" aria-label="the log, partition by partition"></div>',
  mounted() {
    this.clear();
    // The record under the pointer when it went down, though the cells move on meanwhile.
    this.$el.addEventListener("pointerdown", (event) => {
      this.pressed = event.target.closest?.(".cell")?.dataset;
    });
    this.$el.addEventListener("click", (event) => {
      const cell = event.detail ? this.pressed : event.target.closest?.(".cell")?.dataset;
      if (cell?.offset) this.$emit("inspect", [Number(cell.partition), Number(cell.offset)]);
    });
    this.$el.addEventListener("keydown", (event) => this.press(event));
  },
  methods: {
    clear() {
      this.$el.replaceChildren();
      this.lanes = new Map();
      this.notes = make("div", "lane-notes muted", this.$el);
    },
    update(picture) {
      for (const changed of picture.lanes) {
        const lane = this.lane(changed.partition);
        lane.known = { ...lane.known, cells: [], ...changed }; // only what is new is sent
        this.draw(lane, { ...lane.known, seconds: [...(lane.known.seconds || [])] });
      }
      for (const [partition, offset, kind] of picture.marks) {
        const cell = this.lanes.get(partition)?.cells.get(offset);
        if (cell) {
          cell.classList.add("marked");
          cell.title += ` (${kind})`;
        }
      }
      put(this.notes, picture.notes.join("\n"));
    },
    highlight(partition) {
      for (const [number, lane] of this.lanes) {
        lane.root.classList.toggle("chosen", number === partition);
      }
    },
    // Tab stops once a lane, at its newest cell; arrows go on from there.
    press(event) {
      const step = {
        ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
      }[event.key];
      const lane = this.lanes.get(Number(event.target.dataset?.partition));
      if (!step || !event.target.classList.contains("cell")) return;
      event.preventDefault();
      const numbers = [...this.lanes.keys()].sort((one, other) => one - other);
      const to = this.lanes.get(numbers[numbers.indexOf(lane.number) + step[0]]);
      const newest = to && Math.max(...to.cells.keys());
      const offset = to === lane ? Number(event.target.dataset.offset) + step[1] : newest;
      const cell = to?.cells.get(offset);
      if (!cell?.classList.contains("cell")) return;
      const left = cell.parentElement.parentElement.getBoundingClientRect().left;
      if (cell.getBoundingClientRect().left >= left) this.point(to, cell).focus(UNMOVED);
    },
    newest(lane) {
      return this.point(lane, lane.cells.get(Math.max(...lane.cells.keys())));
    },
    point(lane, cell) {
      if (lane.stop) lane.stop.tabIndex = -1;
      lane.stop = cell;
      cell.tabIndex = 0;
      return cell;
    },
    lane(number) {
      if (!this.lanes.has(number)) {
        const root = make("div", "lane");
        this.notes.before(root);
        root.dataset.partition = number;
        const row = make("div", "lane-row", root);
        const head = make("div", "lane-head", row);
        make("b", "", head).textContent = `partition ${number}`;
        const kept = make("div", "lane-kept muted", head);
        const track = make("div", "lane-track", row);
        const strip = make("div", "lane-strip", track); // it moves as a whole, which is cheap
        const markers = make("div", "lane-markers", root);
        const state = { number, root, kept, strip, markers, cells: new Map(), rows: new Map() };
        this.lanes.set(number, state);
      }
      return this.lanes.get(number);
    },
    draw(lane, now) {
      put(lane.kept, now.kept || "");
      lane.root.classList.toggle("lost", Boolean(now.lost));
      lane.root.classList.toggle("thin", Boolean(now.thin));
      lane.root.classList.toggle("band", now.band);
      lane.root.dataset.end = now.end;
      if (now.band !== lane.band) {
        for (const cell of lane.cells.values()) cell.remove();
        lane.cells.clear();
        lane.band = now.band;
        lane.base = now.band ? 0 : now.end; // the offset at the strip's left end
        lane.strip.style.transform = "";
      }
      if (now.band) this.drawSeconds(lane, now);
      else this.drawCells(lane, now);
      this.drawMarkers(lane, now);
    },
    drawCells(lane, now) {
      for (const [offset, colour, letters, say, kind] of now.cells) {
        if (lane.cells.has(offset)) continue;
        if (offset < now.end - MOST_CELLS) continue;
        const cell = make("button", `cell ${kind}`, lane.strip);
        cell.type = "button";
        cell.tabIndex = -1;
        cell.dataset.partition = lane.number;
        cell.dataset.offset = offset;
        cell.style.left = `${(offset - lane.base) * WIDTH}px`;
        cell.title = `offset ${offset}: ${say}`;
        cell.setAttribute("aria-label", `partition ${lane.number}, ${cell.title}`);
        const box = make("span", "cell-box", cell);
        box.style.background = colour;
        box.textContent = letters;
        make("span", "cell-offset", cell).textContent = offset;
        lane.cells.set(offset, cell);
      }
      for (const [offset, cell] of lane.cells) {
        if (offset < now.end - MOST_CELLS) {
          if (cell === document.activeElement) this.newest(lane)?.focus(UNMOVED);
          cell.remove();
          lane.cells.delete(offset);
        }
      }
      if (lane.cells.size && !lane.strip.contains(document.activeElement)) this.newest(lane);
      lane.strip.style.transform = `translateX(${-(now.end - lane.base) * WIDTH}px)`;
    },
    drawSeconds(lane, now) {
      const most = Math.max(...now.seconds.map((second) => second[1]), 1);
      const shown = new Set();
      now.seconds.reverse().forEach(([time, count, first, last], index) => {
        shown.add(time);
        let bar = lane.cells.get(time);
        if (!bar) {
          bar = make("div", "bar", lane.strip);
          make("span", "bar-count", bar);
          make("span", "bar-box", bar);
          make("span", "cell-offset", bar);
          lane.cells.set(time, bar);
        }
        bar.title = `${count} records in a second, offsets ${first} to ${last}`;
        put(bar.children[0], String(count));
        bar.children[1].style.height = `${Math.max(2, (20 * count) / most)}px`;
        put(bar.children[2], String(last));
        bar.style.left = `${-(index + 1) * WIDTH}px`;
      });
      for (const [time, bar] of lane.cells) {
        if (!shown.has(time)) {
          bar.remove();
          lane.cells.delete(time);
        }
      }
    },
    // How far left of the end an offset lies, in pixels. (The seconds are newest first by now.)
    distance(now, offset) {
      if (!now.band) return Math.max(now.end - offset, 0) * WIDTH;
      let left = 0;
      for (const [, count, first, last] of now.seconds) {
        if (offset > last) return left;
        if (offset >= first) return left + (WIDTH * (last + 1 - offset)) / Math.max(count, 1);
        left += WIDTH;
      }
      return Infinity;
    },
    drawMarkers(lane, now) {
      const shown = new Set();
      for (const marker of now.markers || []) {
        const row = this.markerRow(lane, marker.group);
        row.root.style.order = shown.size; // groups with members come first
        shown.add(marker.group);
        if (row.member !== undefined && row.member !== marker.member) {
          row.root.classList.add("moved");
          clearTimeout(row.timer);
          row.timer = setTimeout(() => row.root.classList.remove("moved"), FLASH);
        }
        row.member = marker.member;
        const { group, member } = marker;
        put(row.name, member.startsWith("(") ? `${group} ${member}` : `${member} · ${group}`);
        row.name.title = row.name.textContent;
        row.name.style.borderLeftColor = marker.colour;
        const lag = marker.lag === null ? "" : `lag ${marker.lag.toLocaleString("en")}`;
        put(row.lag, lag);
        const far = this.distance(now, marker.at ?? now.end);
        const distance = Math.min(far, row.track.clientWidth - 20);
        row.line.style.width = `${Math.max(distance, 0)}px`;
        row.line.style.background = marker.colour;
        row.line.classList.toggle("beyond", far > distance);
        row.tip.style.transform = `translateX(${-Math.max(distance, 0)}px)`;
        row.tip.style.color = marker.colour;
        row.root.dataset.group = marker.group;
        row.root.dataset.lag = marker.lag ?? "";
        row.tip.hidden = row.line.hidden = marker.at === null;
        const at = marker.at === null ? "" : `at ${marker.at}`;
        put(row.note, [at, marker.note].filter(Boolean).join(": "));
        row.note.classList.toggle("explains", Boolean(marker.note));
      }
      for (const [group, row] of lane.rows) {
        if (!shown.has(group)) {
          row.root.remove();
          lane.rows.delete(group);
        }
      }
    },
    markerRow(lane, group) {
      if (!lane.rows.has(group)) {
        const root = make("div", "lane-row marker", lane.markers);
        const head = make("div", "lane-head marker-head", root);
        const row = { root, name: make("span", "marker-name", head) };
        row.lag = make("span", "marker-lag", head);
        row.track = make("div", "marker-track", root);
        row.line = make("div", "marker-line", row.track);
        row.tip = make("div", "marker-tip", row.track);
        row.tip.textContent = "▲";
        row.note = make("div", "marker-note", row.track);
        lane.rows.set(group, row);
      }
      return lane.rows.get(group);
    },
  },
};
