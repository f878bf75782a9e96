// Pictures as SVG, built node by node: text from the server is only ever text.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  for (const c of children) if (c !== null && c !== undefined) e.append(c);
  return e;
}

function cut(text, most) {
  const letters = Array.from(text);
  return letters.length <= most ? text : letters.slice(0, most - 1).join("") + "…";
}

// Runs from left to right: duration upwards, rows below. Square roots, so that small ones stay visible beside large ones.
function timeline(runs, link, show) {
  const height = 90, below = 60, width = Math.max(320, runs.length * 12 + 60), left = 50;
  const step = Math.min(28, (width - left) / Math.max(1, runs.length));
  const took = r => Math.max(0, (r.finished || r.started) - r.started);
  const most = Math.max(1, ...runs.map(took)), rows = Math.max(1, ...runs.map(r => r.records));
  const picture = svg("svg", { width, height: height + below + 34, role: "group", "aria-label": "Runs: duration and records" });
  picture.append(svg("line", { x1: left, x2: width, y1: height + 8, y2: height + 8, class: "grid" }),
    svg("text", { x: 0, y: 16, class: "axis" }, show.duration(most)),
    svg("text", { x: 0, y: height + 12, class: "axis" }, "duration"),
    svg("text", { x: 0, y: height + below + 20, class: "axis" }, "records"),
    svg("text", { x: 0, y: height + below + 32, class: "axis" }, show.count(rows)));
  runs.forEach((r, i) => {
    const x = left + i * step, w = Math.max(3, step - 3);
    const up = Math.max(2, Math.sqrt(took(r) / most) * (height - 12));
    const down = Math.sqrt(r.records / rows) * (below - 6);
    const text = `run ${r.run}: ${r.outcome}, ${show.time(r.started)}, ${show.duration(took(r))}, ${show.count(r.records)} records`;
    picture.append(svg("a", { href: link(r), "aria-label": text }, svg("title", {}, text),
      svg("rect", { x, y: height + 8 - up, width: w, height: up, rx: 2, class: "bar " + (["done", "failed"].includes(r.outcome) ? r.outcome : "running") }),
      svg("rect", { x, y: height + 12, width: w, height: Math.max(r.records ? 2 : 0, down), rx: 2, class: "rows" })));
  });
  return picture;
}

// Topics, streams and tables, outputs: in columns by the longest way to them.
function flow(about) {
  const nodes = new Map(), edges = [];
  const node = (id, name, kind, extra) => nodes.set(id, { id, name, kind, extra, layer: 0, row: 0 });
  const writers = new Set(about.edges.map(e => e[1]));
  for (const s of about.sources) node("t:" + s.topic, s.topic, "topic", s.columns);
  for (const o of about.objects) node("o:" + o.name, o.name, o.table ? "table" : "stream", o.sql);
  for (const s of about.sources) if (!writers.has(s.object)) edges.push(["t:" + s.topic, "o:" + s.object]);
  for (const [from, to] of about.edges) edges.push(["o:" + from, "o:" + to]);
  for (const o of about.outputs) {
    if (o.lake) { node("l:" + o.name, o.name, "lake", o.table ? "snapshots" : "partitions"); edges.push(["o:" + o.name, "l:" + o.name]); }
    for (const w of o.warehouses) {
      const id = "w:" + w.warehouse + "/" + w.table;
      node(id, w.warehouse + "." + w.table, "warehouse", w.kind + ", " + w.guarantee);
      edges.push(["o:" + o.name, id]);
    }
  }
  const used = new Set(edges.flat());
  for (const id of nodes.keys()) if (!used.has(id)) nodes.delete(id);
  for (let round = 0; round < nodes.size; round++)
    for (const [a, b] of edges) if (nodes.has(a) && nodes.has(b)) nodes.get(b).layer = Math.max(nodes.get(b).layer, nodes.get(a).layer + 1);
  const last = Math.max(0, ...[...nodes.values()].map(n => n.layer));
  for (const n of nodes.values()) if (n.kind === "lake" || n.kind === "warehouse") n.layer = last;
  const W = 178, H = 40, GX = 54, GY = 16, layers = [];
  for (const n of nodes.values()) (layers[n.layer] = layers[n.layer] || []).push(n);
  for (let l = 0; l <= last; l++) {
    const middle = n => { const from = edges.filter(e => e[1] === n.id && nodes.has(e[0])).map(e => nodes.get(e[0]).row);
      return from.length ? from.reduce((a, b) => a + b, 0) / from.length : 0; };
    (layers[l] || []).map(n => [middle(n), n]).sort((a, b) => a[0] - b[0]).forEach(([, n], i) => { n.row = i; });
  }
  const tall = Math.max(1, ...layers.map(l => (l || []).length));
  const picture = svg("svg", { width: (last + 1) * (W + GX), height: tall * (H + GY) + 6, role: "img", "aria-label": "Data flow: topics, streams and tables, outputs" });
  const at = n => [n.layer * (W + GX) + 4, n.row * (H + GY) + 4];
  for (const [a, b] of edges) {
    if (!nodes.has(a) || !nodes.has(b)) continue;
    const [x1, y1] = at(nodes.get(a)), [x2, y2] = at(nodes.get(b)), p = x1 + W, q = (p + x2) / 2;
    picture.append(svg("path", { class: "edge", d: `M${p} ${y1 + H / 2} C${q} ${y1 + H / 2} ${q} ${y2 + H / 2} ${x2} ${y2 + H / 2}` }));
  }
  for (const n of nodes.values()) {
    const [x, y] = at(n);
    picture.append(svg("g", {}, svg("title", {}, n.name + "\n" + (n.extra || "")),
      svg("rect", { x, y, width: W, height: H, rx: 7, class: "node " + n.kind }),
      svg("text", { x: x + 9, y: y + 17 }, cut(n.name, 24)), svg("text", { x: x + 9, y: y + 32, class: "kind" }, cut(n.kind + (n.kind === "warehouse" ? ": " + n.extra : ""), 32))));
  }
  return picture;
}
