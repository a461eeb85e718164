// The camera, matted by the service: frames go out and pictures come back, few of them on the way at a time.

import { at, show } from "./service.js";

const ON_THE_WAY = 2;  // frames: one that is worked on, and one that is sent
const LONGEST = 1920;  // px of a background, which need not be larger than the camera's picture

let socket = null, camera = null;
let out = 0, sent = 0, last = -1;  // frames that are on the way, that were sent, and the last one that was answered
let begun = new Map();  // when each frame was taken, by its number
let count = { shown: 0, skipped: 0, delay: 0 };

const told = text => { at("live-status").textContent = text; };

async function start() {
  if (!navigator.mediaDevices) return told("Browsers give the camera to pages of this machine, or over HTTPS, only");
  at("live-start").disabled = true;
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } } });
    at("camera").srcObject = camera;
    await at("camera").play();
  } catch (error) {
    return stop(`The camera cannot be opened: ${error.message}`);
  }
  told("");
  show("live-start", false);
  show("live-stop", true);
  [out, sent, last, begun] = [0, 0, -1, new Map()];
  const mine = socket = new WebSocket("v1/live");
  mine.binaryType = "arraybuffer";
  mine.onopen = async () => {
    await send_settings();
    at("camera").requestVideoFrameCallback(take);
  };
  mine.onmessage = message => { if (mine === socket) answered(message.data); };
  mine.onclose = event => { if (mine === socket) stop(event.reason || "The service does not answer; is it still running?"); };
}

function stop(reason = "") {
  for (const track of camera?.getTracks() ?? []) track.stop();
  const closing = socket;
  camera = socket = null;
  closing?.close();
  told(reason);
  at("rates").textContent = "";
  at("live-start").disabled = false;
  show("live-start", true);
  show("live-stop", false);
}

async function send_settings() {
  const bg = at("live-bg").value;
  show("of-live-colour", bg === "colour");
  show("of-live-picture", bg === "own");
  if (socket?.readyState !== WebSocket.OPEN) return;
  told("");
  const picture = bg === "own" ? await small(at("live-picture").files[0]) : null;
  if (bg === "own" && !picture && sent) return;  // until one is chosen, all stays as it is
  const name = bg === "colour" ? at("live-colour").value : bg === "own" && !picture ? "blur" : bg;
  socket.send(JSON.stringify({ bg: name, light_wrap: +at("live-wrap").value, smooth: +at("live-smooth").value, token: at("token").value }));
  if (picture) socket.send(picture);
}

// A picture of the user's, scaled down; null if there is none that can be read.
async function small(file) {
  const image = file && await createImageBitmap(file).catch(() => told("The picture cannot be read; choose another"));
  if (!image) return null;
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(Math.ceil(image.width * scale), Math.ceil(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}

async function take() {
  if (!socket) return;
  at("camera").requestVideoFrameCallback(take);
  if (out >= ON_THE_WAY) { count.skipped++; return; }
  out++;
  const mine = socket, now = performance.now(), canvas = new OffscreenCanvas(at("camera").videoWidth, at("camera").videoHeight);
  canvas.getContext("2d").drawImage(at("camera"), 0, 0);
  const frame = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  if (mine !== socket || mine.readyState !== WebSocket.OPEN) return;
  begun.set(sent++, now);
  mine.send(frame);
}

async function answered(data) {
  const error = typeof data === "string" ? JSON.parse(data) : null;
  if (error) told(error.detail);
  if (error && error.frame === undefined) return;
  const number = error ? error.frame : new DataView(data).getUint32(0);
  const taken = begun.get(number);
  count.skipped += number - last - 1;
  out -= number - last;
  for (; last < number; last++) begun.delete(last + 1);
  if (error) return;
  const picture = await createImageBitmap(new Blob([data.slice(4)])), canvas = at("live-shown");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  count.shown++;
  count.delay += performance.now() - taken;
}

setInterval(() => {
  if (!socket) return;
  const delay = count.shown ? `${Math.round(count.delay / count.shown)} ms delay` : "waiting";
  at("rates").textContent = `${count.shown} frames/s, ${delay}, ${count.skipped} skipped`;
  count = { shown: 0, skipped: 0, delay: 0 };
}, 1000);

at("live-start").onclick = start;
at("live-stop").onclick = () => stop();
addEventListener("hashchange", () => { if (camera) stop(); });
for (const id of ["live-bg", "live-colour", "live-picture", "live-wrap", "live-smooth"]) at(id).onchange = send_settings;
at("live").querySelector("form").onsubmit = event => event.preventDefault();
