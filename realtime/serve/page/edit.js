// Photos and videos: files in, pictures and a film out, and before the film a preview.

import { ask, at, form, health, pause, show } from "./service.js";
import { zip } from "./zip.js";

let photos = [], video = null, job = null;
let latest = 0;  // what is overtaken by a later choice is not shown
let previewed = false;  // whether there is a preview of the video as it would be
let sending = new AbortController();  // of what is asked for now
let addresses = [];  // of what is shown

const background = () => at("bg").value === "colour" ? at("colour").value : at("bg").value;
const with_background = (name, file) => at("bg").value === "picture" ? form({ [name]: file, background: at("picture").files[0] }) : file;

const photo_format = () => at("bg").value === "" ? "png" : at("photo-format").value;  // JPEG has no alpha

function address_of(blob) {
  addresses.push(URL.createObjectURL(blob));
  return addresses.at(-1);
}

function offer(id, blob, name) {
  at(id).href = address_of(blob);
  at(id).download = name;
  show(id, true);
}

// Names of the results: those of the photos, each once.
function names_for(files) {
  const taken = new Set();
  return files.map(file => {
    const stem = file.name.replace(/\.[^.]*$/, "");
    let name = `${stem}-matte.${photo_format()}`;
    for (let number = 2; taken.has(name); number++) name = `${stem}-matte-${number}.${photo_format()}`;
    taken.add(name);
    return name;
  });
}

function change() {
  const bg = at("bg").value;
  show("of-colour", bg === "colour");
  show("of-picture", bg === "picture");
  show("of-wrap", bg !== "");
  show("of-format", video);
  show("of-photo-format", !video && bg !== "");
  at("format").options[0].disabled = bg === "";  // MP4 has no alpha
  if (bg === "" && at("format").value === "mp4") at("format").value = "webm";
  if (bg === "picture" && !at("picture").files.length) return;
  begin();
}

async function begin() {
  const mine = ++latest;
  previewed = false;
  sending.abort();
  await drop_job();
  if (mine !== latest) return;
  for (const address of addresses) URL.revokeObjectURL(address);
  addresses = [];
  for (const id of ["film", "preview", "make", "views", "of-split", "download", "all", "job"]) show(id, false);
  at("gallery").replaceChildren();
  if (video) await preview_video(mine);
  else if (photos.length) await edit_photos(mine);
}

async function edit_photos(mine) {
  const bg = background(), names = names_for(photos), done = [], lines = [];
  sending = new AbortController();
  const options = new URLSearchParams({ model: at("model").value, format: photo_format() });
  if (bg && bg !== "picture") options.set("bg", bg);
  if (bg) options.set("light_wrap", at("wrap").value);
  for (const [index, photo] of photos.entries()) {
    const now = photos.length > 1 ? `Photo ${index + 1} of ${photos.length}` : "Working";
    const told = () => { if (mine === latest) at("status").textContent = `${now}: waiting, the service is busy`; };
    at("status").textContent = now;
    const add_line = text => lines.push(photos.length > 1 ? `${photo.name}: ${text}` : text);
    try {
      const sent = { method: "POST", body: with_background("photo", photo), signal: sending.signal };
      const answer = await ask(`v1/image?${options}`, sent, told), blob = await answer.blob();
      if (mine !== latest) return;
      if (answer.headers.get("Notes")) add_line(answer.headers.get("Notes"));
      done.push({ name: names[index], blob });
      if (photos.length > 1) add_to_gallery(photo, blob, names[index]);
      if (done.length === 1) view(photo, blob, names[index]);
    } catch (error) {
      add_line(error.message);
    }
    if (mine !== latest) return;
  }
  at("status").textContent = lines.join("; ");
  if (done.length < 2) return;
  const archive = await zip(done);
  if (mine === latest) offer("all", archive, "mattes.zip");
}

function view(photo, blob, name) {
  at("before").src = address_of(photo);
  show("views", true);
  show("of-split", true);
  offer("download", blob, name);
  at("after").src = at("download").href;
}

function add_to_gallery(photo, blob, name) {
  const [figure, button, image, link] = ["figure", "button", "img", "a"].map(name => document.createElement(name));
  image.src = link.href = address_of(blob);
  image.className = "clear";
  image.alt = link.textContent = link.download = name;
  button.onclick = () => view(photo, blob, name);
  button.append(image);
  figure.append(button, link);
  at("gallery").append(figure);
}

