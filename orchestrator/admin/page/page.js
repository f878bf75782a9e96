// The daemon's page. No framework; every text goes through the DOM as text, never as markup.
"use strict";

const main = document.getElementById("main"), fresh = document.getElementById("fresh");
const dialog = document.getElementById("confirm");
let timer = 0, shown = 0;

// --- small things ----------------------------------------------------------------------------------------------------

function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k === "on") for (const [event, f] of Object.entries(v)) e.addEventListener(event, f);
    else if (v === true) e.setAttribute(k, "");
    else if (v !== false && v !== null && v !== undefined) e.setAttribute(k, v);
  }
  for (const c of children.flat()) if (c !== null && c !== undefined) e.append(c);
  return e;
}

const show = {
  count: n => n === null || n === undefined ? "?" : Number(n).toLocaleString("en-US"),
  time: ms => ms ? new Date(ms).toISOString().slice(0, 19).replace("T", " ") + " UTC" : "never",
  size: n => { const units = ["B", "kB", "MB", "GB", "TB"]; let i = 0; while (n >= 1000 && i < 4) { n /= 1000; i++; } return (i ? n.toFixed(1) : n) + " " + units[i]; },
  duration: ms => ms < 1000 ? Math.round(ms) + " ms" : ms < 120000 ? (ms / 1000).toFixed(1) + " s" : ms < 7200000 ? Math.round(ms / 60000) + " min" : (ms / 3600000).toFixed(1) + " h",
  ago: ms => ms ? (ms > Date.now() ? "in " + show.duration(ms - Date.now()) : show.duration(Date.now() - ms) + " ago") : "never",
};

function age(ms) { return el("time", { datetime: ms ? new Date(ms).toISOString() : null, title: show.time(ms) }, show.ago(ms)); }
function to(...parts) { return "#/" + parts.map(encodeURIComponent).join("/"); }
function section(title, ...children) { return el("section", {}, el("h2", {}, title), ...children); }
function facts(list) { return el("dl", { class: "facts" }, list.map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v)))); }

function table(heads, rows, numbers) {
  return el("div", { class: "scroll" }, el("table", { class: "cards" },
    el("thead", {}, el("tr", {}, heads.map((h, i) => el("th", { scope: "col", class: (numbers || []).includes(i) ? "number" : null }, h)))),
    el("tbody", {}, rows.map(r => el("tr", {}, r.map((c, i) => el("td", { "data-label": heads[i], class: (numbers || []).includes(i) ? "number" : null }, c === "" ? null : c)))))));
}

// --- asking the daemon -----------------------------------------------------------------------------------------------

class Refused extends Error {}

async function ask(path, body) {
  const token = sessionStorage.getItem("token");
  const options = { headers: { Authorization: "Bearer " + (token || "") }, cache: "no-store" };
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  const answer = await fetch(path, options);
  if (answer.status === 401) throw new Refused("token");
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || answer.statusText);
  return value;
}

function login(wrong) {
  const input = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true, size: 40 });
  main.replaceChildren(el("h1", {}, "Token"), el("section", {},
    el("p", {}, "The daemon keeps it in ", el("code", {}, "<state>/_daemon/token"), ", unless the configuration has one."),
    wrong ? el("p", { class: "bad", role: "alert" }, "That token is not the daemon's.") : null,
    el("form", { class: "actions", on: { submit: e => { e.preventDefault(); sessionStorage.setItem("token", input.value.trim()); go(); } } },
      el("label", { for: "token" }, "Token", input), el("button", { class: "strong" }, "Open"))));
  input.focus();
}

// Its answer comes from the buttons, not from the dialog's close event: that is told later, maybe when the next is open.
let asking = null;
function answered(yes) {
  const done = asking;
  asking = null;
  if (dialog.open) dialog.close();
  if (done) done(yes);
}

function confirm(title, content, yes) {
  answered(false);
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").replaceChildren(...[content].flat());
  document.getElementById("confirm-yes").textContent = yes;
  dialog.showModal();
  return new Promise(done => { asking = done; });
}

