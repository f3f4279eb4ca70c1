// The page: shows what the server knows and sends what was clicked. Everything is computed on the other side.

const $ = (id) => document.getElementById(id);
const STEPS = ["sheet", "train", "draw", "look", "home"];
let state = {};
let chosenRate = null; // clicked on the finder's curve

/** An element with properties (data-, aria- and SVG's as attributes) and children. */
function el(tag, properties = {}, ...children) {
  const svg = ["svg", "path", "circle", "line", "text", "title"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (svg || key.includes("-") || key === "role" || key === "for") node.setAttribute(key, value);
    else if (key === "style") Object.assign(node.style, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function complain(text) {
  $("message").hidden = !text;
  $("message").textContent = text || "";
}

/** What the server answers; its one line of complaint is shown and thrown. */
async function ask(path, body) {
  const blob = body instanceof Blob;
  const options = body === undefined ? {} : { method: "POST", body: blob ? body : JSON.stringify(body) };
  let answer;
  try {
    const response = await fetch(path, options);
    answer = await response.json();
    if (!response.ok) throw new Error(answer.error || `The page answered ${response.status}.`);
  } catch (error) {
    const gone = error instanceof TypeError;
    complain(gone ? "The page's program does not answer. Start it again: python -m toolkit page" : error.message);
    throw error;
  }
  complain("");
  return answer;
}

/** A handler that disables its button while it works; what failed has been said already. */
function working(button, work) {
  return async (event) => {
    event?.preventDefault();
    button.disabled = true;
    try { await work(); } catch (error) { console.info(error.message); } finally { button.disabled = false; }
  };
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const plain = (name) => name.replaceAll("_", " ");

// ---- 1 Sheet -----------------------------------------------------------------------------------------------------

const sheet = { id: null, corrections: [], found: null };

async function upload(files) {
  for (const file of files) await take(file);
  await readSheet();
}

async function take(file) {
  $("reading").textContent = "Sending the photo …";
  const added = await ask(sheet.id ? `photos?sheet=${sheet.id}` : "photos", file).catch((error) => {
    $("reading").textContent = "";
    throw error;
  });
  sheet.id = added.sheet;
  while (sheet.corrections.length < added.photos) sheet.corrections.push({ skip: [], label: {}, add: [] });
}

const asked = () => ({
  rows: $("rows").value, digit: $("digit").value, per_class: $("per-class").value, corrections: sheet.corrections,
});

async function readSheet() {
  if (!sheet.corrections.length) return;
  $("reading").textContent = "Reading …";
  $("make").disabled = $("preview").disabled = true;
  try {
    sheet.found = await ask(`sheets/${sheet.id}`, asked());
  } catch (error) {
    $("reading").textContent = "";
    throw error;
  }
  const { photos, ready, reason, exist } = sheet.found;
  const count = photos.reduce((sum, photo) => sum + photo.frames.length, 0);
  const doubts = photos.reduce((sum, photo) => sum + photo.frames.filter((frame) => frame.doubt).length, 0);
  const wrong = photos.flatMap((photo) => photo.complaints).join("; ") || reason;
  $("reading").textContent = ready
    ? `${count} found, as promised. ${doubts ? `${doubts} doubtful, in orange: look at them.` : "None is doubtful."}`
    : `${count} found. Not right yet: ${wrong}.`;
  $("how-to-correct").hidden = false;
  $("make").disabled = $("preview").disabled = !ready;
  $("aside").textContent = exist.length ? "The sets that exist will be put aside, not deleted." : "";
  $("found").replaceChildren(...photos.map(drawPhoto));
}

function drawPhoto(photo, number) {
  const own = sheet.corrections[number];
  const at = ([left, top, right, bottom]) => ({
    left: `${(100 * left) / photo.width}%`, top: `${(100 * top) / photo.height}%`,
    width: `${(100 * (right - left)) / photo.width}%`, height: `${(100 * (bottom - top)) / photo.height}%`,
  });
  const editor = el("div", { className: "bar" });
  const image = el("img", { src: `sheets/${sheet.id}/${number}?${Date.now()}`, alt: `photo ${number + 1}, upright`, draggable: false });
  const board = el("div", { className: "photo" }, image);
  for (const frame of photo.frames) {
    const kind = frame.wrong ? "wrong" : frame.doubt ? "doubt" : "";
    const said = `${frame.place}: ${frame.label}${frame.doubt ? `, ${frame.doubt}` : ""}`;
    const button = el("button", { type: "button", className: `frame ${kind}`, style: at(frame.box), title: said, "aria-label": said },
      el("span", {}, frame.label));
    button.onclick = () => edit(button, frame);
    board.append(button);
  }
  // what the model takes for no digit; who knows better draws a frame around it
  for (const box of photo.left_out) board.append(el("div", { className: "frame out", style: at(box), title: "left out: no digit" }));
  for (const [place, box] of Object.entries(own.out || {})) {
    const button = el("button", { type: "button", className: "frame out", style: at(box), "aria-label": `${place}, left out: take it in again` }, el("span", {}, "out"));
    button.onclick = () => { own.skip = own.skip.filter((other) => other !== place); delete own.out[place]; readSheet(); };
    board.append(button);
  }

  function edit(button, frame) {
    board.querySelectorAll("[aria-pressed]").forEach((other) => other.removeAttribute("aria-pressed"));
    button.setAttribute("aria-pressed", "true");
    const name = el("input", { value: frame.label, size: 4, autocomplete: "off", "aria-label": `class of ${frame.place}` });
    const leave = el("button", { type: "button" }, "Leave out");
    const set = el("button", {}, "Set class");
    const form = el("form", { className: "bar" }, `Frame ${frame.place}${frame.doubt ? ` (${frame.doubt})` : ""}: `, name, set, leave);
    form.onsubmit = working(set, async () => { own.label[frame.place] = name.value; await readSheet(); });
    leave.onclick = working(leave, async () => {
      own.skip.push(frame.place);
      (own.out ||= {})[frame.place] = frame.box;
      await readSheet();
    });
    editor.replaceChildren(form);
    leave.focus();
  }

  const pixels = (event) => {
    const box = image.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * photo.width, ((event.clientY - box.top) / box.height) * photo.height];
  };
  const within = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
  async function add(box) {
    own.add.push([within(box[0], photo.width), within(box[1], photo.height), within(box[2], photo.width), within(box[3], photo.height)]);
    try { await readSheet(); } catch { own.add.pop(); }
  }
  image.onpointerdown = (event) => {
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
    image.onpointerup = (other) => {
      image.onpointermove = image.onpointerup = null;
      fresh.remove();
      const drawn = box(other);
      if (Math.min(drawn[2] - drawn[0], drawn[3] - drawn[1]) > photo.width / 200) add(drawn);
    };
  };
  const byKeys = el("button", { type: "button" }, "Add a frame with the keyboard");
  byKeys.onclick = () => {
    const typical = photo.frames[0]?.box || [0, 0, photo.width / 20, photo.width / 20];
    let [left, top, wide, high] = [photo.width / 2, photo.height / 2, typical[2] - typical[0], typical[3] - typical[1]];
    const fresh = el("button", { type: "button", className: "frame new", "aria-label": "New frame. Arrows move it, with Shift they size it, Enter adds it, Escape takes it away" });
    const show = () => Object.assign(fresh.style, at([left, top, left + wide, top + high]));
    fresh.onkeydown = (event) => {
      const step = photo.width / 200;
      const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (event.key === "Escape") fresh.remove();
      if (event.key === "Enter") { fresh.remove(); add([left, top, left + wide, top + high]); }
      if (!move) return;
      event.preventDefault();
      if (event.shiftKey) [wide, high] = [Math.max(step, wide + move[0]), Math.max(step, high + move[1])];
      else [left, top] = [left + move[0], top + move[1]];
      show();
    };
    board.append(fresh);
    show();
    fresh.focus();
  };
  const turned = photo.turned ? `, turned by ${photo.turned} degrees` : "";
  const caption = `Photo ${number + 1}: rows of ${photo.counts.join(", ")}${turned}. ${photo.complaints.join("; ")}`;
  return el("div", {}, el("h3", {}, caption), editor, board, byKeys);
}

function setUpSheet() {
  $("photos").onchange = (event) => upload([...event.target.files]).catch(() => {}).finally(() => { event.target.value = ""; });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length && current() === "sheet") upload(files).catch(() => {});
  });
  $("sheet").ondragover = (event) => event.preventDefault();
  $("sheet").ondrop = (event) => { event.preventDefault(); upload([...event.dataTransfer.files]).catch(() => {}); };
  $("again").onclick = working($("again"), readSheet);
  $("anew").onclick = () => {
    Object.assign(sheet, { id: null, corrections: [], found: null });
    $("found").replaceChildren(); $("sets").replaceChildren();
    $("reading").textContent = $("aside").textContent = ""; $("how-to-correct").hidden = true;
    $("make").disabled = $("preview").disabled = true;
  };
  const card = (title, src) => el("div", { className: "card" }, el("h4", {}, title), el("img", { src, alt: title }));
  $("preview").onclick = () => {
    const shown = [card("As they would be", `sheets/${sheet.id}/after?${Date.now()}`)];
    if (sheet.found.exist.length) shown.unshift(card("As they are", `sheets/${sheet.id}/before?${Date.now()}`));
    $("sets").replaceChildren(...shown);
  };
  $("make").onclick = working($("make"), async () => {
    const run = await ask(`sheets/${sheet.id}/make`, asked());
    $("sets").replaceChildren(card("The three sets, made", `runs/${run.id}/contact_sheet.png`));
    $("reading").textContent = "The three sets are made. Go on to step 2, Train.";
    await refresh();
  });
  $("camera").onclick = working($("camera"), async () => {
    try {
      $("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 4096 } });
      $("live").hidden = false;
    } catch (error) { complain(`No camera can be used here (${error.message}). Choose a photo.`); }
  });
  $("shoot").onclick = async () => {
    const video = $("video");
    const still = el("canvas", { width: video.videoWidth, height: video.videoHeight });
    still.getContext("2d").drawImage(video, 0, 0);
    video.srcObject.getTracks().forEach((track) => track.stop());
    $("live").hidden = true;
    await upload([await new Promise((done) => still.toBlob(done, "image/jpeg", 0.95))]).catch(() => {});
  };
  $("phone").onclick = working($("phone"), async () => {
    if (!sheet.id) sheet.id = (await ask("photos", new Blob([]))).sheet;
    const opened = await ask("phone", { sheet: sheet.id });
    const code = el("img", { src: `data:image/svg+xml,${encodeURIComponent(opened.code)}`, alt: "QR code of the address", width: 200 });
    $("phone-code").replaceChildren(code, el("p", {}, "Open ", el("code", {}, opened.address), " on a phone in the same network."));
    $("phone-code").hidden = false;
    const before = sheet.corrections.length;
    while (!$("phone-code").hidden) {
      await new Promise((done) => setTimeout(done, 1000));
      const { photos } = await ask(`photos?sheet=${sheet.id}`, new Blob([]));
      if (photos === before) continue;
      sheet.corrections.push({ skip: [], label: {}, add: [] });
      $("phone-code").hidden = true;
      await readSheet();
    }
  });
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
  const job = await ask("jobs", { recipe, options });
  await watch();
  return job;
}

let watching = null;
const curves = {}; // what is known of the runs of commands, by run

/** Show all commands, and again each second while one is running. */
async function watch() {
  clearTimeout(watching);
  const jobs = await ask("jobs");
  for (const job of jobs) {
    if (job.run && (job.status === "running" || curves[job.run]?.status !== job.status)) curves[job.run] = await ask(`runs/${job.run}`);
  }
  const place = (job) => (job.recipe && state.recipes.train[job.recipe] ? "train" : state.recipes.look[job.recipe] ? "look" : "home");
  for (const step of ["train", "look", "home"]) {
    const own = jobs.filter((job) => place(job) === step).reverse();
    const focused = document.activeElement?.dataset?.stop; // the cards are made anew: who stood on a button still does
    $(`${step}-jobs`).replaceChildren(...own.map(jobCard));
    if (focused) document.querySelector(`[data-stop="${focused}"]`)?.focus();
  }
  const finders = jobs.filter((job) => job.recipe === "find_lr" && job.status === "finished");
  if (finders.length) drawFinder(curves[finders.at(-1).run]?.lr_find);
  const ended = jobs.filter((job) => job.status !== "running").length;
  if (ended !== watch.ended) { watch.ended = ended; await refresh(); }
  if (jobs.some((job) => job.status === "running")) watching = setTimeout(() => watch().catch(() => {}), 1000);
}

function jobCard(job) {
  const history = curves[job.run]?.history || [];
  const stop = el("button", { type: "button", "data-stop": job.name }, "Stop");
  stop.onclick = working(stop, () => ask(`jobs/${job.name}/stop`, {}));
  const line = (key) => history.map((row) => [Number(row.epoch), Number(row[key])]);
  const last = history.at(-1);
  return el("div", { className: "card", "data-job": job.recipe, "data-status": job.status },
    el("h4", {}, `${plain(job.recipe)}: ${job.status}, ${Math.round(job.seconds)} s${last ? `, epoch ${last.epoch}` : ""}`),
    el("code", {}, job.command),
    last ? chart("loss (nats)", "epoch", { training: line("training_loss"), validation: line("validation_loss") }) : null,
    last ? chart("accuracy", "epoch", { training: line("training_accuracy"), validation: line("validation_accuracy") }) : null,
    el("pre", { tabIndex: 0 }, job.said.trim() || "It is starting: Python loads its libraries."),
    job.status === "running" ? stop : null,
    job.file ? el("a", { className: "button", href: `jobs/${job.name}/file`, download: "" }, "Download") : null);
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
    ...[low, high].map((x) => text(px(log ? 10 ** x : x), height - bottom + 15, short(log ? 10 ** x : x))));
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
      const box = picture.getBoundingClientRect();
      const share = (((event.clientX - box.left) / box.width) * width - left) / (width - left - right);
      const value = low + Math.min(1, Math.max(0, share)) * (high - low);
      pick(log ? 10 ** value : value);
    };
  }
  return picture;
}

