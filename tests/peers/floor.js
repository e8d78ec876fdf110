// The minimal window's page: the markup of the app's, filtered by the least script. Tells what it measured by its title.
const search = document.querySelector("input[type=search]");
const rows = [...document.querySelectorAll("details.activity")];
search.value = "";
search.oninput = () => {
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(search.value);
};
scrolled().then(async (frames) => {
  search.focus();
  document.title = `scrolled ${JSON.stringify(frames)}`;
  for (;;) {
    document.title = `filtered ${JSON.stringify(await filtered(MATCHES))}`;
    search.value = "";
    search.oninput();
    requestAnimationFrame(() => requestAnimationFrame(() => (document.title = "ready")));
  }
});
