// The page: shows what the server knows and sends what was clicked. Everything is computed on the other side.

const $ = (id) => document.getElementById(id);
const STEPS = ["sheet", "train", "draw", "look", "home"];
const SVG = ["svg", "path", "circle", "line", "text", "title"];
let state = {};

/** An element with properties (data-, aria- and SVG's as attributes) and children. */
function el(tag, properties = {}, ...children) {
  const svg = SVG.includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (svg || key.includes("-") || key === "role") node.setAttribute(key, value);
    else if (key === "style") Object.assign(node.style, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const plain = (name) => name.replaceAll("_", " ");
const link = (step, text) => el("a", { href: `#${step}` }, text);

/** Where the pointer is on a node, in units of which it is so many wide and high. */
function pointOn(node, event, width, height) {
  const box = node.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
}

function complain(text) {
  $("message").hidden = !text;
  $("message").textContent = text;
}

/** What the server answers; its one line of complaint is thrown. */
async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: body instanceof Blob ? body : JSON.stringify(body) };
  const response = await fetch(path, options).catch(() => {
    throw new Error("The page's program does not answer. Start it again: python -m toolkit page");
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer?.error || `The page answered ${response.status}. Reload it.`);
  return answer;
}

/** Do what was asked for, its button disabled meanwhile; what goes wrong is said at the top. */
async function attempt(work, button = null) {
  const focused = document.activeElement;
  complain("");
  if (button) button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (error.constructor !== Error) throw error; // a mistake of this script
    complain(error.message);
  } finally {
    if (button) button.disabled = false;
    if (document.activeElement === document.body) focused?.focus({ preventScroll: true });
  }
}

const press = (id, work) => { $(id).onclick = () => attempt(work, $(id)); };

function submit(form, work) {
  const button = form.querySelector("button:not([type=button])");
  form.onsubmit = (event) => { event.preventDefault(); attempt(work, button); };
  return form;
}

/** The choices of a select, which keeps its value where that is still among them. */
function choices(select, pairs, usual = select.value) {
  select.replaceChildren(...pairs.map(([value, text]) => el("option", { value, selected: value === usual }, text)));
}

// ---- 1 Sheet -----------------------------------------------------------------------------------------------------

const sheet = { id: "new", corrections: [], found: null, turn: Promise.resolve() };

/** Work on the photos, one piece after the other: two answers that cross would show what is no longer so. */
const inTurn = (work) => { sheet.turn = sheet.turn.catch(() => {}).then(work); return sheet.turn; };

const upload = (files) => attempt(() => inTurn(async () => {
  const refused = [];
  for (const [i, file] of files.entries()) {
    $("reading").textContent = `Sending photo ${i + 1} of ${files.length} …`;
    await ask(`sheets/${sheet.id}/photos`, file).then(took, (error) => refused.push(`${file.name || "The photo"}: ${error.message}`));
  }
  $("reading").textContent = "";
  if (sheet.corrections.length) await readSheet();
  if (refused.length) throw new Error(refused.join(" "));
}));

function took(added) {
  if (added.sheet !== sheet.id) Object.assign(sheet, { id: added.sheet, corrections: [] }); // the program was started again
  while (sheet.corrections.length < added.photos) sheet.corrections.push({ out: {}, label: {}, add: [] });
}

const asked = () => ({
  rows: $("rows").value, digit: $("digit").value, per_class: $("per-class").value,
  corrections: sheet.corrections.map(({ out, label, add }) => ({ skip: Object.keys(out), label, add })),
});

async function readSheet() {
  $("reading").textContent = "Reading, which takes some seconds …";
  $("make").disabled = $("preview").disabled = true;
  try {
    sheet.found = await ask(`sheets/${sheet.id}`, asked());
  } catch (error) {
    $("reading").textContent = "";
    throw error;
  }
  const { photos, ready, reason, exist } = sheet.found;
  took({ sheet: sheet.id, photos: photos.length });
  const frames = photos.flatMap((photo) => photo.frames);
  const doubts = frames.filter((frame) => frame.doubt).length;
  const wrong = photos.flatMap((photo, i) => photo.complaints.map((text) => (photos.length > 1 ? `photo ${i + 1}: ${text}` : text)));
  $("reading").textContent = ready
    ? `${frames.length} found, as promised. ${doubts ? `${doubts} doubtful, in orange: look at them, then make the sets.` : "None is doubtful: make the sets."}`
    : `${frames.length} found. Not right yet: ${wrong.slice(0, 3).join("; ") || reason}${wrong.length > 3 ? `; and ${wrong.length - 3} more` : ""}`;
  if (!ready) $("rows").closest("details").open = true;
  $("how-to-correct").hidden = $("sheet-make").hidden = false;
  $("make").disabled = $("preview").disabled = !ready;
  $("aside").textContent = exist.length ? "The sets that exist will be put aside, not deleted." : "";
  $("sets").replaceChildren();
  $("found").replaceChildren(...photos.map(drawPhoto));
}