// ---- 2 Train -------------------------------------------------------------------------------------------------------

const learning = () => Object.keys(state.recipes.train).filter((name) => name !== "find_lr");

function setUpTrain() {
  const called = { finetune_last_layer: "the last layer", finetune_two_layers: "the last two layers", finetune_all_layers: "all layers" };
  $("recipe").replaceChildren(...learning().map((name) => el("option", { value: name, selected: name === "finetune_two_layers" }, called[name] || name)));
  $("recipe").onchange = () => {
    const spec = state.recipes.train[$("recipe").value];
    $("recipe-summary").textContent = spec.summary;
    $("options").replaceChildren(...fieldsOf(spec, "train"));
    $("train-lr").oninput = () => { chosenRate = Number($("train-lr").value) || null; };
  };
  $("recipe").onchange();
  $("find").onclick = working($("find"), async () => {
    const options = valuesOf($("options"));
    const known = state.recipes.train.find_lr.options.map(({ name }) => name);
    const layers = { finetune_last_layer: 1, finetune_two_layers: 2 }[$("recipe").value];
    const shared = Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name)));
    await run("find_lr", layers ? { ...shared, layers } : shared);
  });
  $("start").onclick = working($("start"), () => run($("recipe").value, valuesOf($("options"))));
}

function drawFinder(found) {
  if (!found?.rates?.length) return;
  const points = found.rates.map((rate, i) => [rate, found.losses[i]]);
  const start = Math.max(...found.losses.slice(0, Math.ceil(found.losses.length / 4)));
  const lowest = Math.min(...found.losses);
  const [rule, suggested] = Object.entries(found.suggestions)[0] || [];
  const marks = { ...(suggested ? { [rule]: suggested } : {}), ...(chosenRate ? { chosen: chosenRate } : {}) };
  const pick = (rate) => {
    chosenRate = Number(rate.toPrecision(2));
    $("train-lr").value = chosenRate;
    drawFinder(found);
  };
  // the explosion at the end would squeeze the rest
  const options = { log: true, marks, pick, ceiling: start + 0.6 * (start - lowest) + 1e-3 };
  const said = suggested
    ? `The finder's '${rule}' suggests ${suggested.toExponential(1)}; training takes it unless you press the curve where you want it, or write a rate above.`
    : "The finder suggests nothing here. Press the curve, or write a rate above.";
  $("finder").replaceChildren(chart("training loss (nats)", "learning rate", { curve: points }, options), el("p", {}, said));
}

