// "Six at once": send six requests together, and draw each answer's time as a bar.

const ANSWERS = document.querySelector("#answers");
const BUTTONS = document.querySelectorAll("button[data-path]");

function showTime(item, number, ms, longest) {
  item.textContent = `${number}: ${Math.round(ms)} ms`;
  item.style.setProperty("--part", `${(100 * ms) / longest}%`);
}

async function sendOne(path, number, times) {
  const began = performance.now();
  const item = ANSWERS.appendChild(document.createElement("li"));
  item.textContent = `${number}: waiting`;
  try {
    // A browser sends equal requests one after the other: the query makes them different.
    await (await fetch(`${path}?${number}`, { cache: "no-store" })).text();
  } catch {
    item.textContent = `${number}: no answer`;
    return;
  }
  times.set(item, [number, performance.now() - began]);
  const longest = Math.max(...[...times.values()].map(([, ms]) => ms));
  for (const [shown, [which, ms]] of times) showTime(shown, which, ms, longest);
}

async function sendSix(path) {
  ANSWERS.replaceChildren();
  for (const button of BUTTONS) button.disabled = true;
  const times = new Map();
  await Promise.all([1, 2, 3, 4, 5, 6].map((number) => sendOne(path, number, times)));
  for (const button of BUTTONS) button.disabled = false;
}

for (const button of BUTTONS) {
  button.addEventListener("click", () => sendSix(button.dataset.path));
}