/** Correct a photo and have it read again; what the server refuses is taken back. */
const correct = (number, change, place) => attempt(() => inTurn(async () => {
  const before = structuredClone(sheet.corrections);
  change(sheet.corrections[number]);
  try {
    await readSheet();
  } catch (error) {
    sheet.corrections = before;
    await readSheet();
    throw error;
  }
  // the photo was drawn anew: who works by keyboard stands where they were
  $("found").children[number].querySelector(`[data-place="${place}"]`)?.focus({ preventScroll: true });
}));

function drawPhoto(photo, number) {
  const at = ([left, top, right, bottom]) => ({
    left: `${(100 * left) / photo.width}%`, top: `${(100 * top) / photo.height}%`,
    width: `${(100 * (right - left)) / photo.width}%`, height: `${(100 * (bottom - top)) / photo.height}%`,
  });
  const editor = el("div", { className: "editor" });
  const image = el("img", { src: `sheets/${sheet.id}/${number}?${Date.now()}`, alt: `photo ${number + 1}, upright`, draggable: false });
  const board = el("div", { className: "photo" }, image);
  const frameOn = (box, kind, said, label = "", place = "") => board.appendChild(
    el("button", { type: "button", className: `frame ${kind}`, style: at(box), title: said, "aria-label": said, "data-place": place }, label && el("span", {}, label)));
  for (const frame of photo.frames) {
    const said = `${frame.place}: ${frame.label}${frame.doubt ? `, ${frame.doubt}` : ""}`;
    const button = frameOn(frame.box, frame.wrong ? "wrong" : frame.doubt ? "doubt" : "", said, frame.label, frame.place);
    button.onclick = () => edit(button, frame);
  }
  // left out by hand, or what a model takes for no digit: either can be taken in again
  const byHand = Object.entries(sheet.corrections[number].out);
  for (const box of photo.left_out) {
    const [place] = byHand.find(([, own]) => String(own) === String(box)) || [""];
    const button = frameOn(box, "out", `${place ? `${place}, left out` : "no digit, a model thinks"}: press to take it in`, "out", place);
    button.onclick = () => correct(number, (own) => { if (place) delete own.out[place]; else own.add.push(box); }, place);
  }

  function edit(button, frame) {
    board.querySelectorAll("[aria-pressed]").forEach((other) => other.removeAttribute("aria-pressed"));
    button.setAttribute("aria-pressed", "true");
    const name = el("input", { value: frame.label, size: 4, autocomplete: "off", "aria-label": `class of ${frame.place}` });
    const leave = el("button", { type: "button" }, "Leave out");
    const close = el("button", { type: "button" }, "Close");
    const form = submit(el("form", { className: "bar" }, `Frame ${frame.place}${frame.doubt ? ` (${frame.doubt})` : ""}: `, name, el("button", {}, "Set class"), leave, close),
      () => correct(number, (own) => { own.label[frame.place] = name.value.trim(); }, frame.place));
    leave.onclick = () => correct(number, (own) => { own.out[frame.place] = frame.box; }, frame.place);
    close.onclick = () => { editor.replaceChildren(); button.removeAttribute("aria-pressed"); button.focus(); };
    form.onkeydown = (event) => { if (event.key === "Escape") close.onclick(); };
    editor.replaceChildren(form);
    leave.focus({ preventScroll: true });
  }

  const pixels = (event) => pointOn(image, event, photo.width, photo.height);
  const add = (box) => {
    const within = box.map((edge, i) => Math.round(Math.min(i % 2 ? photo.height : photo.width, Math.max(0, edge))));
    correct(number, (own) => own.add.push(within), "0:1");
  };
  image.onpointerdown = (event) => {
    if (!photo.width || event.button) return;
    event.preventDefault();
    const [x, y] = pixels(event);
    const fresh = el("div", { className: "frame new" });
    board.append(fresh);
    image.setPointerCapture(event.pointerId);
    const box = (other) => {
      const [u, v] = pixels(other);
      return [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
    };
    image.onpointermove = (other) => Object.assign(fresh.style, at(box(other)));
    image.onpointerup = image.onpointercancel = (other) => {
      image.onpointermove = image.onpointerup = image.onpointercancel = null;
      fresh.remove();
      const drawn = box(other);
      if (other.type === "pointerup" && Math.min(drawn[2] - drawn[0], drawn[3] - drawn[1]) > photo.width / 200) add(drawn);
    };
  };
  const byKeys = el("button", { type: "button", hidden: !photo.width }, "Add a frame with the keyboard");
  byKeys.onclick = () => {
    const typical = photo.frames[0]?.box || [0, 0, photo.width / 20, photo.width / 20];
    let [left, top, wide, high] = [photo.width / 2, photo.height / 2, typical[2] - typical[0], typical[3] - typical[1]];
    const keys = "Arrows move the frame, with Shift they size it; Enter adds it, Escape takes it away.";
    const now = () => [left, top, left + wide, top + high];
    const fresh = frameOn(now(), "new", `New frame. ${keys}`);
    const end = () => { fresh.remove(); editor.replaceChildren(); byKeys.focus(); };
    fresh.onkeydown = (event) => {
      const step = photo.width / 200;
      const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (move || event.key === "Enter") event.preventDefault();
      if (event.key === "Escape") end();
      if (event.key === "Enter") { end(); add(now()); }
      if (!move) return;
      if (event.shiftKey) [wide, high] = [Math.max(step, wide + move[0]), Math.max(step, high + move[1])];
      else [left, top] = [left + move[0], top + move[1]];
      Object.assign(fresh.style, at(now()));
    };
    editor.replaceChildren(el("p", {}, keys));
    fresh.focus();
  };
  const drop = el("button", { type: "button" }, "Remove this photo");
  drop.onclick = () => attempt(() => inTurn(async () => {
    await ask(`sheets/${sheet.id}/${number}/drop`, {});
    sheet.corrections.splice(number, 1);
    if (sheet.corrections.length) await readSheet();
    else startOver();
  }), drop);
  const turned = photo.turned ? `, turned by ${photo.turned} degrees` : "";
  const rows = photo.counts.length ? `: rows of ${photo.counts.join(", ")}${turned}` : "";
  return el("div", {}, el("h3", {}, `Photo ${number + 1}${rows}`), el("p", {}, photo.complaints.join("; ")), editor, board,
    el("div", { className: "bar" }, byKeys, drop));
}

function startOver() {
  Object.assign(sheet, { id: "new", corrections: [], found: null });
  $("found").replaceChildren(); $("sets").replaceChildren(); $("phone-code").replaceChildren();
  $("reading").textContent = "";
  $("how-to-correct").hidden = $("sheet-make").hidden = true;
}

function setUpSheet() {
  $("photos").onchange = (event) => { upload([...event.target.files]); event.target.value = ""; };
  press("again", () => inTurn(async () => { if (sheet.corrections.length) await readSheet(); else throw new Error("There is no photo yet. Choose one."); }));
  press("anew", startOver);
  const card = (title, src) => el("div", { className: "card" }, el("h4", {}, title), el("img", { src, alt: title }));
  press("preview", () => {
    const shown = [card("As they would be", `sheets/${sheet.id}/after?${Date.now()}`)];
    if (sheet.found.exist.length) shown.unshift(card("As they are", `sheets/${sheet.id}/before?${Date.now()}`));
    $("sets").replaceChildren(...shown);
  });
  press("make", () => inTurn(async () => {
    $("reading").textContent = "Making the sets …";
    const run = await ask(`sheets/${sheet.id}/make`, asked()).catch((error) => { $("reading").textContent = ""; throw error; });
    $("sets").replaceChildren(card("The three sets, made", `runs/${run.id}/contact_sheet.png`));
    $("reading").replaceChildren("The three sets are made. Go on to ", link("train", "step 2, Train"), ".");
    await refresh();
  }));
  const video = $("video");
  const closeCamera = () => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    $("live").hidden = true;
  };
  press("camera", async () => {
    if (video.srcObject) return closeCamera();
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 4096 } });
      $("live").hidden = false;
    } catch (error) { throw new Error(`No camera can be used here (${error.message}). Choose a photo.`); }
  });
  press("shoot", async () => {
    const still = el("canvas", { width: video.videoWidth, height: video.videoHeight });
    still.getContext("2d").drawImage(video, 0, 0);
    closeCamera();
    await upload([await new Promise((done) => still.toBlob(done, "image/jpeg", 0.95))]);
  });
  press("phone", async () => {
    if (sheet.id === "new") took(await ask("sheets/new/photos", new Blob([])));
    const { address, code } = await ask(`sheets/${sheet.id}/phone`, {});
    $("phone-code").replaceChildren(el("img", { src: `data:image/svg+xml,${encodeURIComponent(code)}`, alt: "QR code of the address", width: 200 }),
      el("p", {}, "Open ", el("code", {}, address), " on a phone in the same network, within ten minutes."));
    waitForPhone(sheet.id, sheet.corrections.length, address);
  });
}