const said = (score) => `${percent(score.accuracy)} (${score.correct} of ${score.n}; 95 % interval ${percent(score.interval_95[0])} to ${percent(score.interval_95[1])})`;
const scoresOf = (found) => Object.entries(found.scores).map(([name, score]) => el("p", {}, `${plain(name)}: ${said(score)}`));

function runCard(found) {
  const order = ["lr_find", "curves", "confusion", "misread"];
  const rank = (name) => (order.indexOf(name.split(".")[0]) + 1 || 9);
  const pictures = [...found.pictures].sort((one, other) => rank(one) - rank(other));
  return el("div", { className: "card" }, el("h4", {}, `${plain(found.recipe)}, ${found.date}`), ...scoresOf(found),
    ...pictures.map((name) => el("img", { src: `runs/${found.id}/${name}`, alt: `${plain(name)} of this run`, loading: "lazy" })));
}

/** Checkboxes for runs; those that are ticked stand side by side in ``place``. */
function choosing(found, place, ticked) {
  const box = el("input", { type: "checkbox", value: found.id, checked: ticked, "aria-label": `show ${plain(found.recipe)} of ${found.date}` });
  box.onchange = () => {
    const chosen = [...document.querySelectorAll(`[data-place=${place}] input:checked`)].map((each) => each.value);
    $(place).replaceChildren(...state.runs.filter(({ id }) => chosen.includes(id)).map(runCard));
  };
  return box;
}

