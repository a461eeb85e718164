// What each part of the page needs: calls of the service with the token, and errors in words.

export const at = id => document.getElementById(id);
export const show = (id, shown) => at(id).classList.toggle("hidden", !shown);
export const pause = ms => new Promise(done => setTimeout(done, ms));

// The answer of the service. An Error says what is wrong; with `waiting`, it is asked again while it is busy.
export async function ask(address, options = {}, waiting = null) {
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