/** Until its photo is here, its door closes, or another one is opened. */
async function waitForPhone(id, before, address) {
  await new Promise((done) => setTimeout(done, 1000));
  if (id !== sheet.id || $("phone-code").querySelector("code")?.textContent !== address) return;
  const now = await ask(`sheets/${id}`).catch(() => ({ photos: 0, phone: false }));
  if (now.phone) return waitForPhone(id, before, address);
  $("phone-code").replaceChildren(now.photos > before ? "" : "No photo has come. Press “Send from a phone” for a new address.");
  if (now.photos > before) attempt(() => inTurn(async () => { took({ sheet: id, photos: now.photos }); await readSheet(); }));
}

// ---- forms, commands, charts ---------------------------------------------------------------------------------------

/** Fields for a recipe's options, as its signature says. */
function fieldsOf(spec, prefix) {
  return spec.options.map(({ name, kind, default: usual, help }) => {
    const input = name === "model"
      ? el("select", {}, ...state.published.map((model) => el("option", { selected: model === usual }, model)))
      : el("input", kind === "bool" ? { type: "checkbox", checked: usual } : {
          type: kind === "str" ? "text" : "number", step: kind === "float" ? "any" : 1, value: usual ?? "", autocomplete: "off" });
    Object.assign(input, { id: `${prefix}-${name}`, name });
    return el("label", {}, plain(name), kind === "bool" ? " " : null, input, el("small", {}, help));
  });
}