function failed(e) { return el("p", { class: "error bad", role: "alert" }, e.message); }

async function act(job, what, question, body) {
  if (!await confirm(question.title, question.text, question.yes)) return;
  try { await ask(`api/jobs/${encodeURIComponent(job)}/${what}`, body || {}); go(); } catch (e) { main.prepend(failed(e)); }
}

// --- jobs ------------------------------------------------------------------------------------------------------------

function stateOf(j) {
  if (j.running) {
    const r = j.running;
    return el("span", { class: "busy" }, `${r.phase} `, r.records_total ? el("progress", { max: r.records_total, value: r.records, "aria-label": "records read" }) : null);
  }
  const kinds = { idle: "good", paused: "warn", retrying: "bad", waiting: "busy", command: "busy" };
  return el("span", { class: j.failures && j.state !== "paused" ? "bad" : kinds[j.state] || "" }, j.failures ? `${j.state}, ${j.failures} failed` : j.state);
}

function lagOf(j) {
  return j.lag === null ? el("span", { class: "dim" }, "?") : el("span", { title: "measured " + show.ago(j.lag_at), class: j.lag ? "warn" : "good" }, show.count(j.lag));
}

async function jobsPage() {
  const jobs = await ask("api/jobs");
  const rows = jobs.map(j => [el("a", { href: to("job", j.job) }, j.job), stateOf(j), lagOf(j), age(j.last_success),
    j.next ? age(j.next) : "", j.schedule, j.undelivered_since ? el("span", { class: "bad" }, "undelivered since ", age(j.undelivered_since), j.undelivered_to ? ` to ${j.undelivered_to}: ${show.count(j.undelivered_batches)} batches` : "") : ""]);
  return [el("h1", {}, "Jobs"), section(`${jobs.length} job${jobs.length === 1 ? "" : "s"}`,
    table(["Job", "State", "Lag", "Last success", "Next run", "Schedule", "Note"], rows, [2]))];
}

function actions(j) {
  const pause = j.paused ? "resume" : "pause";
  const field = (id, text, hint) => el("label", { for: id }, text, el("input", { id, placeholder: hint, size: 22 }));
  const backfill = async () => {
    const body = {};
    for (const id of ["from", "to", "batch"]) { const v = document.getElementById("b-" + id).value.trim(); if (v) body[id] = v; }
    try {
      const lines = await ask(`api/jobs/${encodeURIComponent(j.job)}/backfill`, { ...body, dry_run: true });
      await act(j.job, "backfill", { title: `Replace what ${j.job} wrote?`, text: el("pre", {}, lines.join("\n")), yes: "Backfill" }, body);
    } catch (e) { main.prepend(failed(e)); }
  };
  return section("Actions", el("div", { class: "actions" },
    el("button", { id: "run", on: { click: () => act(j.job, "run", { title: `Run ${j.job} now?`, text: "It takes the backlog up to the ends of now.", yes: "Run" }) } }, "Run now"),
    el("button", { id: "pause", on: { click: () => act(j.job, pause, { title: `${j.paused ? "Resume" : "Pause"} ${j.job}?`, text: j.paused ? "It runs again from its next time on." : "It does not run by itself until it is resumed.", yes: j.paused ? "Resume" : "Pause" }) } }, j.paused ? "Resume" : "Pause")),
    el("form", { class: "actions", on: { submit: e => { e.preventDefault(); backfill(); } } },
      field("b-from", "Backfill from", "2025-10-01T00:00:00Z"), field("b-to", "to", "2025-10-02T00:00:00Z"), field("b-batch", "or batches", "3..7"),
      el("button", { id: "backfill" }, "Look")),
    j.command && j.command.text ? el("pre", {}, j.command.text) : null);
}

