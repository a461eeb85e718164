// One part of the page at a time, which the address names.

const tabs = [...document.querySelectorAll("nav a")];

function turn() {
  const shown = tabs.some(tab => tab.hash === location.hash) ? location.hash : tabs[0].hash;
  for (const tab of tabs) {
    tab.classList.toggle("here", tab.hash === shown);
    document.querySelector(tab.hash).classList.toggle("hidden", tab.hash !== shown);
  }
}

addEventListener("hashchange", () => { turn(); scrollTo(0, 0); });
turn();