// ---- 3 Draw --------------------------------------------------------------------------------------------------------

const drawing = { image: null, latest: 0 };
const chosenReaders = () => [...document.querySelectorAll("#readers input:checked")].map((box) => `model=${encodeURIComponent(box.value)}`).join("&");

function setUpDraw() {
  const canvas = $("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const clear = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    drawing.image = null;
    $("answers").replaceChildren(); $("reasons").replaceChildren();
    $("why").disabled = $("keep").querySelector("button").disabled = true;
  };
  clear();
  $("clear").onclick = clear;
  Object.assign(pen, { lineWidth: 20, lineCap: "round", lineJoin: "round" });
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };
  let down = false;
  canvas.onpointerdown = (event) => {
    down = true;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...at(event));
    pen.lineTo(...at(event));
    pen.stroke();
  };
  canvas.onpointermove = (event) => {
    if (!down) return;
    pen.lineTo(...at(event));
    pen.stroke();
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (down) canvas.toBlob((blob) => read(blob).catch(() => {}), "image/png");
    down = false;
  };
  $("digit-photo").onchange = (event) => {
    const [photo] = event.target.files;
    if (photo) { clear(); read(photo).catch(() => {}); }
    event.target.value = "";
  };
  $("readers").onchange = () => drawing.image && read(drawing.image).catch(() => {});
  $("why").onclick = working($("why"), async () => {
    const answers = await ask(`explain?${chosenReaders()}`, drawing.image);
    $("reasons").replaceChildren(...answers.models.map((model) => el("div", { className: "card" },
      el("h4", {}, model.name), el("p", {}, model.said),
      el("img", { src: model.picture, alt: `where ${model.name} looked, its logits, and the five training images most like this one` }))));
  });
  $("keep").onsubmit = working($("keep").querySelector("button"), async () => {
    const kept = await ask(`keep?label=${encodeURIComponent($("keep-class").value)}`, drawing.image);
    complain("");
    $("answers").append(el("p", {}, kept.said));
  });
}