async function jobPage(name) {
  const base = "api/jobs/" + encodeURIComponent(name);
  const [j, runs, dead] = await Promise.all([ask(base), ask(base + "/runs?limit=100"), ask(base + "/dead?limit=20")]);
  const parts = [el("h1", {}, name), section("Now", facts([["State", stateOf(j)], ["Lag", lagOf(j)], ["Last success", age(j.last_success)],
    ["Next run", j.next ? age(j.next) : "–"], ["Schedule", j.schedule], ["Order", j.about ? j.about.order : "?"]]),
    j.last && !j.last.ok ? el("p", { class: "error bad" }, j.last.error.text, j.last.error.hint ? "\n" + j.last.error.hint : "") : null), actions(j)];
  const newest = runs.slice(0, 25), link = r => to("job", name, "run", r.run);
  parts.push(section("Runs", runs.length ? el("div", { class: "scroll" }, timeline([...runs].reverse(), link, show)) : el("p", { class: "dim" }, "It never ran."),
    runs.length ? table(["Run", "Started", "Took", "Outcome", "Records", "Dead", "Lake rows", "Warehouse rows"], newest.map(r =>
      [el("a", { href: link(r) }, String(r.run)), show.time(r.started), show.duration(r.finished - r.started),
        el("span", { class: r.outcome === "done" ? "good" : r.outcome === "failed" ? "bad" : "busy", title: r.error || null }, r.outcome),
        show.count(r.records), show.count(r.dead), show.count(r.lake_rows), show.count(r.warehouse_rows)]), [4, 5, 6, 7]) : null));
  if (j.about) parts.push(section("Data flow", el("div", { class: "scroll", tabindex: "0", "aria-label": "Data flow, scrolls" }, flow(j.about))));
  parts.push(section("Dead letters", dead.length ? table(["Topic", "Partition", "Offset", "Reason", "Value"], dead.map(d =>
    [d.topic ?? `${d.warehouse}/${d.table}`, String(d.partition ?? ""), String(d.offset ?? `batch ${d.batch}`), d.reason,
      d.row !== undefined ? cut(JSON.stringify(d.row ?? d.key), 200) : d.value !== undefined ? cut(String(d.value), 200) : d.value_base64 ? cut("base64 " + d.value_base64, 200) : "not kept"]))
    : el("p", { class: "dim" }, "None.")));
  return parts;
}

// --- one run ---------------------------------------------------------------------------------------------------------

function receipt(b) {
  const files = b.manifest && b.manifest.files || [];
  return section(`Batch ${b.batch} (${b.kind})`,
    table(["Topic", "From", "To", "Decoded", "Null", "Dead", "Absent", "Lost"], (b.ranges || []).map(r =>
      [`${r.topic}/${r.partition}`, String(r.start), String(r.end), show.count(r.decoded), show.count(r.null), show.count(r.dead), show.count(r.absent), show.count(r.lost)]), [1, 2, 3, 4, 5, 6, 7]),
    files.length ? table(["File", "Rows", "Size"], files.slice(0, 200).map(f => [f.path, show.count(f.rows), show.size(f.bytes)]), [1, 2]) : null,
    (b.targets || []).length ? table(["Table", "Upserts", "Deletes", "Rows"], b.targets.map(t => [`${t.warehouse}.${t.table}`, show.count(t.upserts), show.count(t.deletes), show.count(t.rows)]), [1, 2, 3]) : null,
    el("details", {}, el("summary", {}, "The whole receipt"), el("pre", {}, JSON.stringify(b, null, 2))));
}

async function runPage(name, run) {
  const [r, ...batches] = await ask(`api/jobs/${encodeURIComponent(name)}/runs/${encodeURIComponent(run)}`);
  return [el("h1", {}, el("a", { href: to("job", name) }, name), ` run ${run}`),
    section("Run", facts([["Outcome", el("span", { class: r.outcome === "done" ? "good" : "bad" }, r.outcome)], ["Started", show.time(r.started)],
      ["Took", show.duration(r.finished - r.started)], ["Records", show.count(r.records)], ["Batches", show.count(batches.length)], ["Dead letters", show.count(r.dead)]]),
      r.error ? el("p", { class: "error bad" }, r.error) : null),
    ...batches.map(receipt), batches.length ? null : section("Receipts", el("p", { class: "dim" }, "Nothing new was there: no batch."))];
}

