// What each part of the page needs: calls of the service with the token, and errors in words.

export const at = id => document.getElementById(id);
export const show = (id, shown) => at(id).classList.toggle("hidden", !shown);
export const pause = ms => new Promise(done => setTimeout(done, ms));

let limits = null;  // in bytes; null until the service has told them

export async function health() {
  const state = await (await ask("v1/health")).json();
  limits = { photo: state.max_bytes, video: state.max_video_bytes };
  return state;
}

// Raise an Error for a body over the limit: the service would say so only after all of it was sent.
async function check_size(address, body) {
  if (limits === null) await health().catch(() => {});  // whoever gives a wrong token learns it from what is asked
  const files = body instanceof FormData ? [...body.values()] : [body];
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const most = limits?.[address.startsWith("v1/video") ? "video" : "photo"];
  const megabytes = Math.ceil(size / 1e5) / 10;  // rounded up, so that they are more
  if (size > most) throw new Error(`${megabytes} MB are more than the ${most / 1e6} MB that the service takes; make it smaller`);
}

// The answer of the service. An Error says what is wrong; with `waiting`, it is asked again while it is busy.
export async function ask(address, options = {}, waiting = null) {
  if (options.body) await check_size(address, options.body);
  const token = at("token").value;
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(address, { headers, ...options }).catch(() => null);
  if (!answer) throw new Error("The service does not answer; is it still running?");
  if (answer.ok) return answer;
  if (answer.status !== 429 || !waiting) {
    const told = await answer.json().catch(() => null);  // a proxy before the service tells in its own way
    throw new Error(told?.detail ?? `The service cannot be reached: ${answer.status} ${answer.statusText}`);
  }
  waiting();
  await pause(1000 * (answer.headers.get("Retry-After") ?? 1));
  return ask(address, options, waiting);
}

// A form of files: { photo: file, background: file }.
export function form(files) {
  const made = new FormData();
  for (const [name, file] of Object.entries(files)) made.append(name, file, name);
  return made;
}
