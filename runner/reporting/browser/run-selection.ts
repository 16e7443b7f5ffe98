/** Lets a reader choose runs of the index and compare them: the button says how many, and works from one on. */
export function choosable(form: HTMLFormElement): void {
  const button = form.querySelector<HTMLButtonElement>("button.compare");
  const chosen = (): readonly string[] =>
    [...form.querySelectorAll<HTMLInputElement>("input[name=run]:checked")].map(({ value }) => value);
  const say = (): void => {
    const count = chosen().length;
    if (button === null) return;
    button.disabled = count === 0;
    button.textContent = count === 0 ? "Compare" : `Compare ${count} ${count === 1 ? "run" : "runs"}`;
  };
  form.addEventListener("change", say);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.href = `${form.getAttribute("action")}?runs=${chosen().map(encodeURIComponent).join(",")}`;
  });
  // A browser that comes back to the page keeps what was chosen.
  addEventListener("pageshow", say);
  say();
}
