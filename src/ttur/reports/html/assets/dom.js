// Elements of the document. What comes from the data is text or a number, never markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

const make = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);

const draw = (name, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, name), attributes, children);

// A button that does something; `pressed` is for those that stay so.
function button(text, does, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", does);
  return made;
}

// A region that scrolls sideways can be reached by keyboard while it does.
function scrollable(label, content) {
  const region = make("div", { class: "scroll" }, content);
  new ResizeObserver(() => {
    if (region.scrollWidth > region.clientWidth) {
      filled(region, { tabindex: 0, role: "region", "aria-label": label }, []);
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) region.removeAttribute(name);
    }
  }).observe(region);
  return region;
}

// The children of `parent` become these, and those that were there already are not touched.
function arrange(parent, children) {
  for (const child of [...parent.childNodes]) if (!children.includes(child)) child.remove();
  children.forEach((child, place) => {
    if (parent.childNodes[place] !== child) parent.insertBefore(child, parent.childNodes[place] ?? null);
  });
}
