// Masks: painted over a photo or taken from a file, and what each network makes of them.

import { ask, at, form, show } from "./service.js";

const LONGEST = 512;  // px of a painted mask: it is coarse
const PAINT = "#f00";  // its red is the mask

let photo = null, own = false;  // own: there is a mask of the user's
let latest = 0, last = null, cutout = null;

const canvas = at("paint"), paint = canvas.getContext("2d", { willReadFrequently: true });
const told = text => { at("mask-status").textContent = text; };

async function open(file) {
  if (!file) return;
  const image = at("painted-on");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  for (const id of ["painting", "mask-tools", "steps", "mask-results"]) show(id, false);
  try {
    await image.decode();
  } catch {
    return told("This browser cannot show that photo; choose a JPEG, PNG or WebP");
  }
  const { naturalWidth: width, naturalHeight: height } = image, scale = Math.min(1, LONGEST / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  for (const id of ["step-coarse", "step-unified"]) at(id).style.aspectRatio = `${width} / ${height}`;
  photo = file;
  own = false;
  for (const id of ["painting", "mask-tools"]) show(id, true);
  await refine();
}

// The mask as a picture: white where it is painted.
function painted() {
  const copy = new OffscreenCanvas(canvas.width, canvas.height), context = copy.getContext("2d");
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, 0);
  const pixels = context.getImageData(0, 0, copy.width, copy.height);
  for (let place = 0; place < pixels.data.length; place += 4) pixels.data.fill(pixels.data[place], place + 1, place + 3);
  context.putImageData(pixels, 0, 0);
  return copy.convertToBlob();
}

// Paint a grey picture of a mask, in place of what is there.
function put(image) {
  paint.globalCompositeOperation = "copy";
  paint.drawImage(image, 0, 0, canvas.width, canvas.height);
  const pixels = paint.getImageData(0, 0, canvas.width, canvas.height), levels = pixels.data;
  for (let place = 0; place < levels.length; place += 4) {
    levels[place + 3] = Math.max(levels[place], levels[place + 1], levels[place + 2]);
    levels.set([255, 0, 0], place);
  }
  paint.putImageData(pixels, 0, 0);
}

async function refine() {
  if (!photo) return;
  const mine = ++latest, waiting = () => told("Waiting, the service is busy");
  told("Working");
  try {
    const files = own ? { photo, mask: await painted() } : { photo };
    const steps = await (await ask("v1/steps", { method: "POST", body: form(files) }, waiting)).json();
    if (mine !== latest) return;
    for (const name of ["coarse", "unified", "alpha"]) at(`step-${name}`).src = steps[name];
    const took = name => steps.ms[name] ? `, ${steps.ms[name].toFixed(steps.ms[name] < 10 ? 1 : 0)} ms` : "";
    at("of-coarse").textContent = own ? "Your mask, in place of MPN's" : `1. MPN: a coarse mask${took("mpn")}`;
    at("of-unified").textContent = `2. QUN: a mask of even quality${took("qun")}`;
    at("of-alpha").textContent = `3. MRN: the fine matte${took("mrn")}`;
    at("get-alpha").href = steps.alpha;
    if (!own) await at("step-coarse").decode().then(() => { if (mine === latest) put(at("step-coarse")); });
    show("steps", true);
    const address = own ? "v1/refine?show=cutout" : "v1/image";
    const blob = await (await ask(address, { method: "POST", body: form(files) }, waiting)).blob();
    if (mine !== latest) return;
    URL.revokeObjectURL(cutout);
    at("step-cutout").src = at("get-cutout").href = cutout = URL.createObjectURL(blob);
    show("mask-results", true);
    told("");
  } catch (error) {
    if (mine === latest) told(error.message);
  }
}

const place = event => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * canvas.width, (event.clientY - box.top) / box.height * canvas.height];
};

function stroke(event) {
  const next = place(event);
  paint.globalCompositeOperation = at("brush").value === "add" ? "source-over" : "destination-out";
  paint.strokeStyle = PAINT;
  paint.lineCap = "round";
  paint.lineWidth = at("brush-size").value / 100 * Math.max(canvas.width, canvas.height);
  paint.beginPath();
  paint.moveTo(...(last ?? next));
  paint.lineTo(...next);
  paint.stroke();
  last = next;
}

canvas.onpointerdown = event => {
  if (event.button) return;  // of a mouse, another than the main one
  event.preventDefault();  // else the browser would select what the brush goes over
  canvas.setPointerCapture(event.pointerId);
  latest++;
  last = null;
  stroke(event);
};
canvas.onpointermove = event => { if (last) stroke(event); };
canvas.onpointerup = canvas.onpointercancel = () => {
  if (!last) return;  // it was pressed elsewhere, and only released here
  last = null;
  own = true;
  refine();
};
at("mask-photo").onchange = event => open(event.target.files[0]);
at("mask-found").onclick = () => { own = false; refine(); };
at("mask-clear").onclick = () => {
  latest++;
  own = true;
  paint.clearRect(0, 0, canvas.width, canvas.height);
  for (const id of ["steps", "mask-results"]) show(id, false);
  told("Paint over the person");
};
at("mask-file").onchange = async event => {
  told("Working");
  try {
    put(await createImageBitmap(event.target.files[0]));
  } catch {
    return told("The mask cannot be read; choose a picture, white where the person is");
  }
  own = true;
  refine();
};
at("masks").querySelector("form").onsubmit = event => event.preventDefault();
