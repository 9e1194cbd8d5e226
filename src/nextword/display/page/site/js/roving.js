// One tab stop for a group of controls; arrow keys, Home and End move inside it.

/** Let arrow keys move the focus among the children that match; `onMove` gets the one that has it then. */
export function roving(group, selector, onMove = () => {}) {
  group.addEventListener("keydown", (event) => {
    const members = [...group.querySelectorAll(selector)];
    const at = members.indexOf(document.activeElement);
    const count = members.length;
    const places = {
      ArrowRight: (at + 1) % count,
      ArrowDown: (at + 1) % count,
      ArrowLeft: (at - 1 + count) % count,
      ArrowUp: (at - 1 + count) % count,
      Home: 0,
      End: count - 1,
    };
    const place = places[event.key];
    if (at < 0 || place === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    members.forEach((member, index) => (member.tabIndex = index === place ? 0 : -1));
    members[place].focus();
    onMove(members[place]);
  });
}