const valuesOf = (form) => Object.fromEntries(
  [...form.elements].filter((field) => field.name).map((field) => [field.name, field.type === "checkbox" ? field.checked : field.value]));

async function run(recipe, options) {
  await ask(`recipes/${recipe}`, options);
  await watch();
}

const curves = {}; // what is known of the runs of commands, by run
const cards = {}; // of commands, with what they show: who reads or marks a text in one is not disturbed
let watching = { timer: null, ended: 0, lost: false };

/** Show all commands, and again each second while one is running; now and then otherwise, for those of other tabs. */
async function watch() {
  let running = false;
  try {
    const jobs = await ask("jobs");
    if (watching.lost) complain("");
    watching.lost = false;
    running = jobs.some((job) => job.status === "running");
    await show(jobs);
  } catch (error) {
    if (error.constructor !== Error) throw error;
    watching.lost = true;
    complain(error.message);
  } finally {
    clearTimeout(watching.timer);
    watching.timer = setTimeout(watch, running ? 1000 : 4000);
  }
}

async function show(jobs) {
  for (const job of jobs) {
    if (job.run && (job.status === "running" || curves[job.run]?.seen !== job.status)) curves[job.run] = { ...await ask(`runs/${job.run}`), seen: job.status };
  }
  const stepOf = (job) => ["train", "look"].find((step) => state.recipes[step][job.recipe]) || "home";
  for (const step of ["train", "look", "home"]) {
    const own = jobs.filter((job) => stepOf(job) === step).reverse();
    const focused = document.activeElement?.dataset?.stop; // a card that changed is made anew: who stood on its button still does
    const shown = own.map(jobCard);
    if (shown.some((card, i) => card !== $(`${step}-jobs`).children[i])) $(`${step}-jobs`).replaceChildren(...shown);
    if (focused) document.querySelector(`[data-stop="${focused}"]`)?.focus();
  }
  const finder = jobs.findLast((job) => job.recipe === "find_lr" && job.status === "finished");
  if (finder && finder.name !== watching.finder) drawFinder(curves[finder.run]);
  watching.finder = finder?.name;
  const ended = jobs.filter((job) => job.status !== "running").length;
  if (ended !== watching.ended) { watching.ended = ended; await refresh(); }
}