// --- the lake --------------------------------------------------------------------------------------------------------

async function lakePage() {
  const all = await ask("api/lake"), largest = Math.max(1, ...all.map(p => p.bytes));
  return [el("h1", {}, "Lake"), section(`${all.length} partition${all.length === 1 ? "" : "s"}`,
    all.length ? table(["Output", "Partition", "Rows", "Size", "", "Files"], all.map(p =>
      [`${p.kind}s/${p.output}`, el("a", { href: to("lake", p.output, p.partition) }, p.partition || "(all)"), show.count(p.rows), show.size(p.bytes),
        el("progress", { max: largest, value: p.bytes, "aria-hidden": "true" }), show.count(p.files)]), [2, 3, 5]) : el("p", { class: "dim" }, "Nothing was published."))];
}

async function rowsPage(output, partition) {
  const lines = await ask(`api/lake/${encodeURIComponent(output)}?limit=25` + (partition ? "&partition=" + encodeURIComponent(partition) : ""));
  let rows = null;
  try { rows = lines.map(l => JSON.parse(l)); } catch { /* not JSON lines: shown as they are */ }
  const heads = rows && rows.length ? [...new Set(rows.flatMap(r => Object.keys(r)))] : [];
  const cell = v => v === null || v === undefined ? "" : typeof v === "object" ? JSON.stringify(v) : String(v);
  return [el("h1", {}, el("a", { href: "#/lake" }, "Lake"), ` ${output} ${partition || ""}`), section("Sample",
    heads.length ? table(heads, rows.map(r => heads.map(h => cell(r[h])))) : el("pre", {}, lines.join("\n") || "no rows"))];
}

// --- which page ------------------------------------------------------------------------------------------------------

function pageOf(parts) {
  if (parts[0] === "job" && parts[2] === "run") return { page: "jobs", load: () => runPage(parts[1], parts[3]) };
  if (parts[0] === "job") return { page: "jobs", load: () => jobPage(parts[1]), again: 10000 };
  if (parts[0] === "lake" && parts[1]) return { page: "lake", load: () => rowsPage(parts[1], parts[2]) };
  if (parts[0] === "lake") return { page: "lake", load: lakePage };
  return { page: "jobs", load: jobsPage, again: 3000 };
}

async function draw(quiet) {
  const mine = ++shown, parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  const p = pageOf(parts);
  clearTimeout(timer);
  for (const a of document.querySelectorAll("nav a")) a.dataset.page === p.page ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
  try {
    const content = (await p.load()).filter(Boolean);
    if (mine !== shown) return;
    main.replaceChildren(...content);
    if (!quiet) main.focus({ preventScroll: true });
    fresh.textContent = "as of " + new Date().toISOString().slice(11, 19) + " UTC";
  } catch (e) {
    if (mine !== shown) return;
    if (e instanceof Refused) { login(sessionStorage.getItem("token") !== null); return; }
    if (quiet) fresh.textContent = "the daemon does not answer";
    else main.replaceChildren(failed(e));
  }
  if (p.again) timer = setTimeout(refresh, p.again);
}

// Not while somebody reads a dialog, types, or works with the keyboard inside of the page.
function refresh() {
  const busy = dialog.open || document.hidden || (main.contains(document.activeElement) && document.activeElement !== main);
  if (busy) timer = setTimeout(refresh, 1000);
  else draw(true);
}

function go() { draw(false); }

document.getElementById("confirm-no").addEventListener("click", () => answered(false));
document.getElementById("confirm-yes").addEventListener("click", () => answered(true));
dialog.addEventListener("close", () => { if (!dialog.open) answered(false); }); // Escape
const given = /^#token=(.+)$/.exec(location.hash);
if (given) { sessionStorage.setItem("token", decodeURIComponent(given[1])); history.replaceState(null, "", "#/"); }
addEventListener("hashchange", go);
go();
