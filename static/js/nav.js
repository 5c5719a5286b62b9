// The side navigation: a column that can be folded away, a drawer on narrow screens.

const WIDE = window.matchMedia("(width >= 75rem)");

export function start() {
  const toggle = document.getElementById("nav-toggle");
  const sidebar = document.getElementById("sidebar");
  if (!toggle || !sidebar) return;
  const shade = document.createElement("div");
  shade.className = "nav-shade";

  const isShown = () =>
    WIDE.matches ? !sidebar.classList.contains("pf-m-collapsed") : sidebar.classList.contains("pf-m-expanded");

  function tell() {
    toggle.setAttribute("aria-expanded", String(isShown()));
    sidebar.inert = !isShown();
  }

  function closeDrawer() {
    sidebar.classList.remove("pf-m-expanded");
    shade.remove();
    tell();
  }

  toggle.addEventListener("click", () => {
    if (WIDE.matches) {
      const closed = sidebar.classList.toggle("pf-m-collapsed");
      document.cookie = `kvmweb_nav=${closed ? "closed" : "open"}; path=${document.body.dataset.prefix}; max-age=31536000; samesite=lax`;
    } else if (sidebar.classList.toggle("pf-m-expanded")) {
      sidebar.classList.remove("pf-m-collapsed");
      document.getElementById("page").append(shade);
      sidebar.inert = false;
      (sidebar.querySelector("[aria-current]") ?? sidebar.querySelector("a"))?.focus();
    } else {
      shade.remove();
    }
    tell();
  });

  shade.addEventListener("click", closeDrawer);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && sidebar.classList.contains("pf-m-expanded")) {
      closeDrawer();
      toggle.focus();
    }
  });
  WIDE.addEventListener("change", closeDrawer);
  tell();
}
