// Behaviour of the pages: partial updates, and small comforts that the pages do not depend on.
import htmx from "htmx.org";

window.htmx = htmx;

function tickBoxes(button) {
  const boxes = [...document.querySelectorAll(`#${button.dataset.toggleAll} input[type=checkbox]`)];
  const label = () => {
    button.textContent = boxes.some((box) => box.checked) ? "Tick none" : "Tick all";
  };
  button.addEventListener("click", () => {
    const on = !boxes.some((box) => box.checked);
    boxes.forEach((box) => (box.checked = on));
    label();
  });
  boxes.forEach((box) => box.addEventListener("change", label));
  label();
  button.hidden = boxes.length === 0;
}

function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  });
}

// Ctrl+Enter sends the form that a query is being written in.
function sendByKey(event) {
  const area = event.target;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && area.matches?.("textarea.code")) {
    area.form?.requestSubmit();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-toggle-all]").forEach(tickBoxes);
  document.querySelectorAll("[data-copy]").forEach(copyText);
  document.addEventListener("keydown", sendByKey);
});
