/* SPDX-License-Identifier: PostgreSQL */
/* dom.js - making elements.  Whatever comes from the database goes in as text, never as HTML. */

export function clone(template) {
    return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

export function element(tag, classes, ...children) {
    const made = document.createElement(tag);
    made.className = classes;
    made.append(...children);
    return made;
}
