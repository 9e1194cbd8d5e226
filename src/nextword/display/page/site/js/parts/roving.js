// One tab stop for a group of controls; arrow keys, Home and End move inside it.

/** Let arrow keys move the focus among the children that match; `onMove` gets the one that has it then. */
export function roving(group, selector, onMove = (_member) => {}) {
  group.addEventListener("keydown", (event) => {
    const members = [...group.querySelectorAll(selector)];
    const index = members.indexOf(document.activeElement);
    const count = members.length;
    const [next, previous] = [(index + 1) % count, (index - 1 + count) % count];
    const keys = { ArrowRight: next, ArrowDown: next, ArrowLeft: previous, ArrowUp: previous, Home: 0, End: count - 1 };
    const member = members[keys[event.key]];
    if (index < 0 || !member || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    for (const other of members) other.tabIndex = other === member ? 0 : -1;
    member.focus();
    onMove(member);
  });
}