async function read(blob) {
  const number = ++drawing.latest;
  drawing.image = blob;
  const answer = await ask(`read?${chosenReaders()}`, blob);
  if (number !== drawing.latest) return; // a later stroke has been sent since
  $("reasons").replaceChildren();
  $("why").disabled = $("keep").querySelector("button").disabled = answer.many;
  if (answer.many) {
    $("answers").replaceChildren(
      ...answer.models.map((model) => el("div", {}, el("h3", {}, model.name), el("pre", { tabIndex: 0 }, model.rows.map((row) => row.join(" ")).join("\n")))),
      el("img", { src: answer.picture, alt: "the photo with a frame around each that was read", style: { maxWidth: "100%" } }));
    return;
  }
  $("answers").replaceChildren(
    el("p", {}, el("img", { className: "pixels", src: answer.image, alt: "the 28 by 28 pixels that the models see" })),
    ...answer.models.map((model) => el("div", { "data-answer": model.top[0][0] }, el("h3", {}, `${model.name}: ${model.top[0][0]}`),
      ...model.top.map(([name, share]) => el("div", { className: "answer" }, el("span", {}, name),
        el("div", { className: "track", "aria-hidden": "true" }, el("div", { style: { width: `${100 * share}%` } })), el("span", {}, percent(share)))))));
}