function jobCard(job) {
  const history = curves[job.run]?.history || [];
  const key = JSON.stringify([job, history.length]);
  if (cards[job.name]?.key === key) return cards[job.name].card;
  const stop = el("button", { type: "button", "data-stop": job.name }, "Stop");
  stop.onclick = () => attempt(() => ask(`jobs/${job.name}/stop`, {}), stop);
  const line = (key) => history.map((row) => [Number(row.epoch), Number(row[key])]);
  const last = history.at(-1);
  const card = el("div", { className: "card", "data-job": job.recipe, "data-status": job.status },
    el("h4", {}, `${plain(job.recipe)}: ${job.status}, ${Math.round(job.seconds)} s${last ? `, epoch ${last.epoch}` : ""}`),
    el("code", {}, job.command),
    last ? chart("loss (nats)", "epoch", { training: line("training_loss"), validation: line("validation_loss") }) : null,
    last ? chart("accuracy", "epoch", { training: line("training_accuracy"), validation: line("validation_accuracy") }) : null,
    el("pre", { tabIndex: 0 }, job.said.trim() || "It is starting: Python loads its libraries."),
    job.status === "running" ? stop : null,
    job.file ? el("a", { className: "button", href: `jobs/${job.name}/${encodeURIComponent(job.file)}`, download: "" }, "Download") : null);
  cards[job.name] = { key, card };
  return card;
}