async function drop_job() {
  const address = job;
  job = null;
  if (address) await ask(address, { method: "DELETE", keepalive: true }).catch(() => {});  // also while the page is closed
}

function video_options() {
  const bg = background();
  const options = { format: at("format").value, model: at("model").value, show: bg ? "composite" : "cutout" };
  if (bg) options.light_wrap = at("wrap").value;
  if (bg && bg !== "picture") options.bg = bg;
  return new URLSearchParams(options);
}

async function preview_video(mine) {
  const told = () => { if (mine === latest) at("status").textContent = "Waiting, the service is busy"; };
  sending = new AbortController();
  at("status").textContent = "Making a preview";
  try {
    const sent = { method: "POST", body: with_background("video", video), signal: sending.signal };
    const blob = await (await ask(`v1/video/preview?${video_options()}`, sent, told)).blob();
    if (mine !== latest) return;
    at("preview").src = address_of(blob);
    previewed = true;
    offer_video("A preview: the first two seconds");
  } catch (error) {
    if (mine === latest) at("status").textContent = error.message;
  }
}

function offer_video(text) {
  at("status").textContent = text;
  for (const id of ["film", "download", "job"]) show(id, false);
  for (const id of ["preview", "make"]) show(id, true);
}

// Back to the preview: what was made of the video is dropped.
async function take_back(text) {
  const mine = ++latest;
  sending.abort();
  await drop_job();
  if (mine === latest) offer_video(text);
}

async function edit_video() {
  if (at("bg").value === "picture" && !at("picture").files.length) return void (at("status").textContent = "Choose a picture first");
  const mine = ++latest, format = at("format").value;
  sending = new AbortController();
  const { signal } = sending;
  at("status").textContent = "Sending";
  show("make", false);
  show("job", true);
  at("progress").removeAttribute("value");
  try {
    const sent = await ask(`v1/video?${video_options()}`, { method: "POST", body: with_background("video", video), signal });
    const address = `v1/video/${(await sent.json()).id}`;
    if (mine !== latest) return void ask(address, { method: "DELETE" });
    job = address;
    let notes = [];
    for (;;) {
      const state = await (await ask(address)).json();
      if (mine !== latest) return;
      if (state.total) { at("progress").max = state.total; at("progress").value = state.frames; }
      const left = state.seconds_left === null ? "" : `, ${Math.ceil(state.seconds_left)} s left`;
      at("status").textContent = state.status === "queued" ? "Waiting for other videos" : `${state.frames} frames${left}`;
      if (state.status === "failed") throw new Error(state.detail);
      notes = state.notes;
      if (state.status === "done") break;
      await pause(400);
    }
    const result = await (await ask(`${address}/result`, { signal })).blob();
    if (mine !== latest) return;
    at("status").textContent = notes.join("; ");
    offer("download", result, `matte.${format}`);
    show("film", format !== "mov");  // browsers play no ProRes
    show("preview", format === "mov");
    if (format !== "mov") at("film").src = at("download").href;
  } catch (error) {
    if (mine === latest) offer_video(error.message);
  }
  if (mine === latest) show("job", false);
}

function take(files) {
  if (!files.length) return;
  const moving = [...files].find(file => file.type.startsWith("video/") || /\.(mkv|mov|avi|mts|m2ts|ts)$/i.test(file.name));
  [photos, video] = moving ? [[], moving] : [[...files], null];
  change();
}

addEventListener("pagehide", drop_job);  // whose result nobody could get any more
at("make").onclick = edit_video;
at("cancel").onclick = () => take_back("Cancelled");
at("format").onchange = () => { if (previewed) take_back("A preview: the first two seconds"); };
at("file").onchange = event => take(event.target.files);
at("drop").ondragover = event => { event.preventDefault(); at("drop").classList.add("over"); };
at("drop").ondragleave = () => at("drop").classList.remove("over");
at("drop").ondrop = event => { event.preventDefault(); at("drop").classList.remove("over"); take(event.dataTransfer.files); };
for (const id of ["bg", "colour", "picture", "wrap", "model", "photo-format", "token"]) at(id).onchange = change;
at("split").oninput = event => { at("before").style.clipPath = `inset(0 ${100 - event.target.value}% 0 0)`; };
health().then(state => { at("model").value = state.model; }).catch(() => {});
at("edit").querySelector("form").onsubmit = event => event.preventDefault();