// ---- 4 Look, 5 Take home -------------------------------------------------------------------------------------------

function setUpForms() {
  for (const step of ["look", "home"]) {
    $(`${step}-forms`).replaceChildren(...Object.entries(state.recipes[step]).map(([name, spec]) => {
      const start = el("button", {}, `Start: ${plain(name)}`);
      const form = el("form", {}, el("div", { className: "fields" }, ...fieldsOf(spec, name)), start);
      form.onsubmit = working(start, () => run(name, valuesOf(form)));
      return el("details", {}, el("summary", {}, spec.summary), form);
    }));
  }
  $("export-to").replaceChildren(...state.exports.map((kind) => el("option", {}, kind)));
  const go = $("export").querySelector("button");
  $("export").onsubmit = working(go, async () => {
    await ask("jobs", { model: $("export-model").value, to: $("export-to").value });
    await watch();
  });
}

function showState() {
  const finetuned = state.runs.filter(({ recipe, status }) => learning().includes(recipe) && status === "finished");
  $("finished").replaceChildren(el("div", { "data-place": "beside" }, ...finetuned.slice(0, 12).map((found, i) => {
    const score = found.scores.validation ? `: ${said(found.scores.validation)}` : "";
    return el("label", { style: { display: "block" } }, choosing(found, "beside", i < 2), ` ${plain(found.recipe)}, ${found.date}${score}`);
  })));
  $("beside").replaceChildren(...finetuned.slice(0, 2).map(runCard));
  const before = Object.fromEntries([...document.querySelectorAll("#readers input")].map((box) => [box.value, box.checked]));
  $("readers").replaceChildren(el("legend", {}, "Models"), ...state.readers.map((reader) => el("label", { style: { display: "block" } },
    el("input", { type: "checkbox", value: reader.id, checked: before[reader.id] ?? reader.usual }), ` ${reader.name}`)));
  $("keep-class").replaceChildren(...state.classes.map((name) => el("option", {}, name)));
  $("openings").textContent = `Test Set was opened ${state.openings} ${state.openings === 1 ? "time" : "times"} so far.`;
  const head = ["", "recipe", "date", "options", "accuracy", "ended"].map((title) => el("th", { scope: "col" }, title || "show"));
  $("runs").replaceChildren(el("caption", {}, `${state.runs.length} runs, the latest first`), el("thead", {}, el("tr", {}, ...head)),
    el("tbody", { "data-place": "looked" }, ...state.runs.map((found) => el("tr", {}, el("td", {}, choosing(found, "looked", false)),
      el("td", {}, plain(found.recipe)), el("td", {}, found.date),
      el("td", {}, Object.entries(found.options).map(([name, value]) => `${plain(name)} ${value}`).join(", ")),
      el("td", {}, ...scoresOf(found)), el("td", {}, found.status)))));
  $("looked").replaceChildren();
  $("export-model").replaceChildren(...state.readers.map((reader) => el("option", { value: reader.id }, reader.name)));
  $("take").replaceChildren(...(state.take.length
    ? state.take.map((name, number) => el("li", {}, el("a", { href: `take/${number}`, download: "" }, name)))
    : [el("li", {}, "Nothing yet: start one of the recipes above.")]));
  $("phone").hidden = !state.phone;
}

async function refresh() {
  state = await ask("state");
  showState();
}

const current = () => (STEPS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "sheet");

function showStep() {
  for (const step of STEPS) $(step).hidden = step !== current();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${current()}`) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
}

addEventListener("hashchange", showStep);
showStep();
setUpSheet();
setUpDraw();
await refresh();
setUpTrain();
setUpForms();
await watch();
document.body.dataset.ready = "yes";
