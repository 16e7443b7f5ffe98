/** Connects the checkboxes of the run table with the Compare button, which shows the number of selected runs. */
export function enableRunSelection(form: HTMLFormElement): void {
  const button = form.querySelector<HTMLButtonElement>("button.compare");
  const selected = (): readonly string[] =>
    [...form.querySelectorAll<HTMLInputElement>("input[name=run]:checked")].map(({ value }) => value);
  const updateButton = (): void => {
    const count = selected().length;
    if (button === null) return;
    button.disabled = count === 0;
    button.textContent = count === 0 ? "Compare" : `Compare ${count} ${count === 1 ? "run" : "runs"}`;
  };
  form.addEventListener("change", updateButton);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.href = `${form.getAttribute("action")}?runs=${selected().map(encodeURIComponent).join(",")}`;
  });
  // A browser restores the checkboxes when the user navigates back.
  addEventListener("pageshow", updateButton);
  updateButton();
}
