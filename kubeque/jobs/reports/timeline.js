// The timeline. It draws one bar for each attempt on a canvas. Times are milliseconds since `origin`.
"use strict";
(() => {
  const source = document.getElementById("timeline-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const box = document.getElementById("timeline");
  const canvas = box.querySelector("canvas");
  const tip = document.getElementById("tip");
  const spoken = document.getElementById("spoken");
  const choice = document.getElementById("by");
  const pen = canvas.getContext("2d");
  const wide = document.body.classList.contains("wide");
  const { start, ms, lead, trail, cause } = data.spans;
  const count = start.length;
  const first = count ? start.reduce((least, t, i) => Math.min(least, t - lead[i]), Infinity) : 0;
  const last = count ? start.reduce((most, t, i) => Math.max(most, t + ms[i] + trail[i]), 0) : 1;
  const shown = new Set(data.causes.map((_, i) => i));
  const fine = data.causes.indexOf("ok");
  const AXIS = 24, TALLEST = 26;
  let by = data.by, lanes = data.lanes[by];
  let colours = {}, width = 0, height = 0, gutter = 0;
  let t0 = 0, t1 = 1, y0 = 0, y1 = 1, picked = -1, waiting = false, all = true;

  // ---------------------------------------------------------------- the visible part
  const x = (t) => gutter + ((t - t0) / (t1 - t0)) * (width - gutter);
  const y = (lane) => AXIS + ((lane - y0) / (y1 - y0)) * (height - AXIS);
  const timeAt = (px) => t0 + ((px - gutter) / (width - gutter)) * (t1 - t0);
  const laneAt = (py) => y0 + ((py - AXIS) / (height - AXIS)) * (y1 - y0);

  function whole() {
    frame();
    redraw();
  }

  function frame() {
    all = true;
    const room = Math.max((last - first) * 0.01, 1);
    t0 = first - room; t1 = last + room;
    y0 = 0; y1 = Math.max(lanes.labels.length, (height - AXIS) / TALLEST);
  }

  function zoomTime(factor, at) {
    const widest = (last - first) * 1.1 + 2;
    const span = Math.min(Math.max((t1 - t0) * factor, 1), widest);
    t0 = at - ((at - t0) / (t1 - t0)) * span; t1 = t0 + span;
    pan(0, 0);
  }

  function zoomLanes(factor, at) {
    const most = Math.max(lanes.labels.length, (height - AXIS) / TALLEST);
    const span = Math.min(Math.max((y1 - y0) * factor, (height - AXIS) / TALLEST), most);
    y0 = at - ((at - y0) / (y1 - y0)) * span; y1 = y0 + span;
    pan(0, 0);
  }

  function pan(time, lane) {
    all = false;
    const room = (t1 - t0) * 0.5, most = Math.max(lanes.labels.length, (height - AXIS) / TALLEST);
    const dt = Math.min(Math.max(time, first - room - t0), last + room - t1);
    t0 += dt; t1 += dt;
    const dy = Math.max(Math.min(lane, most - y1), -y0);
    y0 += dy; y1 += dy;
    redraw();
  }

  // ---------------------------------------------------------------- drawing
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(`--${name}`).trim();
    colours = { paper: get("paper"), ink: get("ink"), soft: get("soft"), line: get("line"), staging: get("staging"), mark: get("mark") };
    colours.causes = data.causes.map((name) => get(`cause-${name}`));
  }

  function fit() {
    const size = box.getBoundingClientRect();
    width = Math.max(size.width - 2, 50);
    if (!wide) {
      const wanted = Math.min(Math.max(lanes.labels.length * 18 + AXIS + 8, 120), 420);
      canvas.style.height = `${wanted}px`;
    }
    height = wide ? Math.max(size.height - 2, 100) : parseFloat(canvas.style.height);
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = "12px system-ui, sans-serif";
    const longest = lanes.labels.reduce((most, label) => (label.length > most.length ? label : most), "");
    gutter = Math.min(pen.measureText(longest).width * 1.08 + 18, width * 0.28, 200);
  }

  function draw() {
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    drawAxis();
    const tall = y(1) - y(0), bar = Math.max(tall > 6 ? tall - 2 : tall * 0.9, 1.5), up = tall > 6 ? 1 : 0;
    pen.save();
    pen.beginPath(); pen.rect(gutter, AXIS, width - gutter, height - AXIS); pen.clip();
    // Attempts that are not ok are drawn last, so that the many ok attempts do not hide them.
    for (let n = 0; n < 2 * count; n += 1) {
      const i = n % count, end = start[i] + ms[i], lane = lanes.of[i], least = cause[i] === fine ? 1 : 2;
      if ((cause[i] === fine) !== (n < count)) continue;
      if (end + trail[i] < t0 || start[i] - lead[i] > t1 || lane < y0 - 1 || lane > y1) continue;
      const left = x(start[i]), right = x(end), top = y(lane) + up;
      if (lead[i] || trail[i]) {
        pen.fillStyle = colours.staging;
        if (lead[i]) pen.fillRect(x(start[i] - lead[i]), top + bar * 0.25, left - x(start[i] - lead[i]), bar * 0.5);
        if (trail[i]) pen.fillRect(right, top + bar * 0.25, x(end + trail[i]) - right, bar * 0.5);
      }
      const faint = !shown.has(cause[i]);
      if (faint) pen.globalAlpha = 0.12;
      pen.fillStyle = colours.causes[cause[i]];
      const long = Math.max(right - left - (right - left > 4 ? 0.75 : 0), least);
      pen.fillRect(left, top, long, bar);
      if (bar > 7 && cause[i] !== fine) { // distinguishable without colour
        pen.fillStyle = colours.mark;
        pen.fillRect(left, top + bar - 2.5, long, 2.5);
      }
      if (faint) pen.globalAlpha = 1;
    }
    if (picked >= 0) {
      pen.strokeStyle = colours.ink; pen.lineWidth = 2;
      const left = x(start[picked]);
      pen.strokeRect(left - 1, y(lanes.of[picked]) + up - 1, Math.max(x(start[picked] + ms[picked]) - left, 1) + 2, bar + 2);
    }
    pen.restore();
    drawLabels(tall);
  }

  function drawLabels(tall) {
    pen.fillStyle = colours.soft;
    pen.textAlign = "right";
    const every = Math.max(1, Math.ceil(14 / tall));
    for (let lane = Math.max(0, Math.ceil(y0 / every) * every); lane < Math.min(y1, lanes.labels.length); lane += every) {
      const middle = y(lane + 0.5);
      if (middle > AXIS + 4) pen.fillText(cut(lanes.labels[lane], gutter - 14), gutter - 8, middle);
    }
    pen.strokeStyle = colours.line; pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(gutter - 0.5, 0); pen.lineTo(gutter - 0.5, height); pen.stroke();
  }

  function cut(label, room) {
    if (pen.measureText(label).width <= room) return label;
    let text = label;
    while (text && pen.measureText(`${text}…`).width > room) text = text.slice(0, -1);
    return `${text}…`;
  }

  const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5];

  function drawAxis() {
    const fits = Math.max(2, Math.floor((width - gutter) / 90));
    const step = STEPS.find((s) => (t1 - t0) / s <= fits) ?? Math.ceil((t1 - t0) / fits / 864e5) * 864e5;
    pen.textAlign = "left"; pen.lineWidth = 1; pen.strokeStyle = colours.line; pen.fillStyle = colours.soft;
    for (let t = Math.ceil(t0 / step) * step; t <= t1; t += step) {
      const at = Math.round(x(t)) + 0.5;
      if (at < gutter) continue;
      pen.beginPath(); pen.moveTo(at, 0); pen.lineTo(at, height); pen.stroke();
      const said = duration(t, step);
      if (at + 4 + pen.measureText(said).width < width) pen.fillText(said, at + 4, AXIS / 2);
    }
  }

  function duration(t, step) {
    if (t < 0) return `−${duration(-t, step)}`;
    if (t === 0) return "0";
    if (t < 1000 && step < 1000) return `${t} ms`;
    const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3, s = t / 1000;
    if (s < 60) return `${s.toFixed(digits)} s`;
    const whole = Math.floor(s + 1e-9), parts = [[Math.floor(whole / 86400), "d"], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "min"], [whole % 60, "s"]];
    const from = parts.findIndex(([n]) => n);
    return parts.slice(from, from + 2).filter(([n]) => n).map(([n, unit]) => `${n} ${unit}`).join(" ");
  }

  // ---------------------------------------------------------------- one attempt as text
  const seconds = (value) => value >= 10000 ? duration(value, 1000) : `${Number((value / 1000).toPrecision(3))} s`;

  function words(i) {
    const s = data.spans, name = data.causes[cause[i]];
    const code = s.code[i] === null || name === "ok" ? "" : ` ${s.code[i]}`;
    const lines = [
      `${data.jobs[s.job[i]]}, task ${s.index[i]}, attempt ${s.attempt[i]}: ${name}${code}`,
      `ran ${seconds(ms[i])}, began ${new Date(data.origin + start[i]).toLocaleString()}`,
    ];
    if (s.staging[i] || s.saving[i]) lines.push(`bringing inputs ${seconds(s.staging[i])}, storing results ${seconds(s.saving[i])}`);
    lines.push(data.consumers[s.consumer[i]]);
    const row = s.row[i] >= 0 ? data.rows[s.row[i]] : [];
    row.forEach((value, c) => lines.push(`${data.columns[s.job[i]][c]} = ${value}`));
    return lines;
  }

  function pick(i, px, py) {
    if (i !== picked) { picked = i; redraw(); }
    tip.hidden = i < 0;
    if (i < 0) return;
    const [title, ...rest] = words(i);
    const head = document.createElement("strong");
    head.textContent = title;
    tip.replaceChildren(head, ...rest.flatMap((line, n) => (n ? [document.createElement("br"), line] : [line])));
    const room = box.getBoundingClientRect();
    tip.style.left = "0"; tip.style.top = "0";
    const size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, px + 14 + size.width > room.width ? px - 14 - size.width : px + 14)}px`;
    tip.style.top = `${Math.max(4, Math.min(py + 14, room.height - size.height - 6))}px`;
  }

  function spanAt(px, py) {
    if (px < gutter || py < AXIS) return -1;
    const slack = 3 * (t1 - t0) / (width - gutter), t = timeAt(px), at = laneAt(py);
    const thick = Math.max(0.5, 3 / (y(1) - y(0)));
    let best = -1, nearest = Infinity;
    for (let i = 0; i < count; i += 1) {
      const far = Math.abs(lanes.of[i] + 0.5 - at);
      if (far > thick || !shown.has(cause[i])) continue;
      const off = Math.max(start[i] - t, t - start[i] - ms[i], 0);
      if (off <= slack && off + far * 1e-3 < nearest) { best = i; nearest = off + far * 1e-3; }
    }
    return best;
  }

  function step(way) {
    let next = picked;
    do { next += way; } while (next >= 0 && next < count && !shown.has(cause[next]));
    if (next < 0 || next >= count) return;
    const middle = start[next] + ms[next] / 2;
    if (middle < t0 || middle > t1) pan(middle - (t0 + t1) / 2, 0);
    if (lanes.of[next] < y0 || lanes.of[next] + 1 > y1) pan(0, lanes.of[next] - (y0 + y1) / 2);
    pick(next, x(Math.min(Math.max(middle, t0), t1)), y(lanes.of[next]));
    spoken.textContent = words(next).join(", ");
  }

  // ---------------------------------------------------------------- mouse and keys
  const place = (event) => { const at = canvas.getBoundingClientRect(); return [event.clientX - at.left, event.clientY - at.top]; };
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = place(event); canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = place(event);
    if (held) {
      pan(timeAt(held[0]) - timeAt(px), laneAt(held[1]) - laneAt(py));
      held = [px, py];
    }
    pick(spanAt(px, py), px, py);
  });
  canvas.addEventListener("pointerup", () => { held = null; });
  canvas.addEventListener("pointerleave", () => { if (!held) pick(-1); });
  canvas.addEventListener("dblclick", whole);
  canvas.addEventListener("wheel", (event) => {
    if (!wide && !event.ctrlKey && !event.shiftKey) return; // inside a page the wheel scrolls the page
    event.preventDefault();
    const [px, py] = place(event), turn = event.deltaY || event.deltaX;
    const factor = Math.exp(Math.max(-100, Math.min(100, turn)) * 0.003);
    if (event.shiftKey) zoomLanes(factor, laneAt(py));
    else zoomTime(factor, timeAt(px));
  }, { passive: false });
  const middle = () => (t0 + t1) / 2;
  const keys = {
    "+": () => zoomTime(0.7, middle()), "=": () => zoomTime(0.7, middle()), "-": () => zoomTime(1.4, middle()),
    0: whole, Home: whole,
    ArrowLeft: () => pan(-(t1 - t0) * 0.1, 0), ArrowRight: () => pan((t1 - t0) * 0.1, 0),
    ArrowUp: () => pan(0, -(y1 - y0) * 0.1), ArrowDown: () => pan(0, (y1 - y0) * 0.1),
    "]": () => zoomLanes(0.7, (y0 + y1) / 2), "[": () => zoomLanes(1.4, (y0 + y1) / 2),
    n: () => step(1), p: () => step(-1), Escape: () => pick(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  document.getElementById("zoom-in").addEventListener("click", keys["+"]);
  document.getElementById("zoom-out").addEventListener("click", keys["-"]);
  document.getElementById("zoom-all").addEventListener("click", whole);
  choice.value = by;
  choice.addEventListener("change", () => { by = choice.value; lanes = data.lanes[by]; pick(-1); fit(); whole(); });
  for (const button of document.querySelectorAll("button[data-cause]")) {
    const i = data.causes.indexOf(button.dataset.cause);
    button.addEventListener("click", () => {
      if (!shown.delete(i)) shown.add(i);
      button.setAttribute("aria-pressed", String(shown.has(i)));
      redraw();
    });
  }
  const paper = (on) => { document.documentElement.classList.toggle("on-paper", on); readColours(); draw(); };
  window.addEventListener("beforeprint", () => paper(true));
  window.addEventListener("afterprint", () => paper(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
  new ResizeObserver(() => { // redraw immediately, because resizing clears the canvas
    fit();
    if (all) frame();
    draw();
  }).observe(box);
  readColours();
  fit();
  whole();
})();
