// Adding a host: only the fields that the chosen transport needs are shown.

const NEEDS = { local: [], demo: [], ssh: ["machine", "user", "port"], tls: ["machine", "port"], tcp: ["machine", "port"] };

const form = document.getElementById("address");

function show() {
  const chosen = form.elements.transport.value;
  for (const name of ["machine", "user", "port"]) {
    document.getElementById(`field-${name}`).hidden = !(NEEDS[chosen] ?? []).includes(name);
  }
}

form?.addEventListener("change", show);
if (form) show();
