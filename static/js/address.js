// Reaching a host: only what the chosen way needs is shown.

const NEEDS = {
  local: [], demo: [], "": [],
  ssh: ["machine", "user", "port", "identity"],
  tls: ["machine", "port", "identity"],
  tcp: ["machine", "port"],
};
const IDENTITIES = { ssh: ["portal", ""], tls: ["portal", "", "own"] };

const form = document.getElementById("address");

function show() {
  const way = form.elements.transport.value;
  for (const name of ["machine", "user", "port", "identity"]) {
    document.getElementById(`field-${name}`).hidden = !(NEEDS[way] ?? []).includes(name);
  }
  const fits = IDENTITIES[way] ?? [];
  for (const choice of form.querySelectorAll("input[name=identity]")) {
    choice.closest("div").hidden = !fits.includes(choice.value);
    if (choice.checked && fits.length && !fits.includes(choice.value)) {
      form.querySelector("input[name=identity][value=portal]").checked = true;
    }
  }
  const chosen = form.querySelector("input[name=identity]:checked")?.value ?? "";
  for (const section of form.querySelectorAll("[data-for]")) {
    section.hidden = section.dataset.for !== `${way} ${chosen}`;
  }
}

form?.addEventListener("change", (event) => {
  // A confirmed key belongs to one machine.
  if (["machine", "port", "transport"].includes(event.target.name)) document.getElementById("test-result").replaceChildren();
  show();
});
if (form) show();