/** Curves over one axis; with ``pick`` a click on them chooses a value of it. */
function chart(title, axis, series, { log = false, marks = {}, pick = null, ceiling = Infinity } = {}) {
  const [width, height, left, bottom, right, top] = [440, 220, 52, 34, 10, 22];
  const points = Object.values(series).flat().filter(([, y]) => Number.isFinite(y) && y <= ceiling);
  const scale = log ? Math.log10 : (value) => value;
  const xs = points.map(([x]) => scale(x));
  const ys = points.map(([, y]) => y);
  const [low, high] = [Math.min(...xs), Math.max(Math.max(...xs), Math.min(...xs) + 1e-9)];
  const [floor, roof] = [Math.min(...ys), Math.max(Math.max(...ys), Math.min(...ys) + 1e-9)];
  const px = (x) => left + ((scale(x) - low) / (high - low)) * (width - left - right);
  const py = (y) => height - bottom - ((y - floor) / (roof - floor)) * (height - bottom - top);
  const text = (x, y, said, anchor = "middle") => el("text", { x, y, "text-anchor": anchor }, said);
  const short = (value) => (Math.abs(value) < 0.01 && value ? value.toExponential(0) : String(Number(value.toPrecision(3))));
  const picture = el("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} by ${axis}` },
    el("title", {}, `${title} by ${axis}`),
    el("line", { class: "axis", x1: left, y1: height - bottom, x2: width - right, y2: height - bottom }),
    el("line", { class: "axis", x1: left, y1: top, x2: left, y2: height - bottom }),
    text(left, 12, title, "start"), text(width - right, height - 4, axis, "end"),
    ...[floor, roof].map((y) => text(left - 5, py(y) + 4, short(y), "end")),
    ...[low, high].map((x, i) => text(px(log ? 10 ** x : x), height - bottom + 15, short(log ? 10 ** x : x), i ? "end" : "middle")));
  Object.entries(series).forEach(([name, own], row) => {
    const path = own.filter(([, y]) => Number.isFinite(y) && y <= ceiling).map(([x, y]) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`);
    picture.append(el("path", { class: name, d: `M${path.join("L")}` }));
    if (own.length < 60) path.forEach((at) => picture.append(el("circle", { class: name, cx: at.split(" ")[0], cy: at.split(" ")[1], r: 2 })));
    if (Object.keys(series).length > 1) picture.append(el("text", { class: name, x: width - right - 80 * (1 - row), y: 12, "text-anchor": "end" }, name));
  });
  Object.entries(marks).forEach(([name, x], row) => {
    if (scale(x) < low || scale(x) > high) return;
    const line = el("line", { class: "chosen", x1: px(x), x2: px(x), y1: top, y2: height - bottom });
    picture.append(line, text(px(x) + 4, top + 12 + 14 * row, `${name} ${x.toExponential(1)}`, "start"));
  });
  if (pick) {
    picture.style.cursor = "crosshair";
    picture.onclick = (event) => {
      const [x] = pointOn(picture, event, width, height);
      const share = (x - left) / (width - left - right);
      const value = low + Math.min(1, Math.max(0, share)) * (high - low);
      pick(log ? 10 ** value : value);
    };
  }
  return picture;
}

// ---- 2 Train -------------------------------------------------------------------------------------------------------

const LEARNING = { finetune_last_layer: "the last layer", finetune_two_layers: "the last two layers", finetune_all_layers: "all layers" };

function setUpTrain() {
  choices($("recipe"), Object.entries(LEARNING).filter(([name]) => state.recipes.train[name]), "finetune_two_layers");
  $("recipe").onchange = () => {
    const spec = state.recipes.train[$("recipe").value];
    const before = valuesOf($("options")); // what was written stays, whatever is to learn
    $("recipe-summary").textContent = spec.summary;
    $("options").replaceChildren(...fieldsOf(spec, "train"));
    for (const field of $("options").elements) {
      if (field.type === "checkbox") field.checked = before[field.name] ?? field.checked;
      else field.value = before[field.name] ?? field.value;
    }
  };
  $("recipe").onchange();
  $("options").onsubmit = (event) => { event.preventDefault(); $("start").click(); };
  press("find", () => {
    const known = state.recipes.train.find_lr.options.map(({ name }) => name);
    const layers = { finetune_last_layer: 1, finetune_two_layers: 2 }[$("recipe").value];
    const shared = Object.fromEntries(Object.entries(valuesOf($("options"))).filter(([name]) => known.includes(name)));
    return run("find_lr", layers ? { ...shared, layers: String(layers) } : shared);
  });
  press("start", () => run($("recipe").value, valuesOf($("options"))));
}

function drawFinder(found) {
  const { rates, losses, suggestions } = found?.lr_find || {};
  if (!rates?.length) return;
  const start = Math.max(...losses.slice(0, Math.ceil(losses.length / 4)));
  const [rule, suggested] = Object.entries(suggestions)[0] || [];
  const chosen = Number($("train-lr").value);
  const marks = { ...(suggested ? { [rule]: suggested } : {}), ...(chosen ? { chosen } : {}) };
  const pick = (rate) => { $("train-lr").value = Number(rate.toPrecision(2)); drawFinder(found); };
  // the explosion at the end would squeeze the rest
  const options = { log: true, marks, pick, ceiling: start + 0.6 * (start - Math.min(...losses)) + 1e-3 };
  const advice = suggested
    ? `The finder's '${rule}' suggests ${suggested.toExponential(1)} for ${found.options.model}; training takes it unless you press the curve where you want it, or write a rate above. Then press Train.`
    : "The finder suggests nothing here. Press the curve, or write a rate above; then press Train.";
  const curve = rates.map((rate, i) => [rate, losses[i]]);
  $("finder").replaceChildren(chart("training loss (nats)", "learning rate", { curve }, options), el("p", {}, advice));
  $("train-lr").oninput = () => drawFinder(found);
}

const said = (score) => `${percent(score.accuracy)} (${score.correct} of ${score.n}; 95 % interval ${percent(score.interval_95[0])} to ${percent(score.interval_95[1])})`;
const scoresOf = (found) => Object.entries(found.scores).map(([name, score]) => el("p", {}, `${plain(name)}: ${said(score)}`));

function runCard(found) {
  const order = ["lr_find", "curves", "confusion", "misread"];
  const rank = (name) => (order.indexOf(name.split(".")[0]) + 1 || 9);
  const pictures = [...found.pictures].sort((one, other) => rank(one) - rank(other));
  const why = el("button", { type: "button" }, "Why were these misread?");
  why.onclick = () => attempt(async () => {
    const { said, picture } = await ask(`runs/${found.id}/why`, {});
    why.replaceWith(el("p", {}, said), picture ? el("img", { src: picture, alt: "each misread digit, where the model looked, and the training images most like it" }) : "");
  }, why);
  const explains = found.recipe.startsWith("finetune_") && found.status === "finished";
  return el("div", { className: "card" }, el("h4", {}, `${plain(found.recipe)}, ${found.date}`), ...scoresOf(found), explains ? why : null,
    ...pictures.map((name) => el("img", { src: `runs/${found.id}/${encodeURIComponent(name)}`, alt: `${plain(name)} of this run`, loading: "lazy" })));
}

const ticked = { beside: null, looked: [] }; // ids of runs; null: the latest two

const showTicked = (place) => $(place).replaceChildren(...state.runs.filter(({ id }) => ticked[place].includes(id)).map(runCard));

function tick(found, place) {
  const box = el("input", { type: "checkbox", checked: ticked[place].includes(found.id), "aria-label": `show ${plain(found.recipe)} of ${found.date}` });
  box.onchange = () => {
    ticked[place] = ticked[place].filter((id) => id !== found.id).concat(box.checked ? [found.id] : []);
    showTicked(place);
  };
  return box;
}

// ---- 3 Draw --------------------------------------------------------------------------------------------------------

const drawing = { image: null, photo: false, latest: 0 };
const chosenReaders = () => [...document.querySelectorAll("#readers input:checked")].map((box) => `model=${encodeURIComponent(box.value)}`).join("&");

function clearDrawing() {
  const canvas = $("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { fillStyle: "#fff", lineWidth: 20, lineCap: "round", lineJoin: "round" });
  pen.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(drawing, { image: null, latest: drawing.latest + 1 });
  answers("What they read will stand here.");
  return pen;
}

/** So far there is no answer, or only that. */
function answers(text = "") {
  $("answers").replaceChildren(el("p", {}, text));
  $("reasons").replaceChildren();
  $("why").disabled = $("keep").querySelector("button").disabled = true;
}

function setUpDraw() {
  const canvas = $("canvas");
  const pen = clearDrawing();
  press("clear", clearDrawing);
  const at = (event) => pointOn(canvas, event, canvas.width, canvas.height);
  canvas.onpointerdown = (event) => {
    if (drawing.photo) clearDrawing(); // a stroke begins a drawing of its own
    drawing.photo = false;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...at(event));
    canvas.onpointermove(event);
  };
  canvas.onpointermove = (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    pen.lineTo(...at(event));
    pen.stroke();
  };
  canvas.onpointerup = () => {
    const bytes = atob(canvas.toDataURL("image/png").split(",")[1]); // toBlob may wait a second for an idle moment
    const blob = new Blob([Uint8Array.from(bytes, (letter) => letter.charCodeAt(0))], { type: "image/png" });
    attempt(() => read(blob));
  };
  $("digit-photo").onchange = (event) => { readPhoto(event.target.files[0]); event.target.value = ""; };
  $("readers").onchange = () => drawing.image && attempt(() => read(drawing.image));
  press("why", async () => {
    const { models } = await ask(`explain?${chosenReaders()}`, drawing.image);
    $("reasons").replaceChildren(...models.map((model) => el("div", { className: "card" }, el("h4", {}, model.name), el("p", {}, model.said),
      el("img", { src: model.picture, alt: `where ${model.name} looked, its logits, and the five training images most like this one` }))));
  });
  submit($("keep"), async () => {
    const kept = await ask(`keep?label=${encodeURIComponent($("keep-class").value)}`, drawing.image);
    $("answers").append(el("p", { role: "status" }, kept.said));
  });
}

function readPhoto(photo) {
  if (!photo) return;
  clearDrawing();
  drawing.photo = true;
  answers("Reading the photo …");
  attempt(() => read(photo));
}

async function read(blob) {
  const number = ++drawing.latest;
  drawing.image = blob;
  const answer = await ask(`read/${drawing.photo ? "photo" : "drawing"}?${chosenReaders()}`, blob).catch((error) => {
    if (number === drawing.latest) answers();
    throw error;
  });
  if (number !== drawing.latest) return; // a later stroke has been sent since
  answers();
  $("why").disabled = $("keep").querySelector("button").disabled = answer.many;
  if (answer.many) {
    $("answers").replaceChildren(el("p", {}, "A ? stands where a model is not sure."),
      ...answer.models.map((model) => el("div", {}, el("h3", {}, model.name), el("pre", { tabIndex: 0 }, model.rows.map((row) => row.join(" ")).join("\n")))),
      el("img", { src: answer.picture, alt: "the photo with a frame around each that was read" }));
    return;
  }
  const bar = ([name, share]) => el("div", { className: "answer" }, el("span", {}, name),
    el("div", { className: "track", "aria-hidden": "true" }, el("div", { style: { width: percent(share).replace(" ", "") } })), el("span", {}, percent(share)));
  const [likeliest] = answer.models[0].top[0];
  if (state.classes.includes(likeliest)) $("keep-class").value = likeliest;
  $("answers").replaceChildren(
    el("p", {}, el("img", { className: "pixels", src: answer.picture, alt: "the 28 by 28 pixels that the models see" })),
    ...answer.models.map((model) => el("div", { "data-answer": model.top[0][0] }, el("h3", {}, `${model.name}: ${model.top[0][0]}${model.verdict && `, ${model.verdict}`}`), ...model.top.map(bar))));
}

// ---- 4 Look, 5 Take home -------------------------------------------------------------------------------------------

function setUpForms() {
  for (const step of ["look", "home"]) {
    $(`${step}-forms`).replaceChildren(...Object.entries(state.recipes[step]).map(([name, spec]) => {
      const form = el("form", {}, el("div", { className: "fields" }, ...fieldsOf(spec, name)), el("button", {}, `Start: ${plain(name)}`));
      return el("details", {}, el("summary", {}, spec.summary), submit(form, () => run(name, valuesOf(form))));
    }));
  }
  choices($("export-to"), state.exports.map((kind) => [kind, kind]));
  submit($("export"), async () => {
    await ask(`exports/${$("export-to").value}/${encodeURIComponent($("export-model").value)}`, {});
    await watch();
  });
}

async function refresh() {
  state = await ask("state");
  const finetuned = state.runs.filter(({ recipe, status }) => LEARNING[recipe] && status === "finished").slice(0, 12);
  const latest = finetuned.slice(0, 2).map(({ id }) => id);
  ticked.beside = ticked.beside && ticked.newest === latest[0] ? ticked.beside : latest;
  ticked.newest = latest[0];
  $("finished").replaceChildren(...finetuned.map((found) => {
    const score = found.scores.validation ? `: ${said(found.scores.validation)}` : "";
    return el("label", { className: "line" }, tick(found, "beside"), ` ${plain(found.recipe)}, ${found.date}${score}`);
  }), el("p", {}, ...(finetuned.length ? ["See what they read in your hand: ", link("draw", "step 3, Draw"), "."] : ["None yet: press Train."])));
  const before = Object.fromEntries([...document.querySelectorAll("#readers input")].map((box) => [box.value, box.checked]));
  $("readers").replaceChildren(el("legend", {}, "Models"), ...state.readers.map((reader) => el("label", { className: "line" },
    el("input", { type: "checkbox", value: reader.id, checked: before[reader.id] ?? reader.usual }), ` ${reader.name}`)));
  choices($("keep-class"), state.classes.map((name) => [name, name]));
  choices($("export-model"), state.readers.map(({ id, name }) => [id, name]));
  $("openings").textContent = `Test Set was opened ${state.openings} ${state.openings === 1 ? "time" : "times"} so far.`;
  const head = ["show", "recipe", "date", "options", "accuracy", "ended"].map((title) => el("th", { scope: "col" }, title));
  const caption = state.runs.length ? `${state.runs.length} runs, the latest first: tick some to see their pictures` : "No runs yet: make sets in step 1, then train in step 2";
  $("runs").replaceChildren(el("caption", {}, caption), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...state.runs.map((found) => {
    const options = Object.entries(found.options).map(([name, value]) => `${plain(name)} ${value}`).join(", ");
    const cells = [tick(found, "looked"), plain(found.recipe), found.date, options, null, found.status];
    return el("tr", {}, ...cells.map((cell, i) => el("td", {}, ...(i === 4 ? scoresOf(found) : [cell]))));
  })));
  ["beside", "looked"].forEach(showTicked);
  $("take").replaceChildren(...(state.take.length
    ? state.take.map((name) => el("li", {}, el("a", { href: `take/${encodeURIComponent(name)}`, download: "" }, name)))
    : [el("li", {}, "Nothing yet: start one of the recipes above.")]));
  $("phone").hidden = !state.phone;
}

const current = () => (STEPS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "sheet");

function showStep() {
  for (const step of STEPS) $(step).hidden = step !== current();
  for (const tab of document.querySelectorAll("nav a")) {
    if (tab.hash === `#${current()}`) tab.setAttribute("aria-current", "step");
    else tab.removeAttribute("aria-current");
  }
  complain("");
  scrollTo(0, 0);
}

/** Files that were dropped or pasted anywhere: what they are for, the step says. */
function given(event, files) {
  if (event.type === "drop") event.preventDefault(); // or the browser would leave the page and show the file
  if (files.length && current() === "sheet") upload([...files]);
  if (files.length && current() === "draw") readPhoto(files[0]);
}

addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => given(event, event.dataTransfer.files));
addEventListener("paste", (event) => given(event, event.clipboardData.files));
addEventListener("hashchange", showStep);
showStep();
setUpSheet();
setUpDraw();
await attempt(async () => {
  await refresh();
  setUpTrain();
  setUpForms();
  await watch();
  document.body.dataset.ready = "yes";
});
