// The address of the page. Inside Airflow's own page, Airflow's address has the same parameters, so that it can be shared.
export const framed = (() => { try { return window.parent !== window && Boolean(window.parent.document); } catch { return false; } })();

if (framed && !location.search && window.parent.location.search) history.replaceState(null, "", window.parent.location.search);
export const query = new URLSearchParams(location.search);
share();

function share() {
  if (!framed) return;
  const outer = window.parent;
  outer.history.replaceState(outer.history.state, "", outer.location.pathname + location.search);
}

/** Note in the address what the page shows. An empty value removes a parameter. */
export function note(parameters) {
  for (const [key, value] of Object.entries(parameters)) {
    if (value === "" || value === null || value === undefined || value === 0) query.delete(key);
    else query.set(key, value);
  }
  history.replaceState(history.state, "", `?${query}`);
  share();
}

/** Return the address of this page with other parameters; without parameters, that of the list. */
export function address(parameters = {}) {
  const words = new URLSearchParams(parameters.job ? {} : { view: "list" });
  if (query.get("conn")) words.set("conn", query.get("conn"));
  for (const [key, value] of Object.entries(parameters)) if (value) words.set(key, value);
  return `?${words}`;
}

/** Return the properties of a link to a page of Airflow. The frame is a sandbox, so a link of the outer page is clicked. */
export function outward(path) {
  const { href } = new URL(`../${path}`, location.href);
  if (!framed) return { href };
  const onclick = (event) => {
    event.preventDefault();
    const link = window.parent.document.createElement("a");
    link.href = href;
    window.parent.document.body.append(link);
    link.click();
    link.remove();
  };
  return { href, onclick };
}
